"""The edges of settling: success where nobody looked for it, payments that come back, money too late."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from catalog import inventory
from catalog.models import Lot, StockLevel, StockReservation
from orders import checkout, payments, reconciler, settlement, stripe_gateway
from orders.models import Cart, Order, Payment, SavedCard, Subscription
from shop.mail.models import OutboxMessage
from tests.factories.catalog import make_variant
from tests.stripe_side import StripeSide
from tests.till import Till

pytestmark = pytest.mark.django_db
EVERY_FOUR_WEEKS = {"unit": "week", "count": 4}


def _proof(placed: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"OrderToken {placed['token']}"}


def _processing(order: Order, at: datetime) -> stripe_gateway.Intent:
    """Let the bank think: the order's intent is processing, and the stock waits a week for it."""
    intent = payments.open_intent(order, at=at, mood=stripe_gateway.TILL)
    settlement.observe(replace(intent, status="processing"), at=at)
    return intent


def _cancel_at_stripe(stripe: StripeSide, order: Order) -> None:
    stripe.ask(f"/v1/payment_intents/{order.payment.stripe_payment_intent_id}/cancel", {})


def test_success_learned_by_cancelling_begins_the_refills(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1, EVERY_FOUR_WEEKS))
    stripe_side.pay(placed["payment"]["client_secret"])

    answer = till.send("POST", f"orders/{placed['reference']}/cancel", {}, **_proof(placed))

    order = Order.objects.get()
    assert answer.json()["status"] == order.status == "placed"
    assert order.payment_status == "paid"
    assert SavedCard.objects.get().stripe_payment_method_id
    assert Subscription.objects.get().status == "active"


def test_without_a_card_the_refills_do_not_begin_and_staff_are_told(
    till: Till, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1, EVERY_FOUR_WEEKS))
    stripe_side.pay(placed["payment"]["client_secret"])
    paid = payments.open_intent(Order.objects.get(), at=timezone.now(), mood=stripe_gateway.TILL)

    settlement.observe(replace(paid, card=None), at=timezone.now())

    order = Order.objects.get()
    assert (order.status, order.payment_status) == ("placed", "paid")
    assert not Subscription.objects.exists()
    assert order.events.filter(kind="refills_not_begun").count() == 1
    kinds = OutboxMessage.objects.order_by("kind").values_list("kind", flat=True)
    assert list(kinds) == ["order_confirmation", "staff_review"]


def test_every_staff_address_gets_the_alert(till: Till, stripe_side: StripeSide, settings: Any) -> None:
    settings.STAFF_ALERT_EMAILS = ["a@shop.example", "b@shop.example"]
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    Payment.objects.update(amount=1)
    stripe_side.pay(placed["payment"]["client_secret"])

    till.settle()
    till.settle()

    told = OutboxMessage.objects.filter(kind="staff_review").order_by("to").values_list("to", flat=True)
    assert list(told) == ["a@shop.example", "b@shop.example"]


def test_a_look_at_the_payment_does_not_shorten_the_hold_of_one_in_process(till: Till) -> None:
    make_variant(sku="FLK")
    till.order(("FLK", 1))
    order, at = Order.objects.get(), timezone.now()
    _processing(order, at)

    checkout.pay_again(order, at=at + timedelta(minutes=5))

    order.refresh_from_db()
    week = at + settlement.PROCESSING_HOLD
    assert (order.hold_expires_at, StockReservation.objects.get().expires_at) == (week, week)


def test_a_payment_cancelled_at_stripe_while_in_process_ends_the_order(
    till: Till, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK")
    till.order(("FLK", 1))
    order = Order.objects.get()
    _processing(order, timezone.now())
    _cancel_at_stripe(stripe_side, order)

    till.settle()

    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("cancelled", "unpaid")
    assert StockLevel.objects.get().reserved == 0


@pytest.mark.parametrize("told", [True, False], ids=["webhook came", "webhook late"])
@pytest.mark.parametrize("door", ["checkout", "payment"])
def test_nobody_is_handed_a_cancelled_payment(
    till: Till, stripe_side: StripeSide, told: bool, door: str
) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    order = Order.objects.get()
    _cancel_at_stripe(stripe_side, order)
    if told:
        till.settle()

    if door == "checkout":
        answer = till.check_out(Cart.objects.get().token, total=order.total)
    else:
        answer = till.send("POST", f"orders/{order.reference}/payment", **_proof(placed))

    order.refresh_from_db()
    assert answer.status_code == 409
    assert answer.json()["code"] == {"checkout": "already_ordered", "payment": "not_payable"}[door]
    assert b"client_secret" not in answer.content
    assert order.status == "cancelled"
    assert StockLevel.objects.get().reserved == 0


def test_a_checkout_repeated_after_paying_says_so(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    stripe_side.pay(placed["payment"]["client_secret"])

    answer = till.check_out(Cart.objects.get().token, total=Order.objects.get().total)

    order = Order.objects.get()
    assert (answer.status_code, answer.json()["code"]) == (409, "already_ordered")
    assert answer.json()["order"] == order.reference
    assert (order.status, order.payment_status) == ("placed", "paid")


def test_paid_too_late_frees_what_was_still_held(till: Till, stripe_side: StripeSide) -> None:
    gone, left = make_variant(sku="AAA", stock=5), make_variant(sku="BBB", stock=5)
    placed = till.order(("AAA", 5), ("BBB", 5))
    at = timezone.now()
    _processing(Order.objects.get(), at)
    inventory.quarantine(Lot.objects.get(variant=gone), actor=None, cause="test", at=at)
    stripe_side.pay(placed["payment"]["client_secret"])

    till.settle()

    order = Order.objects.get()
    assert (order.status, order.payment_status) == ("cancelled", "paid")
    assert inventory.availability([left.pk]) == {left.pk: 5}
    assert not StockReservation.objects.filter(status__in=StockReservation.OPEN).exists()
    assert order.payment.refunds.get().amount == order.total


def test_nobody_holds_the_stock_for_ever_without_paying(till: Till) -> None:
    make_variant(sku="FLK", stock=10)
    till.order(("FLK", 10))
    order = Order.objects.get()
    last = order.placed_at + timedelta(minutes=15 + 45)
    for minutes in range(14, 60, 14):
        checkout.pay_again(order, at=order.placed_at + timedelta(minutes=minutes))

    with pytest.raises(checkout.NotPayable):
        checkout.pay_again(order, at=last)

    order.refresh_from_db()
    assert order.hold_expires_at == last
    assert reconciler.expire_orders(at=last + checkout.PAYABLE_AFTER_HOLD) == 1
    order.refresh_from_db()
    assert order.status == "expired"
    assert StockLevel.objects.get().reserved == 0
