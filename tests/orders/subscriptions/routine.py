"""A customer's routine: orders placed and paid in the past, and turns of beat and worker at any moment."""

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from catalog import inventory
from catalog.models import Variant
from orders import lifecycle, placement, settlement, shipping, stripe_gateway, taxes, totals
from orders.models import (
    BillingCycle,
    Consent,
    Customer,
    Order,
    PaymentAttempt,
    Refill,
    SavedCard,
    Subscription,
)
from orders.placement import Draft
from orders.stripe_gateway import Card
from orders.subscriptions import abandoning, billing, changes, dunning, enrollment, planning
from orders.totals import PricedLine
from shop.mail import delivery, rendering
from shop.mail.models import OutboxMessage
from tests.stripe_side import StripeSide
from tests.till import ADDRESS

Item = tuple[Variant, int, str, int]


@dataclass
class Routine:
    """Begins refills, and lets beat and worker turn."""

    at: datetime
    stripe: StripeSide | None = None
    customers: list[Customer] = field(default_factory=list)

    def begin(
        self,
        *items: Item,
        card: str = "visa",
        timezone: str = "Europe/London",
        customer: Customer | None = None,
        user: Any = None,
        address: dict[str, str] = ADDRESS,
        consent: bool = True,
    ) -> list[Subscription]:
        """Return the subscriptions of a paid order of (variant, quantity, unit, count) at 10 % off."""
        customer = customer or self.customer(timezone=timezone, user=user)
        order = self.order(customer, *items, address=address)
        if consent:
            Consent.objects.create(
                kind="refill", order=order, customer=customer, text="Yes.", text_sha256="-", given_at=self.at
            )
        return enrollment.enroll(order, self.card(customer, card), at=self.at)

    def customer(self, *, timezone: str = "Europe/London", user: Any = None) -> Customer:
        customer = Customer.objects.create(
            email=f"ada{len(self.customers)}@buyer.example",
            name="Ada Buyer",
            timezone=timezone,
            user=user,
            created_at=self.at,
        )
        if self.stripe is not None:
            answer = self.stripe.ask("/v1/customers", {"email": customer.email})
            customer.stripe_customer_id = answer["id"]
            customer.save()
        self.customers.append(customer)
        return customer

    def order(self, customer: Customer, *items: Item, address: dict[str, str] = ADDRESS) -> Order:
        """Return an order with these lines on refill, as settlement leaves it."""
        lines = [
            PricedLine(
                variant=variant,
                quantity=quantity,
                list_unit_price=1250,
                unit_price=1125,
                refill_unit=unit,
                refill_count=count,
            )
            for variant, quantity, unit, count in items
        ]
        zone = shipping.zone_for(country=address["country"], postal_code=address["postal_code"])
        options = zone.options(weight_g=1000, items_total=1000)
        rates = taxes.rates_for(
            country=address["country"], region="", tax_codes={"standard"}, on=self.at.date()
        )
        quote = totals.quote(
            lines, currency=zone.currency, tax_included=True, tax_rates=rates, shipping=options[0]
        )
        draft = Draft(
            quote=quote,
            origin=Order.Origin.CHECKOUT,
            email=customer.email,
            country=address["country"],
            locale="en-gb",
            shipping_address=address,
            billing_address=address,
            saves_card=True,
            user=customer.user,
            customer=customer,
        )
        order = placement.place_order(draft, hold_until=self.at + timedelta(minutes=15), at=self.at)
        lifecycle.mark_paid(order, at=self.at)
        inventory.allocate(order.stock_reference, at=self.at)
        lifecycle.confirm(order, at=self.at)
        return order

    def card(self, customer: Customer, name: str) -> Card:
        """Return a card of the customer: one of Stripe's test cards, attached there, or a name only."""
        found = {"id": f"pm_{secrets.token_hex(8)}"}
        if self.stripe is not None:
            form = {"customer": customer.stripe_customer_id or ""}
            found = self.stripe.ask(f"/v1/payment_methods/pm_card_{name}/attach", form)
        return Card(found["id"], customer.stripe_customer_id or "", "visa", "4242", 12, 2034)

    def saved(self, customer: Customer, name: str) -> SavedCard:
        return enrollment.save_card(customer, self.card(customer, name), at=self.at)

    def remind(self, at: datetime) -> Refill:
        """Plan at `at`, send the mails, and return the newest refill."""
        planning.plan(at=at)
        delivery.deliver_due(at=at)
        return Refill.objects.order_by("-pk")[0]

    def turn(self, at: datetime) -> None:
        """One turn of beat and worker at a moment: every sweep once, and the mails."""
        changes.resume_due(at=at)
        dunning.stop_overdue(at=at)
        planning.plan(at=at)
        for refill_id in [*billing.claim(at=at), *billing.reclaim(at=at)]:
            self.bill(refill_id, at)
        for refill_id in abandoning.take(at=at):
            self._observe(abandoning.abandon(refill_id, at=at), at)
        delivery.deliver_due(at=at)

    def bill(self, refill_id: int, at: datetime) -> None:
        self._observe(billing.bill(refill_id, at=at), at)

    def observe(self, order: Order, at: datetime) -> None:
        """What a webhook brings: the order's intent as Stripe has it."""
        intent_id = order.payment.stripe_payment_intent_id or ""
        settlement.observe_by_id(intent_id, mood=stripe_gateway.BACKGROUND, at=at)

    def _observe(self, intent: Any, at: datetime) -> None:
        if intent is not None:
            settlement.observe(intent, at=at)


def mails(kind: str) -> list[OutboxMessage]:
    """Return the mails of a kind with their words, oldest first."""
    found = list(OutboxMessage.objects.filter(kind=kind).order_by("pk"))
    for mail in found:
        rendering.settle(mail)
    return found


def cycle_of(subscription: Subscription) -> BillingCycle:
    """Return the one open cycle of a subscription."""
    return subscription.cycles.get(status="open")


def confirms(order: Order | None) -> int:
    """Return how many times an order's card was asked."""
    return PaymentAttempt.objects.filter(payment__order=order, kind="confirm").count()


def days(count: float) -> timedelta:
    return timedelta(days=count)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls at the same moment, each on its own connection; return their answers."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=10)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, call) for call in calls]]
