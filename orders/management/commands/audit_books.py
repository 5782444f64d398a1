"""Compares Stripe, payments, orders and stock, and lists every difference. Mends nothing."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orders import books, stripe_gateway
from orders.models import ReconciliationRun
from shop.clock import reading
from shop.money import format_money


class Command(BaseCommand):
    help = (
        "Compare the books with Stripe; exit 1 with a list if anything differs, 2 if Stripe does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--all", action="store_true", help="everything there ever was, not only the latest"
        )
        parser.add_argument("--days", type=int, default=3, help="how far to look back (and whatever is open)")

    def handle(self, *args: Any, **options: Any) -> None:
        at = reading.now()
        run = books.open_run(at=at, everything=options["all"], window=timedelta(days=options["days"]))
        try:
            books.audit(run, at=at, tell=self.stdout.write)
        except (stripe_gateway.OutcomeUnknown, stripe_gateway.Refused) as error:
            raise CommandError(f"Stripe gave no answer: {error}", returncode=2) from error
        if run.status == ReconciliationRun.Status.CLEAN:
            self.stdout.write("The books agree.")
            return
        self._list(run)
        raise SystemExit(1)

    def _list(self, run: ReconciliationRun) -> None:
        for row in run.differences.select_related("order"):
            order = f" (order {row.order.reference})" if row.order else ""
            self.stdout.write(f"\n[{row.severity}] {row.kind}: {row.subject}{order}\n  {row.explanation}")
            if row.currency and row.here is not None and row.there is not None:
                here, there = (format_money(amount, row.currency) for amount in (row.here, row.there))
                self.stdout.write(f"  here {here}, there {there}")
            self.stdout.write(f"  → {row.advice}")
        self.stdout.write(f"\n{run.differences.count()} differences. Nothing was changed.")
