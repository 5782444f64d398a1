"""How the shop learns that money moved: once, whoever brings the news, in whatever order."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from catalog import inventory
from catalog.models import StockLevel, StockReservation
from orders import checkout, reconciler, settlement, stripe_gateway
from orders.models import Order, Payment, StripeRefund, WebhookEvent
from shop.mail.models import OutboxMessage
from tests.factories.catalog import make_variant
from tests.stripe_side import CARD_3DS, CARD_DECLINED, StripeSide, post_event, sign
from tests.till import Till, work_off

pytestmark = pytest.mark.django_db


def _mails(kind: str) -> int:
    return OutboxMessage.objects.filter(kind=kind).count()


def test_a_paid_order_is_confirmed_once(till: Till, stripe_side: StripeSide) -> None:
    variant = make_variant(sku="FLK", stock=10)

    order = till.bought(("FLK", 2))

    assert (order.status, order.payment_status) == ("placed", "paid")
    assert order.payment.amount_received == order.total
    assert StockReservation.objects.get().status == "allocated"
    level = StockLevel.objects.get(variant=variant)
    assert (level.on_hand, level.reserved) == (10, 2), "stock leaves with the parcel, not with the payment"
    mail = OutboxMessage.objects.get(kind="order_confirmation")
    assert order.reference in mail.subject
    assert len(stripe_side.charges_of(order.reference)) == 1


def test_five_copies_of_every_event_in_reverse_change_nothing(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1))
    events = [event for event in stripe_side.events() if order.reference in json.dumps(event)]

    for event in list(reversed(events)) * 5:
        assert post_event(till.client, event).status_code == 200
    work_off()

    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("placed", "paid")
    assert _mails("order_confirmation") == 1
    assert order.events.filter(kind="paid").count() == 1
    assert StockLevel.objects.get().reserved == 1


def test_an_order_is_paid_without_any_webhook(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    stripe_side.pay(placed["payment"]["client_secret"])

    asked = reconciler.check_silent_payments(at=timezone.now() + timedelta(minutes=3))

    order = Order.objects.get()
    assert asked == 1
    assert order.payment_status == "paid"
    assert not WebhookEvent.objects.exists()


def test_a_webhook_faster_than_our_own_answer_finds_the_order(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    Payment.objects.update(stripe_payment_intent_id=None)
    stripe_side.pay(placed["payment"]["client_secret"])

    till.settle()

    order = Order.objects.get()
    assert order.payment_status == "paid"
    assert order.payment.stripe_payment_intent_id == placed["payment"]["client_secret"].split("_secret_")[0]


def test_a_declined_card_leaves_the_order_payable_with_another(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    secret = placed["payment"]["client_secret"]
    refused = stripe_side.pay(secret, CARD_DECLINED)
    till.settle()
    order = Order.objects.get()

    assert refused["error"]["code"] == "card_declined"
    assert (order.status, order.payment_status) == ("pending", "unpaid")
    assert order.payment.last_decline_code == "generic_decline"
    assert _mails("order_confirmation") == 0

    stripe_side.pay(secret)
    till.settle()

    order.refresh_from_db()
    assert order.payment_status == "paid"
    assert len(stripe_side.charges_of(order.reference)) == 1


def test_a_late_copy_of_a_decline_does_not_unpay_an_order(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    stripe_side.pay(placed["payment"]["client_secret"], CARD_DECLINED)
    stripe_side.pay(placed["payment"]["client_secret"])
    failed = [e for e in stripe_side.events() if e["type"] == "payment_intent.payment_failed"][-1]
    till.settle()

    post_event(till.client, {**failed, "id": "evt_late_copy"})
    work_off()

    assert Order.objects.get().payment_status == "paid"


def test_three_d_secure_pays_after_the_challenge(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    secret = placed["payment"]["client_secret"]
    parked = stripe_side.pay(secret, CARD_3DS)
    till.settle()
    assert parked["status"] == "requires_action"
    assert Order.objects.get().payment_status == "unpaid"

    stripe_side.authenticate(secret)
    till.settle()

    assert Order.objects.get().payment_status == "paid"


@pytest.mark.parametrize("how", ["no header", "wrong secret", "old", "changed body"])
def test_a_forged_webhook_is_refused_and_leaves_no_row(till: Till, stripe_side: StripeSide, how: str) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    stripe_side.pay(placed["payment"]["client_secret"])
    event = next(e for e in reversed(stripe_side.events()) if e["type"] == "payment_intent.succeeded")
    body = json.dumps(event).encode()
    signature = {
        "no header": "",
        "wrong secret": sign(body, secret="whsec_guessed"),
        "old": sign(body, at=time.time() - 301),
        "changed body": sign(body.replace(b"succeeded", b"canceled_")),
    }[how]

    answer = post_event(till.client, event, signature=signature)

    assert answer.status_code == 400
    assert not WebhookEvent.objects.exists()
    assert Order.objects.get().payment_status == "unpaid"


def test_a_rotated_secret_is_still_believed(till: Till, settings: Any) -> None:
    body = json.dumps(
        {"id": "evt_1", "type": "customer.created", "data": {"object": {"id": "cus_1"}}}
    ).encode()

    answer = Client().post(
        "/webhooks/stripe",
        data=body,
        content_type="application/json",
        headers={"Stripe-Signature": sign(body, secret=settings.STRIPE_WEBHOOK_SECRETS[1])},
    )

    assert answer.status_code == 200


def test_a_signed_event_that_lies_about_success_pays_nothing(till: Till, stripe_side: StripeSide) -> None:
    """The event is only a hint: what counts is read from Stripe."""
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    intent_id = placed["payment"]["client_secret"].split("_secret_")[0]
    lie = {
        "id": "evt_lie",
        "type": "payment_intent.succeeded",
        "data": {"object": {"id": intent_id, "object": "payment_intent", "status": "succeeded"}},
    }

    assert post_event(till.client, lie).status_code == 200
    work_off()

    assert Order.objects.get().payment_status == "unpaid"


def test_an_intent_of_another_amount_stops_the_order_for_review(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    Payment.objects.update(amount=1)
    stripe_side.pay(placed["payment"]["client_secret"])

    till.settle()

    order = Order.objects.get()
    assert order.payment_status == "unpaid"
    assert "Stripe says" in order.review_reason
    assert _mails("order_confirmation") == 0
    assert _mails("staff_review") == 1


def test_paid_after_expiry_with_stock_left_reinstates_the_order(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK", stock=5)
    order = _expired_but_payable(till)
    stripe_side.pay(_secret(order))

    till.settle()

    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("placed", "paid")
    assert StockReservation.objects.filter(status="allocated").count() == 1
    assert order.events.filter(kind="reinstated").exists()


def test_paid_after_the_goods_were_gone_is_refunded_in_full(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK", stock=1)
    late = _expired_but_payable(till)
    first = till.bought(("FLK", 1), email="first@buyer.example")
    stripe_side.pay(_secret(late))

    till.settle()
    reconciler.send_refunds(at=timezone.now())

    late.refresh_from_db()
    first.refresh_from_db()
    assert first.payment_status == "paid"
    assert (late.status, late.payment_status) == ("cancelled", "refunded")
    refund = StripeRefund.objects.get()
    assert (refund.amount, refund.status) == (late.total, "succeeded")
    assert _mails("paid_too_late") == _mails("refund") == 1
    assert StockLevel.objects.get().reserved == 1


def test_an_order_nobody_paid_expires_and_its_intent_is_cancelled(
    till: Till, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK", stock=5)
    placed = till.order(("FLK", 1))
    later = timezone.now() + timedelta(hours=2)

    assert reconciler.expire_orders(at=later) == 1

    order = Order.objects.get()
    assert order.status == "expired"
    assert StockLevel.objects.get().reserved == 0
    intent = stripe_side.intent(placed["payment"]["client_secret"].split("_secret_")[0])
    assert intent["status"] == "canceled"
    again = till.send(
        "POST", f"orders/{order.reference}/payment", Authorization=f"OrderToken {placed['token']}"
    )
    assert (again.status_code, again.json()["code"]) == (409, "not_payable")


def test_expiring_meets_a_payment_that_came_first(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK", stock=5)
    placed = till.order(("FLK", 1))
    stripe_side.pay(placed["payment"]["client_secret"])

    reconciler.expire_orders(at=timezone.now() + timedelta(hours=2))

    order = Order.objects.get()
    assert (order.status, order.payment_status) == ("placed", "paid")


def test_a_refund_made_at_stripe_appears_here(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 2))

    stripe_side.refund_in_dashboard(order.payment.stripe_payment_intent_id, 500)
    till.settle()

    order.refresh_from_db()
    assert order.payment_status == "partially_refunded"
    assert order.payment.amount_refunded == 500
    assert StripeRefund.objects.get().reason == "Made at Stripe."
    assert _mails("refund") == 1


def test_paying_again_renews_the_hold(till: Till) -> None:
    make_variant(sku="FLK", stock=1)
    placed = till.order(("FLK", 1))
    order = Order.objects.get()
    before = order.hold_expires_at
    assert before is not None

    later = timezone.now() + timedelta(minutes=5)
    checkout.pay_again(order, at=later)

    order.refresh_from_db()
    assert order.hold_expires_at is not None
    assert order.hold_expires_at > before
    assert inventory.is_reserved(order.stock_reference)
    assert placed["reference"] == order.reference


def test_cancelling_an_unpaid_order_frees_its_stock(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK", stock=1)
    placed = till.order(("FLK", 1))

    answer = till.send(
        "POST", f"orders/{placed['reference']}/cancel", {}, Authorization=f"OrderToken {placed['token']}"
    )

    assert answer.status_code == 200
    assert answer.json()["status"] == "cancelled"
    assert StockLevel.objects.get().reserved == 0
    paid = stripe_side.pay(placed["payment"]["client_secret"])
    assert paid["error"]["code"] == "payment_intent_unexpected_state"


def _expired_but_payable(till: Till) -> Order:
    """An order whose end came while a customer was paying: ended here, its intent still open at Stripe."""
    placed = till.order(("FLK", 1))
    order = Order.objects.get(reference=placed["reference"])
    inventory.release(order.stock_reference, at=timezone.now())
    Order.objects.filter(pk=order.pk).update(status="expired", closed_at=timezone.now())
    order.refresh_from_db()
    return order


def _secret(order: Order) -> str:
    intent = stripe_gateway.retrieve_intent(
        order.payment.stripe_payment_intent_id, mood=stripe_gateway.BACKGROUND
    )
    return intent.client_secret


def test_observing_twice_is_harmless(till: Till) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1))

    settlement.observe_by_id(
        order.payment.stripe_payment_intent_id, mood=stripe_gateway.BACKGROUND, at=timezone.now()
    )

    assert order.events.filter(kind="paid").count() == 1
