"""Celery's door to the API's own housekeeping."""

from celery import shared_task

from shop.api import idempotency
from shop.clock import reading


@shared_task(name="api.purge_idempotency_keys")
def purge_idempotency_keys() -> None:
    """Forget stored answers that nobody will ask for again."""
    idempotency.purge(at=reading.now())
