"""Compares every count with what it must follow from. Fixes nothing."""

from typing import Any

from django.core.management.base import BaseCommand

from catalog import inventory


class Command(BaseCommand):
    help = "Check that counts equal movements, reservations and lots; exit 1 with a table if they do not."

    def handle(self, *args: Any, **options: Any) -> None:
        found = inventory.differences()
        if not found:
            self.stdout.write("Stock agrees with its ledger.")
            return
        self.stdout.write(f"{'SKU':<20} {'what':<34} {'is':>8} {'should be':>10}")
        for row in found:
            self.stdout.write(f"{row.sku:<20} {row.what:<34} {row.actual:>8} {row.expected:>10}")
        raise SystemExit(1)
