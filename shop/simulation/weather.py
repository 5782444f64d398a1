"""What goes wrong by itself: outages, a Stripe that fails, a mail server that is down, cards that die."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from orders.models import Dispute, Payment, SavedCard
from shop.simulation import mailbox
from shop.simulation.post import Post
from shop.simulation.stripe_desk import Desk

# One day in so many, each; cards: one day in so many for each card in use.
OUTAGE, STRIPE, MAIL, WEBHOOKS, REDIS, CARD, DISPUTE = 30, 10, 20, 8, 15, 150, 90
SILENCE, DASHBOARD = 25, 40
OUTAGE_HOURS = (3, 6, 24, 48, 80, 240)
# When Stripe answers nobody: in the hours in which refills are charged.
SILENT_FROM, SILENT_FOR = (6, 9, 12), timedelta(hours=3)
# An open dispute is given up on one day in so many.
GIVEN_UP = 12


@dataclass
class Weather:
    """Draws each day's troubles, and says at each turn what is out of order."""

    desk: Desk
    post: Post
    chance: random.Random
    faults: Counter[str] = field(default_factory=Counter)
    _down_until: datetime | None = None
    _mail_down_until: datetime | None = None
    _blocked_until: datetime | None = None
    _silent_from: datetime | None = None
    _fault_today: tuple[str, int] = ("", 1)
    stripe_fault: tuple[str, int] = ("", 1)
    redis_forgets: bool = False

    def new_day(self, *, at: datetime) -> None:
        """Draw what happens today."""
        self._fault_today, self.redis_forgets, self._silent_from = ("", 1), False, None
        if self._today(OUTAGE):
            hours = self.chance.choice(OUTAGE_HOURS)
            self._down_until = at + timedelta(hours=hours)
            self.faults[f"outages of beat and worker, {hours:3} hours"] += 1
        if self._today(STRIPE):
            self._fault_today = (
                self.chance.choice(("unreached", "lost", "lost", "unavailable")),
                self.chance.choice((1, 2, 3)),
            )
            self.faults[f"days on which Stripe's requests are {self._fault_today[0]}"] += 1
        if self._today(SILENCE):
            self._silent_from = at + timedelta(hours=self.chance.choice(SILENT_FROM))
            self.faults["mornings on which Stripe answers nobody"] += 1
        if self._today(MAIL):
            self._mail_down_until = at + timedelta(hours=self.chance.choice((5, 20, 60, 100)))
            self.faults["times the mail server is down"] += 1
        if self._today(WEBHOOKS):
            self._blocked_until = at + timedelta(hours=24)
            self.faults["days without webhooks, brought mixed up and repeated"] += 1
        if self._today(REDIS):
            self.redis_forgets = True
            self.faults["days on which Redis forgets every wake-up"] += 1
        self._cards()
        self._disputes()
        self._dashboard()

    def turn(self, *, at: datetime) -> bool:
        """Put things into and out of order; return whether beat and worker run."""
        mailbox.server.is_down = self._mail_down_until is not None and at < self._mail_down_until
        self.post.is_blocked = self._blocked_until is not None and at < self._blocked_until
        silent = self._silent_from is not None and self._silent_from <= at < self._silent_from + SILENT_FOR
        self.stripe_fault = ("silent", 1) if silent else self._fault_today
        return self._down_until is None or at >= self._down_until

    def clear(self) -> None:
        """Nothing is out of order any more."""
        self._down_until = self._mail_down_until = self._blocked_until = self._silent_from = None
        self._fault_today, self.redis_forgets = ("", 1), False

    def _today(self, one_in: int) -> bool:
        return self.chance.randrange(one_in) == 0

    def _cards(self) -> None:
        """Cards expire at their bank, are renewed by it, or vanish in Stripe's dashboard."""
        in_use = SavedCard.objects.filter(removed_at__isnull=True, subscriptions__isnull=False)
        for card in in_use.distinct().order_by("pk"):
            if not self._today(CARD):
                continue
            what = self.chance.choice(("expired", "expired", "renewed", "detached"))
            card_id = card.stripe_payment_method_id
            if what == "expired":
                self.desk.control("expire-card", payment_method=card_id)
            elif what == "renewed":
                self.desk.control("update-card", payment_method=card_id, exp_year=2041)
            else:
                self.desk.detach(card_id)
            self.faults[f"cards {what}"] += 1

    def _disputes(self) -> None:
        """A payer goes to their bank; a dispute that is open is given up some day."""
        for dispute in Dispute.objects.filter(closed_at=None).order_by("pk"):
            if self._today(GIVEN_UP):
                self.desk.accept_dispute(dispute.stripe_dispute_id)
                self.faults["disputes given up"] += 1
        if not self._today(DISPUTE):
            return
        paid = Payment.objects.filter(
            succeeded_at__isnull=False, amount_received__gt=0, disputes__isnull=True
        )
        ids = list(paid.order_by("-pk").values_list("stripe_payment_intent_id", flat=True)[:10])
        if ids:
            self.desk.control("dispute", payment_intent=self.chance.choice(ids))
            self.faults["disputes"] += 1

    def _dashboard(self) -> None:
        """Somebody gives money back in Stripe's dashboard, past the shop."""
        if not self._today(DASHBOARD):
            return
        paid = Payment.objects.filter(
            succeeded_at__isnull=False, disputes__isnull=True, amount_received__gt=0, refunds__isnull=True
        )
        found = list(paid.order_by("-pk")[:10])
        if found:
            payment = self.chance.choice(found)
            amount = self.chance.choice((50, payment.amount_received))
            self.desk.refund(payment.stripe_payment_intent_id or "", amount)
            self.faults["refunds in Stripe's dashboard"] += 1
