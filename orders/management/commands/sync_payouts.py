"""Copies payouts and what they are made of from Stripe."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orders import payouts, stripe_gateway
from shop.clock import reading


class Command(BaseCommand):
    help = "Copy payouts with their balance transactions from Stripe; exit 1 if one does not add up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="every payout there ever was")
        parser.add_argument("--days", type=int, default=30, help="how far to look back")

    def handle(self, *args: Any, **options: Any) -> None:
        at = reading.now()
        try:
            count = payouts.sync(at=at, since=at - timedelta(days=options["days"]), everything=options["all"])
        except (stripe_gateway.OutcomeUnknown, stripe_gateway.Refused) as error:
            raise CommandError(f"Stripe gave no answer: {error}", returncode=2) from error
        self.stdout.write(f"{count} payouts copied.")
        found = payouts.differences()
        for row in found:
            self.stdout.write(f"{row.subject}: {row.explanation}")
        if found:
            raise SystemExit(1)
