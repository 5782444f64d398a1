"""Celery's doors to the catalogue: sweeps that may run twice, late or never."""

import logging

from celery import shared_task

from catalog import alerts, back_in_stock, inventory, sheets
from catalog.models import ProductImage
from shop.clock import reading
from shop.images import pictures

logger = logging.getLogger(__name__)


@shared_task(name="catalog.release_expired_holds")
def release_expired_holds() -> None:
    """Give back what customers left unpaid."""
    inventory.release_expired(at=reading.now())


@shared_task(name="catalog.watch_stock")
def watch_stock() -> None:
    """Tell staff what ran low."""
    alerts.watch_stock(at=reading.now())


@shared_task(name="catalog.age_out_lots")
def age_out_lots() -> None:
    """Take lots off sale that came too near to their best-before date."""
    taken = inventory.age_out(at=reading.now())
    if taken.short:
        logger.warning("Ageing lots left allocations short: %s", ", ".join(taken.short))


@shared_task(name="catalog.prepare_pictures")
def prepare_pictures() -> None:
    """Draw the files of pictures that were uploaded."""
    pictures.prepare_waiting(ProductImage)


@shared_task(name="catalog.tell_back_in_stock")
def tell_back_in_stock() -> None:
    """Write to those who wait for what came back."""
    back_in_stock.tell(at=reading.now())


@shared_task(name="catalog.forget_stock_requests")
def forget_stock_requests() -> None:
    """Delete addresses that nobody needs any more."""
    back_in_stock.forget(at=reading.now())


@shared_task(name="catalog.run_import", time_limit=3600)
def run_import(job_id: int) -> None:
    """Check or apply an import. A large file takes minutes; its lease keeps others from it."""
    sheets.run(job_id, at=reading.now())


@shared_task(name="catalog.sweep_imports", time_limit=3600)
def sweep_imports() -> None:
    """Take up imports whose wake-up was lost, or whose worker was."""
    for job_id in sheets.waiting(reading.now()).values_list("pk", flat=True)[:5]:
        sheets.run(job_id, at=reading.now())
