"""Celery's door to the reports."""

from celery import shared_task

from shop.backoffice.refills import counting
from shop.clock import reading


@shared_task(name="backoffice.count_refills")
def count_refills() -> None:
    """Count what the reports on refills show, where that takes too long for a page."""
    counting.keep(at=reading.now())
