"""Run by a clerk, on the shop's settings: customers who begin refills, and some who think again.

    begin --first 1 --count 160 --kind pay
    think-again

Everything goes through the shop's verbs and Stripe's API; no row is written by hand. Prints one JSON line.
"""

import argparse
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import requests
from django.conf import settings

from catalog import inventory
from catalog.models import Variant
from orders import carts, checkout, settlement, stripe_gateway
from orders.models import Subscription
from orders.subscriptions import changes, enrollment
from shop.clock import reading
from tests.chaos.browser import Browser
from tests.chaos.stack import PUBLISHABLE_KEY
from tests.factories.catalog import put_in_stock
from tests.till import ADDRESS

SKU, SCARCE_SKU = "FLK-ORI-1000", "OIL-GEN-100"
# What becomes of their coming refill; all but the first must not be charged.
KINDS = ("pay", "skip", "cancel", "decline", "authenticate", "short")
CARDS = {"decline": "chargeCustomerFail", "authenticate": "authenticationRequired"}


def begin(first: int, count: int, kind: str, unit: str, units: int, stripe: str) -> int:
    """Let customers check out one item on refill each, and pay; return how many subscriptions they have."""
    at = reading.now()
    sku = SCARCE_SKU if kind == "short" else SKU
    put_in_stock(Variant.objects.get(sku=sku), 3 * count, code=f"L-{kind}-{first}", at=at)
    for number in range(first, first + count):
        _check_out(f"{kind}-{number}@refill.example", sku, carts.Refill(unit, units), stripe, at)
    if kind in CARDS:
        for row in _of(kind):
            _change_card(row, CARDS[kind], stripe, at)
    if kind == "short":
        _break_all_of(SCARCE_SKU, at)
    return _of(kind).count()


def think_again() -> int:
    """Let those skip and cancel who will; return how many did."""
    at = reading.now()
    for row in _of("skip"):
        changes.skip(row, at=at)
    for row in _of("cancel"):
        changes.cancel(row, reason="I have enough.", at=at)
    return _of("skip").count() + _of("cancel").count()


def _of(kind: str) -> Any:
    return Subscription.objects.filter(customer__email__startswith=f"{kind}-").order_by("pk")


def _check_out(email: str, sku: str, refill: Any, stripe: str, at: datetime) -> None:
    cart = carts.create(at=at)
    carts.set_details(
        cart, {"email": email, "shipping_address": ADDRESS, "shipping_method": "standard"}, at=at
    )
    carts.add_line(cart, sku=sku, quantity=1, refill=refill, at=at)
    total = carts.view(carts.by_token(cart.token), at=at).quote.total
    consents = checkout.Consents(terms=True, refill=True)
    done = checkout.check_out(cart.token, expected_total=total, consents=consents, user=None, at=at)
    assert done.intent is not None
    said = Browser(stripe, PUBLISHABLE_KEY).pay(done.intent.client_secret)
    assert said == "succeeded", said
    settlement.observe_by_id(done.intent.id, mood=stripe_gateway.at_the_till(), at=at)


def _change_card(row: Any, name: str, stripe: str, at: datetime) -> None:
    """Give a subscription a card that Stripe took, and will refuse when its owner is away."""
    customer = row.customer
    answer = requests.post(
        f"{stripe}/v1/payment_methods/pm_card_{name}/attach",
        data={"customer": customer.stripe_customer_id},
        headers={"Authorization": f"Bearer {settings.STRIPE_SECRET_KEY}"},
        timeout=30,
    )
    answer.raise_for_status()
    card = stripe_gateway.Card(answer.json()["id"], customer.stripe_customer_id, "visa", "0341", 12, 2034)
    enrollment.save_card(customer, card, at=at)
    changes.change_card(row, payment_method_id=card.payment_method_id, at=at)


def _break_all_of(sku: str, at: datetime) -> None:
    """Let all that is free of an item be damaged."""
    variant = Variant.objects.get(sku=sku)
    for lot in variant.lots.filter(status="released").order_by("pk"):
        free = min(inventory.available_of(variant), lot.on_hand)
        if free:
            inventory.adjust(
                variant=variant, kind="damaged", quantity=-free, reason="A shelf fell.", actor=None,
                cause=f"chaos:{lot.pk}", at=at, lot=lot,
            )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("begin", "think-again"))
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS, default="pay")
    parser.add_argument("--every", default="week:4", help="the interval, as unit:count")
    parser.add_argument("--stripe", default="", help="where browsers find Stripe: past every proxy")
    given = parser.parse_args(arguments)
    unit, units = given.every.split(":")
    if given.what == "begin":
        done = begin(given.first, given.count, given.kind, unit, int(units), given.stripe)
    else:
        done = think_again()
    print(json.dumps({"done": done}))
