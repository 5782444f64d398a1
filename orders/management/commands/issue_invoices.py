"""manage.py issue_invoices: invoices and credit notes of what was paid before they existed."""

from typing import Any

from django.core.management.base import BaseCommand

from orders import invoices
from shop.clock import reading
from shop.exceptions import ShopError


class Command(BaseCommand):
    help = "Issue the invoices and credit notes that paid orders lack, oldest first. Safe to run twice."

    def handle(self, *args: Any, **options: Any) -> None:
        issued, without = 0, 0
        for order_id in invoices.missing_ids():
            try:
                issued += len(invoices.issue_missing(order_id, at=reading.now()))
            except ShopError as refusal:
                without += 1
                self.stdout.write(refusal.detail)
        orders = "order" if without == 1 else "orders"
        self.stdout.write(f"{issued} documents issued, {without} {orders} without.")
