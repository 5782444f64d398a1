"""The play: day after day of customers, staff and weather, then some days of peace, then the books.

Everything is drawn from one seed, and the clock stands while anything is done: the same seed plays the same.
"""

import random
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import catalog.sample_data
import orders.sample_data
from catalog.models import Variant
from orders.models import PaymentAttempt, Refill, Subscription
from shop.clock import reading
from shop.mail.models import OutboxMessage
from shop.simulation import books, evidence, invariants
from shop.simulation.customers import Customers
from shop.simulation.office import Office
from shop.simulation.post import Post
from shop.simulation.staff import Staff
from shop.simulation.stage import Troubles, patience
from shop.simulation.stripe_desk import Desk
from shop.simulation.weather import Weather

BEGINS_AT = datetime(2027, 1, 4, tzinfo=UTC)
TURNS_A_DAY = 8
# After a turn that left something open, the sweeps of the next minutes.
SOON = timedelta(minutes=10)
SOON_AT_MOST = 2
PEACE_DAYS = 4
KINDS_OF_GOODS = 8
TELL_EVERY_DAYS = 30

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: what is broken, and the books with a name that is theirs alone."""

    broken: list[str]
    books: list[str]
    digest: str


class Play:
    """One run on a stage that is set."""

    def __init__(
        self,
        desk: Desk,
        office: Office,
        troubles: Troubles,
        *,
        subscriptions: int,
        seed: int,
        turns_a_day: int = TURNS_A_DAY,
        say: Say = lambda line: None,
    ) -> None:
        self.desk, self.office, self.troubles, self.say = desk, office, troubles, say
        self.post, self.turns_a_day = Post(desk), turns_a_day
        self._stand(BEGINS_AT)
        catalog.sample_data.load(at=BEGINS_AT)
        orders.sample_data.load(at=BEGINS_AT)
        found = Variant.objects.sellable().filter(is_subscribable=True).exclude(product__kind="bundle")
        goods = chance("goods", seed).sample(
            list(found.select_related("product").order_by("sku")), KINDS_OF_GOODS
        )
        # Each has a chance of its own: another wish of a customer does not change the weather.
        self.customers = Customers(desk, chance("customers", seed), goods, subscriptions)
        self.staff = Staff(chance("staff", seed), goods)
        self.weather = Weather(desk, self.post, chance("weather", seed))
        self._mixing = chance("post", seed)

    def run(self, days: int) -> Outcome:
        """Play so many days and some of peace; return the books and what is broken."""
        for day in range(days):
            self._day(day)
            if (day + 1) % TELL_EVERY_DAYS == 0:
                self.say(self._progress(day + 1))
        self.weather.clear()
        for day in range(days, days + PEACE_DAYS):
            for turn in range(self.turns_a_day):
                self._turn(self._moment(day, turn))
        return self.conclude(self._moment(days + PEACE_DAYS))

    def conclude(self, at: datetime) -> Outcome:
        """Read Stripe's ledger and our tables, and judge."""
        ledger = self.desk.ledger()
        broken = invariants.broken(evidence.read(ledger, at=at))
        broken += [
            f"nothing fails unexpectedly: {trouble} ({times} times)"
            for trouble, times in self.troubles.found.items()
        ]
        played = {
            "Wishes of customers": self.customers.asked,
            "Wishes that were refused": self.customers.refused,
            "Staff": self.staff.done,
            "Faults": self.weather.faults,
        }
        found = books.lines(played, ledger)
        return Outcome(broken, found, books.digest(found))

    def _day(self, day: int) -> None:
        self._stand(self._moment(day))
        self.weather.new_day(at=self._moment(day))
        for turn in range(self.turns_a_day):
            at = self._moment(day, turn)
            self._turn(at)
            # At noon customers and staff do what they do.
            if turn == self.turns_a_day // 2:
                self._stand(at + SOON * (SOON_AT_MOST + 1))
                self.customers.arrive(day=day, at=reading.now())
                self.customers.live(at=reading.now())
                self.staff.work(at=reading.now())

    def _turn(self, at: datetime) -> None:
        """Beat and worker at a moment, and a little later if that left anything open."""
        for later in range(SOON_AT_MOST + 1):
            now = at + later * SOON
            self._stand(now)
            if not self.weather.turn(at=now):
                return
            self.post.deliver(self._mixing)
            fault, every = self.weather.stripe_fault
            with self.desk.faulty(fault, every), patience(fault):
                self.office.turn(now, forgets=self.weather.redis_forgets)
            if not _is_anything_open():
                return

    def _moment(self, day: int, turn: int = 0) -> datetime:
        return BEGINS_AT + timedelta(days=day, hours=24 // self.turns_a_day * turn)

    def _stand(self, at: datetime) -> None:
        reading.stand_at(at)
        self.desk.move_clock(at)

    def _progress(self, day: int) -> str:
        live = Subscription.objects.exclude(status=Subscription.Status.CANCELLED).count()
        paid = Refill.objects.filter(status=Refill.Status.PAID).count()
        mails = OutboxMessage.objects.filter(status=OutboxMessage.Status.SENT).count()
        faults = sum(self.weather.faults.values())
        return f"day {day}: {live} live subscriptions, {paid} paid refills, {mails} mails, {faults} faults"


def chance(whose: str, seed: int) -> random.Random:
    """Return a chance that draws the same for the same seed."""
    return random.Random(f"{whose} {seed}")  # noqa: S311 - nothing here is secret


def play(desk: Desk, troubles: Troubles, *, days: int, **wanted: Any) -> Outcome:
    """Play `days` in the life of refills, and return what came of it. `wanted`: see `Play`."""
    with closing(Office()) as office:
        return Play(desk, office, troubles, **wanted).run(days)


def _is_anything_open() -> bool:
    """Return whether a refill is in work or a call has no answer: real sweeps come back in seconds."""
    in_work = Refill.objects.filter(status__in=[Refill.Status.CLAIMED, Refill.Status.CHARGING])
    unresolved = PaymentAttempt.objects.filter(outcome__in=["started", "unknown"])
    return in_work.exists() or unresolved.exists()
