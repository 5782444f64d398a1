"""Two tabs, one cart: what one tab does while the other is in the middle of it. Real connections."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from catalog.models import StockLevel
from orders import attempts, checkout, placement, stripe_gateway
from orders.models import CartLine, Order, OrderLine, Payment, PaymentAttempt
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import together
from tests.outages import answer_lost
from tests.stripe_side import StripeSide
from tests.till import Till

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def _post(path: str, body: Any) -> Any:
    return Client().post(f"/api/v1/{path}", data=json.dumps(body), content_type="application/json")


def _check_out(token: str, total: int) -> Any:
    return _post(f"carts/{token}/checkout", {"expected_total": total, "consents": {"terms": True}})


def _wait_until_somebody_queues_for_a_lock() -> None:
    queue = """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    for _ in range(500):
        with connection.cursor() as cursor:
            # Within a transaction the view is a photograph; ask for a new one.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(queue)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waited for the lock: this was no race")


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when a checkout has written its order; it commits once somebody else queues behind it."""
    begun, real = threading.Event(), placement.place_order

    def place_and_linger(*args: Any, **kwargs: Any) -> Order:
        order = real(*args, **kwargs)
        begun.set()
        _wait_until_somebody_queues_for_a_lock()
        return order

    monkeypatch.setattr(placement, "place_order", place_and_linger)
    return begun


def _on_another_connection(work: Callable[[], Any]) -> Any:
    """Run work to its end in another thread; return its answer, or what it raised."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        except Exception as error:
            found.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=30)
    return found[0]


def test_the_order_button_in_two_tabs_makes_one_order(
    till: Till, stripe_side: StripeSide, inside: threading.Event
) -> None:
    make_variant(sku="FLK", stock=10)
    token = till.cart(("FLK", 1))
    total = till.total(token)

    def second() -> Any:
        assert inside.wait(timeout=30)
        return _check_out(token, total)

    answers = together(lambda: _check_out(token, total), second)

    assert [answer.status_code for answer in answers] == [201, 200]
    assert len({answer.json()["reference"] for answer in answers}) == 1
    assert len({answer.json()["payment"]["client_secret"] for answer in answers}) == 1
    assert (Order.objects.count(), Payment.objects.count()) == (1, 1)
    assert list(PaymentAttempt.objects.values_list("kind", "outcome")) == [("create_intent", "ok")]
    assert StockLevel.objects.get().reserved == 1


def test_a_line_added_while_the_cart_is_ordered_is_refused(till: Till, inside: threading.Event) -> None:
    make_variant(sku="FLK", stock=10)
    token = till.cart(("FLK", 1))
    total = till.total(token)

    def add() -> Any:
        assert inside.wait(timeout=30)
        return _post(f"carts/{token}/lines", {"sku": "FLK", "quantity": 1})

    ordered, added = together(lambda: _check_out(token, total), add)

    assert ordered.status_code == 201
    assert (added.status_code, added.json()["code"]) == (409, "already_ordered")
    assert list(OrderLine.objects.values_list("quantity", flat=True)) == [1]
    assert list(CartLine.objects.values_list("quantity", flat=True)) == [1], "the cart is what was ordered"


@pytest.mark.parametrize("call", ["create_customer", "create_intent"])
@pytest.mark.parametrize("moment", ["before Stripe has it", "before we have the answer"])
def test_cancelling_while_the_payment_is_opened_leaves_nothing_payable(
    till: Till, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch, call: str, moment: str
) -> None:
    make_variant(sku="FLK", stock=5)
    with answer_lost(call, arrives=False):
        till.check_out(till.cart(("FLK", 1, {"unit": "week", "count": 4})))
    order = Order.objects.get()
    real = getattr(stripe_gateway, call)
    cancelled: list[Any] = []

    def cancel() -> Any:
        return checkout.cancel(Order.objects.get(), reason="No.", actor=None, at=timezone.now())

    def slow(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(stripe_gateway, call, real)
        if moment == "before Stripe has it":
            cancelled.append(_on_another_connection(cancel))
        answer = real(*args, **kwargs)
        if moment == "before we have the answer":
            cancelled.append(_on_another_connection(cancel))
        return answer

    monkeypatch.setattr(stripe_gateway, call, slow)
    opened = _on_another_connection(lambda: checkout.pay_again(order, at=timezone.now()))

    order.refresh_from_db()
    assert cancelled == [None]
    assert order.status == "cancelled"
    assert StockLevel.objects.get().reserved == 0
    if call == "create_customer":
        assert isinstance(opened, attempts.OrderEnded), "no intent is begun for an order that has ended"
        assert order.payment.stripe_payment_intent_id is None
    else:
        assert stripe_side.intent(opened.id)["status"] == "canceled"
        assert "error" in stripe_side.pay(opened.client_secret)
    assert stripe_side.charges_of(order.reference) == []
