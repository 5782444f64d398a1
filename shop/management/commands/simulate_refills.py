"""manage.py simulate_refills: months in the life of refills, and whether everything held that must hold."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop.exceptions import Forbidden
from shop.simulation import stage
from shop.simulation.play import Outcome, play

SHOWN = 40


class Command(BaseCommand):
    help = (
        "Play months of refills with declines, outages, stock-outs and changes of mind, on a database and a "
        "devstripe of its own, then print the books; exit 1 on any broken invariant."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--subscriptions", type=int, default=20)
        parser.add_argument("--days", type=int, default=90)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--here", action="store_true", help="in this database, which must hold no orders")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["subscriptions"] < 1 or options["days"] < 1:
            raise CommandError("At least one subscription and one day.")
        began = time.monotonic()
        try:
            with stage.set_up(here=options["here"]) as (desk, troubles):
                outcome = play(
                    desk,
                    troubles,
                    subscriptions=options["subscriptions"],
                    days=options["days"],
                    seed=options["seed"],
                    say=self._say,
                )
        except Forbidden as refusal:
            raise CommandError(refusal.detail) from refusal
        self._say(
            f"\n{options['subscriptions']} subscriptions, {options['days']} days, seed {options['seed']}"
        )
        self._conclude(outcome, time.monotonic() - began)

    def _conclude(self, outcome: Outcome, seconds: float) -> None:
        """Print the books and the verdict. :raises SystemExit: 1, if anything is broken."""
        for line in outcome.books:
            self._say(line)
        self._say(f"\nBooks {outcome.digest}, {seconds:.0f} s.")
        if not outcome.broken:
            self._say("Every invariant held.")
            return
        for line in outcome.broken[:SHOWN]:
            self.stderr.write(line)
        self.stderr.write(f"{len(outcome.broken)} broken.")
        raise SystemExit(1)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
