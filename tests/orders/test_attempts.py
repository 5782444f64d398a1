"""Attempts whose outcome is not known: each is resolved in the end, and none keeps an order for ever."""

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import StockLevel
from orders import checkout, payments, reconciler
from orders.models import Order, Payment, PaymentAttempt
from tests.factories.catalog import make_variant
from tests.outages import answer_lost
from tests.stripe_side import StripeSide
from tests.till import Till

pytestmark = pytest.mark.django_db


def _attempts(order: Order) -> list[tuple[str, str]]:
    return list(order.payment.attempts.values_list("kind", "outcome"))


def _intent_status(stripe: StripeSide, order: Order) -> str:
    return stripe.intent(order.payment.stripe_payment_intent_id or "")["status"]


def _order_with_a_lost_answer(till: Till) -> Order:
    """An order whose intent exists, as only Stripe and its webhook know."""
    with answer_lost("create_intent"):
        assert till.check_out(till.cart(("FLK", 1))).status_code == 503
    till.settle()
    return Order.objects.get()


def test_an_order_known_from_a_webhook_alone_expires_like_any_other(
    till: Till, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK", stock=5)
    order = _order_with_a_lost_answer(till)
    assert _attempts(order) == [("create_intent", "ok")]

    reconciler.expire_orders(at=timezone.now() + timedelta(hours=3))

    order.refresh_from_db()
    assert order.status == "expired"
    assert _attempts(order) == [("create_intent", "ok"), ("cancel", "ok")]
    assert _intent_status(stripe_side, order) == "canceled"
    assert StockLevel.objects.get().reserved == 0


def test_an_order_known_from_a_webhook_alone_can_be_cancelled(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK", stock=5)
    order = _order_with_a_lost_answer(till)

    checkout.cancel(order, reason="No.", actor=None, at=timezone.now())

    order.refresh_from_db()
    assert order.status == "cancelled"
    assert _intent_status(stripe_side, order) == "canceled"


@pytest.mark.parametrize("arrives", [True, False])
def test_a_cancellation_that_was_never_answered_is_sent_again(
    till: Till, stripe_side: StripeSide, arrives: bool
) -> None:
    make_variant(sku="FLK", stock=5)
    till.order(("FLK", 1))
    order = Order.objects.get()
    with answer_lost("cancel_intent", arrives=arrives), pytest.raises(payments.PaymentUnavailable):
        checkout.cancel(order, reason="No.", actor=None, at=timezone.now())
    assert _attempts(order) == [("create_intent", "ok"), ("cancel", "unknown")]

    reconciler.check_silent_payments(at=timezone.now() + timedelta(hours=1))

    order.refresh_from_db()
    assert order.status == "cancelled"
    assert _attempts(order) == [("create_intent", "ok"), ("cancel", "ok")]
    assert _intent_status(stripe_side, order) == "canceled"
    assert StockLevel.objects.get().reserved == 0


def test_an_unanswered_cancellation_of_an_order_that_has_ended_is_closed_too(till: Till) -> None:
    make_variant(sku="FLK")
    till.order(("FLK", 1))
    order = Order.objects.get()
    checkout.cancel(order, reason="No.", actor=None, at=timezone.now())
    PaymentAttempt.objects.filter(kind="cancel").update(outcome="started", finished_at=None)

    asked = reconciler.check_silent_payments(at=timezone.now() + timedelta(hours=1))
    again = reconciler.check_silent_payments(at=timezone.now() + timedelta(hours=9))

    order.refresh_from_db()
    assert (asked, again) == (1, 0), "once it is closed nobody asks any more"
    assert _attempts(order) == [("create_intent", "ok"), ("cancel", "ok")]
    assert order.status == "cancelled"


def test_payments_that_stripe_does_not_know_keep_nobody_from_their_turn(
    till: Till, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK")
    lost, paid = till.order(("FLK", 1)), till.order(("FLK", 1))
    Payment.objects.filter(order__reference=lost["reference"]).update(stripe_payment_intent_id="pi_gone")
    stripe_side.pay(paid["payment"]["client_secret"])
    at = timezone.now() + timedelta(minutes=5)

    for minutes in (0, 1):
        reconciler.check_silent_payments(at=at + timedelta(minutes=minutes), limit=1)

    statuses = dict(Order.objects.values_list("reference", "payment_status"))
    assert statuses == {lost["reference"]: "unpaid", paid["reference"]: "paid"}
