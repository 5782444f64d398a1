"""Plans, claims and bills refills in this process, once: what beat and worker do all day."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from orders import settlement
from orders.subscriptions import billing, giving_back, planning
from shop.clock import reading


class Command(BaseCommand):
    help = "Plan the coming refills, then claim and bill those that are due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, default=50, help="how many refills to bill at most")

    def handle(self, *args: Any, **options: Any) -> None:
        at = reading.now()
        planned = planning.plan(at=at)
        claimed = [*billing.claim(at=at, limit=options["limit"]), *billing.reclaim(at=at)]
        charged = sum(self._bill(refill_id) for refill_id in claimed)
        self.stdout.write(f"planned {planned}, claimed {len(claimed)}, charged {charged}")

    def _bill(self, refill_id: int) -> bool:
        """Bill one refill and return whether it is paid."""
        at = reading.now()
        with giving_back.if_it_stumbles(refill_id, at=at):
            intent = billing.bill(refill_id, at=at)
            if intent is not None:
                settlement.observe(intent, at=at)
                return intent.status == "succeeded"
        return False
