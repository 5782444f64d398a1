"""manage.py reconcile: ask Stripe about everything that is open, now."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from orders import reconciler
from shop.clock import reading


class Command(BaseCommand):
    help = "Work off stored events, send refunds, ask Stripe about silent payments, end what nobody paid."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="ask about every open payment, however recent")

    def handle(self, *args: Any, **options: Any) -> None:
        at = reading.now()
        events = sum(reconciler.process_event(pk, at=at) for pk in reconciler.due_event_ids(at=at))
        sent = reconciler.send_refunds(at=at)
        asked = reconciler.check_silent_payments(at=at, everything=options["all"])
        refunds = reconciler.check_pending_refunds(at=at)
        found = reconciler.find_refunds(at=at, everything=options["all"])
        taken_back = reconciler.check_disputes(at=at)
        free = reconciler.settle_free_orders(at=at)
        ended = reconciler.expire_orders(at=at) + reconciler.end_probed_orders(at=at)
        self.stdout.write(
            f"{events} events worked off, {sent} refunds sent, {asked} payments and {refunds} refunds asked "
            f"about, {found} refunds found at Stripe, {taken_back} disputes and warnings, {free} free and "
            f"{ended} unpaid orders looked at."
        )
