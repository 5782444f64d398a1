"""Celery's doors to the stock: sweeps that may run twice, late or never."""

import logging

from celery import shared_task

from catalog import back_in_stock, inventory
from catalog.models import ProductImage
from shop.clock import reading
from shop.images import pictures

logger = logging.getLogger(__name__)


@shared_task(name="catalog.release_expired_holds")
def release_expired_holds() -> None:
    """Give back what customers left unpaid."""
    inventory.release_expired(at=reading.now())


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
