"""Celery's door to the outbox."""

from celery import shared_task

from shop.clock import reading
from shop.mail import delivery, draining
from shop.wake import wake


@shared_task(name="mail.deliver_message")
def deliver_message(message_id: int) -> None:
    """Send one mail."""
    delivery.deliver(message_id, at=reading.now())


@shared_task(name="mail.sweep_outbox")
def sweep_outbox() -> None:
    """Send whatever is due, retries and what was written by the thousand too; go on while it lasts."""
    if draining.drain(clock=lambda: reading.now()):
        wake(sweep_outbox)
