"""Recalls a lot, or every lot made of a supplier's lot; with --dry-run it only says whom that concerns."""

import csv
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orders import recalls
from shop.clock import reading
from shop.exceptions import ShopError


class Command(BaseCommand):
    help = (
        "Freeze a lot (by its batch code) or every lot made of a supplier's lot, and write to each customer "
        "who got any of it, once: manage.py recall_lot L26280A --reason '…' [--dry-run] [--csv]"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", help="a batch code, a supplier's lot number or our raw lot's code")
        parser.add_argument("--reason", default="", help="for customers: what is wrong and what to do")
        parser.add_argument("--dry-run", action="store_true", help="say whom it concerns; write nothing")
        parser.add_argument("--csv", action="store_true", help="print one row a parcel and lot instead")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["dry_run"] and not options["reason"].strip():
            raise CommandError("Customers are told why: give --reason, or look first with --dry-run.")
        try:
            lots = recalls.lots_named(options["code"])
        except ShopError as refusal:
            raise CommandError(refusal.detail) from refusal
        found = recalls.trace(lots)
        if options["csv"]:
            csv.writer(self.stdout, lineterminator="\n").writerows(recalls.rows(found))
        else:
            self._describe(found)
        if not options["dry_run"]:
            self._recall(found, options["reason"], options["code"])

    def _describe(self, found: recalls.Trace) -> None:
        for lot in found.lots:
            self.stdout.write(f"lot {lot.code} of {lot.variant.sku}: {lot.status}, {lot.physical} units here")
        sent = f"{found.units_left} units left in {len(found.orders)} orders"
        boxed = sorted({line.shipment.reference for line in found.waiting})
        self.stdout.write(f"{sent} to {len(found.customers)} customers; {found.units_here} units are here")
        self.stdout.write(f"parcels to open: {', '.join(boxed) or 'none'}")

    def _recall(self, found: recalls.Trace, reason: str, code: str) -> None:
        outcome = recalls.recall(found.lots, reason=reason, code=code, actor=None, at=reading.now())
        self.stderr.write(
            f"recalled; {len(outcome.told)} customers are told now, {len(outcome.told_before)} were before; "
            f"orders without stock now: {', '.join(outcome.short) or 'none'}"
        )
