"""manage.py move_clock --days 5: move the shop's clock for a demo or a drill."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop.clock import reading
from shop.exceptions import Forbidden


class Command(BaseCommand):
    help = "Move the shop's clock for a demo or a drill (refused in production settings)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=0)
        parser.add_argument("--hours", type=int, default=0)
        parser.add_argument("--minutes", type=int, default=0)
        parser.add_argument("--reset", action="store_true", help="back to real time first")

    def handle(self, *args: Any, **options: Any) -> None:
        step = timedelta(days=options["days"], hours=options["hours"], minutes=options["minutes"])
        try:
            if options["reset"]:
                reading.reset()
            at = reading.move(step)
        except Forbidden as refusal:
            raise CommandError(refusal.detail) from refusal
        self.stdout.write(f"The shop's clock reads {at:%Y-%m-%d %H:%M:%S} UTC.")
