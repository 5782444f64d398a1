"""What customers do with their refills: begin them at the till, change their minds, answer mails about money.

Only public verbs, as the API and the pages call them. A refusal is an answer and is counted by its code.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from catalog.models import Variant
from orders import card_setups, carts, checkout, settlement, stripe_gateway
from orders.models import Refill, SavedCard, Subscription
from orders.subscriptions import changes, extras, schedule, sending, swaps
from shop.accounts.models import User
from shop.exceptions import ShopError
from shop.simulation import browser
from shop.simulation.stripe_desk import EMPTY_CARD, GOOD_CARD, WATCHED_CARD, Desk

RHYTHMS = (
    ("week", 1),
    ("day", 10),
    ("week", 2),
    ("week", 4),
    ("week", 4),
    ("month", 1),
    ("week", 6),
    ("month", 2),
)
HOMES = (
    {"line1": "12 Canal Street", "city": "Leeds", "postal_code": "LS1 4AP", "country": "GB"},
    {"line1": "12 Canal Street", "city": "Leeds", "postal_code": "LS1 4AP", "country": "GB"},
    {"line1": "Lindenstraße 7", "city": "Berlin", "postal_code": "10969", "country": "DE"},
    {"line1": "40 Elm Street", "city": "Albany", "postal_code": "12207", "region": "NY", "country": "US"},
)
# Where people move to: into another zone, too, and abroad, where other money is paid.
NEW_HOMES = (
    *HOMES,
    {"line1": "3 Harbour Road", "city": "Lerwick", "postal_code": "ZE1 0LL", "country": "GB"},
    {"line1": "Rue du Lac 4", "city": "Annecy", "postal_code": "74000", "country": "FR"},
    {"line1": "9 Pine Avenue", "city": "Portland", "postal_code": "97204", "region": "OR", "country": "US"},
)
# New buyers come in the first weeks, so that rhythms do not all beat on one day.
ARRIVE_WITHIN_DAYS = 21
# In a hundred days of a subscription so many wishes.
WISHES_PER_CENT = 5


@dataclass
class Customers:
    """Everybody who buys, each with a mind of their own."""

    desk: Desk
    chance: random.Random
    goods: list[Variant]
    wanted: int
    begun: int = 0
    _arrived: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def arrive(self, *, day: int, at: datetime) -> None:
        """Let as many begin refills as should have by this day."""
        goal = min(self.wanted, -(-self.wanted * (day + 1) // ARRIVE_WITHIN_DAYS))
        while self.begun < goal:
            items = min(goal - self.begun, self.chance.choice((1, 1, 2, 3)))
            self.begun += items
            self._try("begin", partial(self._buy, items, at=at))

    def live(self, *, at: datetime) -> None:
        """Give every subscription a day: some wish something, some answer a mail about money."""
        rows = Subscription.objects.exclude(status=Subscription.Status.CANCELLED)
        for row in rows.select_related("customer__user", "variant").order_by("pk"):
            if self.chance.randrange(100) < WISHES_PER_CENT:
                self._wish(row, at=at)
            self._answer(row, at=at)

    def _wish(self, row: Subscription, *, at: datetime) -> None:
        wishes = self._wishes(row, at=at)
        name = self.chance.choices(list(wishes), weights=[weight for weight, _ in wishes.values()])[0]
        self._try(name, wishes[name][1])

    def _wishes(self, row: Subscription, *, at: datetime) -> dict[str, tuple[int, Callable[[], object]]]:
        chance = self.chance
        today = schedule.local_day(at, row.timezone)
        later = today + timedelta(days=chance.randint(2, 45))
        goods = chance.choice(self.goods)
        units = chance.randint(1, 3)
        return {
            "skip": (6, lambda: changes.skip(row, at=at)),
            "unskip": (2, lambda: changes.unskip(row, at=at)),
            "pause until": (2, lambda: changes.pause(row, until=later, at=at)),
            "pause": (1, lambda: changes.pause(row, until=None, at=at)),
            "resume": (2, lambda: changes.resume(row, at=at)),
            "other quantity": (2, lambda: changes.change_quantity(row, quantity=units, at=at)),
            "other day": (3, lambda: changes.reschedule(row, next_on=later, at=at)),
            "longer interval": (1, lambda: changes.lengthen(row, at=at)),
            "swap": (3, lambda: swaps.swap(row, sku=goods.sku, at=at)),
            "one-off item": (4, lambda: extras.add(row, sku=goods.sku, quantity=1, at=at)),
            "send now": (4, lambda: self._send_now(row, at=at)),
            "send now twice": (1, lambda: self._send_now(row, at=at, clicks=2)),
            "another good card": (2, lambda: self._other_card(row, GOOD_CARD, at=at)),
            "a card without money": (3, lambda: self._other_card(row, EMPTY_CARD, at=at)),
            "a card that asks": (2, lambda: self._other_card(row, WATCHED_CARD, at=at)),
            "another address, by the account": (2, lambda: self._move(row, by_link=False)),
            "another address, by a mail's link": (2, lambda: self._move(row, by_link=True)),
            "a card of before, by a mail's link": (2, lambda: self._card_of_before(row)),
            "skip, by the reminder's link": (2, lambda: self._skip_parcel(row)),
            "cancel": (1, lambda: changes.cancel(row, reason="Had enough.", at=at)),
        }

    def _answer(self, row: Subscription, *, at: datetime) -> None:
        """One day in three somebody does what the last mail about money asked for."""
        willing = self.chance.randrange(3) == 0
        if not willing:
            return
        if row.status == Subscription.Status.PAUSED:
            if row.paused_until is None and row.status_reason != Subscription.DISPUTE:
                self._try("resume after a stop", lambda: changes.resume(row, at=at))
            return
        waiting = Refill.objects.filter(cycles__subscription=row, cycles__status="open", next_attempt_at=None)
        refill = waiting.filter(status__in=[Refill.Status.DUNNING, Refill.Status.ACTION_REQUIRED]).first()
        if refill is not None and refill.status == Refill.Status.ACTION_REQUIRED:
            self._try("authenticate", lambda: self._authenticate(refill, at=at))
        elif refill is not None or row.card_id is None:
            self._try("new card after a refusal", lambda: self._other_card(row, GOOD_CARD, at=at))

    def _buy(self, items: int, *, at: datetime) -> None:
        number = self._arrived = self._arrived + 1
        user = User.objects.create_user(f"buyer{number}@simulation.example", name=f"Buyer {number}")
        home = {"name": f"Buyer {number}", **self.chance.choice(HOMES)}
        cart = carts.create(at=at, user=user, country=home["country"])
        for variant in self.chance.sample(self.goods, items):
            rhythm = carts.Refill(*self.chance.choice(RHYTHMS))
            quantity = self.chance.randint(1, 2)
            carts.add_line(cart, sku=variant.sku, quantity=quantity, refill=rhythm, at=at)
        details = {"email": user.email, "shipping_address": home, "shipping_method": "standard"}
        cart = carts.set_details(cart, details, at=at)
        total = carts.view(cart, at=at).quote.total
        consents = checkout.Consents(terms=True, refill=True, ip_address="192.0.2.1")
        done = checkout.check_out(cart.token, expected_total=total, consents=consents, user=user, at=at)
        if done.intent is not None:
            self.desk.pay(done.intent.client_secret, GOOD_CARD)
            # The page that the browser comes back to.
            settlement.observe_by_id(done.intent.id, mood=stripe_gateway.at_the_till(), at=at)

    def _send_now(self, row: Subscription, *, at: datetime, clicks: int = 1) -> None:
        row.refresh_from_db()
        total = sending.preview(row, at=at).total
        for _ in range(clicks):
            sending.send_now(row, expected_total=total, at=at)

    def _other_card(self, row: Subscription, number: str, *, at: datetime) -> None:
        card = self._save_card(row, number, at=at)
        if card is not None:
            changes.change_card(row, payment_method_id=card.stripe_payment_method_id, at=at)

    def _move(self, row: Subscription, *, by_link: bool) -> None:
        home = self.chance.choice(NEW_HOMES)
        name = row.shipping_address["name"]
        browser.send_form(row, "address", by_link=by_link, name=name, **home)

    def _card_of_before(self, row: Subscription) -> None:
        """Choose any card that is still saved, for this refill or for all."""
        cards = SavedCard.objects.filter(customer=row.customer_id, removed_at=None).order_by("pk")
        if cards:
            card = self.chance.choice(list(cards)).stripe_payment_method_id
            everything = {"everything": "on"} if self.chance.randrange(2) else {}
            browser.send_form(row, "card", by_link=True, card=card, **everything)

    def _skip_parcel(self, row: Subscription) -> None:
        refill = Refill.objects.filter(cycles__subscription=row, cycles__status="open").first()
        if refill is not None:
            browser.skip(refill)

    def _save_card(self, row: Subscription, number: str, *, at: datetime) -> SavedCard | None:
        user = row.customer.user
        if user is None:
            return None
        setup = card_setups.begin(
            user, agreed=True, ip_address="192.0.2.1", at=at, subscription=row.reference
        )
        opened = card_setups.open_at_stripe(setup, mood=stripe_gateway.at_the_till())
        self.desk.save_card(opened.client_secret, number)
        return card_setups.observe(opened.id, mood=stripe_gateway.at_the_till(), at=at)

    def _authenticate(self, refill: Refill, *, at: datetime) -> None:
        """Open the link of the mail and confirm the same intent on the pay page."""
        if refill.order is not None:
            intent = checkout.pay_again(refill.order, at=at)
            self.desk.pay(intent.client_secret, WATCHED_CARD)

    def _try(self, name: str, do: Callable[[], object]) -> None:
        self.asked[name] += 1
        try:
            do()
        except ShopError as refusal:
            self.refused[refusal.problem_code] += 1
