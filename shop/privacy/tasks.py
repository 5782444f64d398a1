"""Celery's door to privacy."""

from celery import shared_task

from shop.clock import reading
from shop.privacy import erasure, retention


@shared_task(name="privacy.carry_out_erasures")
def carry_out_erasures() -> None:
    """Forget the accounts whose last order has closed."""
    erasure.carry_out_due(at=reading.now())


@shared_task(name="privacy.sweep_retention")
def sweep_retention() -> None:
    """Let go of what is over."""
    retention.sweep(at=reading.now())
