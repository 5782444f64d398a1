"""Writes a payout as CSV for a bookkeeper; `orders.payouts.COLUMNS` says what each column holds."""

import csv
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orders import payouts
from orders.models import Payout


class Command(BaseCommand):
    help = "Write a payout as CSV, one row a balance transaction: manage.py export_payout po_… > payout.csv"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("payout", help="the payout's id at Stripe (po_…)")

    def handle(self, *args: Any, **options: Any) -> None:
        payout = Payout.objects.filter(stripe_payout_id=options["payout"]).first()
        if payout is None:
            raise CommandError(f"No payout {options['payout']} here; `sync_payouts` copies them from Stripe.")
        csv.writer(self.stdout, lineterminator="\n").writerows(payouts.rows(payout))
