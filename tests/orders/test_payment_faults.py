"""What the chaos runs found: answers that a customer must never see, and ends that were left loose."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from orders import attempts, checkout, payments, reconciler, stripe_gateway
from orders.models import Order, PaymentAttempt
from shop.clock import reading
from tests.factories.catalog import make_variant
from tests.stripe_side import StripeSide
from tests.till import Till


def _silent(*_: Any, **__: Any) -> None:
    raise stripe_gateway.OutcomeUnknown("timeout")


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_double_click_on_order_gives_one_order_twice(till: Till) -> None:
    make_variant(sku="FLK")
    cart = till.cart(("FLK", 1))
    total = till.total(cart)
    answers: list[Any] = []

    def click() -> None:
        try:
            answers.append(
                Till(till.stripe, till.at, Client(raise_request_exception=False)).check_out(cart, total=total)
            )
        finally:
            connection.close()

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()

    assert Order.objects.count() == 1
    assert {answer.status_code for answer in answers} <= {200, 201, 503}, [a.content for a in answers]


@pytest.mark.django_db
def test_coming_back_while_stripe_is_silent_is_a_503_with_retry_after(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    monkeypatch.setattr(stripe_gateway, "retrieve_intent", _silent)

    answer = till.send(
        "POST", f"orders/{placed['reference']}/refresh", Authorization=f"OrderToken {placed['token']}"
    )

    assert (answer.status_code, answer.json()["code"]) == (503, "payment_unavailable")
    assert int(answer["Retry-After"]) > 0


@pytest.mark.django_db
def test_an_order_that_ends_before_its_customer_exists_leaves_no_attempt_open(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_variant(sku="FLK")
    with monkeypatch.context() as patched:
        patched.setattr(stripe_gateway, "create_customer", _silent)
        cart = till.cart(("FLK", 1, {"unit": "week", "count": 4}))
        assert till.check_out(cart).status_code == 503
    order = Order.objects.get()

    reconciler.expire_orders(at=reading.now() + timedelta(minutes=20) + checkout.PAYABLE_AFTER_HOLD)

    order.refresh_from_db()
    assert order.status == "expired"
    assert not PaymentAttempt.objects.filter(outcome__in=["started", "unknown"]).exists()


@pytest.mark.django_db
def test_an_intent_that_a_webhook_brought_can_be_cancelled_though_its_answer_was_lost(
    till: Till, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_variant(sku="FLK")
    create = stripe_gateway.create_intent

    def lost(*given: Any, **named: Any) -> None:
        create(*given, **named)
        raise stripe_gateway.OutcomeUnknown("connection reset")

    with monkeypatch.context() as patched:
        patched.setattr(stripe_gateway, "create_intent", lost)
        assert till.check_out(till.cart(("FLK", 1))).status_code == 503
    till.settle()
    order = Order.objects.get()
    assert order.payment.stripe_payment_intent_id, "the webhook names the order"

    checkout.cancel(order, reason="changed my mind", actor=None, at=reading.now())

    order.refresh_from_db()
    assert order.status == "cancelled"
    assert stripe_side.intent(order.payment.stripe_payment_intent_id)["status"] == "canceled"
    assert [attempt.outcome for attempt in PaymentAttempt.objects.order_by("number")] == ["ok", "ok"]


@pytest.mark.django_db
def test_a_refund_in_the_dashboard_whose_events_were_lost_is_found(
    till: Till, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 2))
    stripe_side.refund_in_dashboard(order.payment.stripe_payment_intent_id or "", 100)

    assert reconciler.find_refunds(at=reading.now()) >= 1

    order.refresh_from_db()
    assert (order.payment_status, order.payment.refunds.get().amount) == ("partially_refunded", 100)


@pytest.mark.django_db
def test_an_intent_known_to_be_cancelled_is_not_cancelled_again(
    till: Till, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_variant(sku="FLK")
    till.order(("FLK", 1))
    order = Order.objects.get()
    cancel = stripe_gateway.cancel_intent

    def lost(*given: Any, **named: Any) -> None:
        cancel(*given, **named)
        raise stripe_gateway.OutcomeUnknown("connection reset")

    with monkeypatch.context() as patched:
        patched.setattr(stripe_gateway, "cancel_intent", lost)
        with pytest.raises(payments.PaymentUnavailable):
            checkout.cancel(order, reason="changed my mind", actor=None, at=reading.now())
    reconciler.check_payment(order.payment, at=reading.now())

    checkout.cancel(order, reason="changed my mind", actor=None, at=reading.now())

    order.refresh_from_db()
    assert order.status == "cancelled"
    assert PaymentAttempt.objects.filter(kind="cancel").count() == 1


@pytest.mark.django_db
def test_a_twin_with_older_rows_gets_the_same_intent(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    make_variant(sku="FLK")
    with monkeypatch.context() as patched:
        patched.setattr(stripe_gateway, "create_customer", _silent)
        assert till.check_out(till.cart(("FLK", 1, {"unit": "week", "count": 4}))).status_code == 503
    one, twin = (Order.objects.select_related("payment", "customer").get() for _ in range(2))

    first = payments.open_intent(one, at=till.at, mood=stripe_gateway.TILL)
    second = payments.open_intent(twin, at=till.at, mood=stripe_gateway.TILL)

    assert second.id == first.id
    kinds = PaymentAttempt.objects.order_by("number").values_list("kind", "outcome")
    assert list(kinds) == [("create_customer", "ok"), ("create_intent", "ok")]


@pytest.mark.django_db
def test_nothing_is_opened_for_an_order_that_ended_meanwhile(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_variant(sku="FLK")
    with monkeypatch.context() as patched:
        patched.setattr(stripe_gateway, "create_customer", _silent)
        till.check_out(till.cart(("FLK", 1, {"unit": "week", "count": 4})))
    late = Order.objects.select_related("payment", "customer").get()
    checkout.cancel(Order.objects.get(), reason="changed my mind", actor=None, at=till.at)

    with pytest.raises(attempts.OrderEnded):
        payments.open_intent(late, at=till.at, mood=stripe_gateway.TILL)

    assert not Order.objects.get().payment.stripe_payment_intent_id


@pytest.mark.django_db
def test_a_cancel_that_comes_after_the_money_begins_no_attempt(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    late = Order.objects.get()
    till.stripe.pay(placed["payment"]["client_secret"])
    till.settle()
    monkeypatch.setattr(stripe_gateway, "cancel_intent", _silent)

    intent = checkout.cancel(late, reason="changed my mind", actor=None, at=reading.now())

    assert intent is not None
    assert intent.status == "succeeded"
    assert not PaymentAttempt.objects.filter(kind="cancel").exists()
