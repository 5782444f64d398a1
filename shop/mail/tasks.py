"""Celery's door to the outbox."""

from celery import shared_task

from shop.clock import reading
from shop.mail import delivery


@shared_task(name="mail.deliver_message")
def deliver_message(message_id: int) -> None:
    """Send one mail."""
    delivery.deliver(message_id, at=reading.now())


@shared_task(name="mail.sweep_outbox")
def sweep_outbox() -> None:
    """Send whatever is due: lost wake-ups and retries."""
    for message_id in delivery.due_ids(at=reading.now()):
        # The clock is read for each: a slow mail server must not make a later claim that is over already.
        delivery.deliver(message_id, at=reading.now())
