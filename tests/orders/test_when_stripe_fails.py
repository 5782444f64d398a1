"""Stripe is down, or does not know what we ask about: every door says so, and nothing is a 500."""

from typing import Any

import pytest

from orders.models import Cart, Order, Payment
from tests.factories.catalog import make_variant
from tests.outages import NOBODY_LISTENS
from tests.till import Till

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("trouble", "statuses"),
    [
        ("down", {"refresh": 503, "payment": 503, "cancel": 503, "checkout": 503, "pay page": 503}),
        ("unknown", {"refresh": 422, "payment": 422, "cancel": 422, "checkout": 422, "pay page": 503}),
    ],
)
def test_every_door_stays_polite(till: Till, settings: Any, trouble: str, statuses: dict[str, int]) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    order, cart = Order.objects.get(), Cart.objects.get()
    proof = {"Authorization": f"OrderToken {placed['token']}"}
    if trouble == "down":
        settings.STRIPE_API_BASE = NOBODY_LISTENS
    else:
        Payment.objects.update(stripe_payment_intent_id="pi_gone")

    answers = {
        "refresh": till.send("POST", f"orders/{order.reference}/refresh", **proof),
        "payment": till.send("POST", f"orders/{order.reference}/payment", **proof),
        "checkout": till.check_out(cart.token, total=order.total),
        "pay page": till.client.get(f"/pay/{placed['token']}"),
        "cancel": till.send("POST", f"orders/{order.reference}/cancel", {}, **proof),
    }
    cancel_page = till.client.post(f"/o/{placed['token']}/cancel")
    look = till.client.get(f"/o/{placed['token']}?payment_intent=x")

    assert {door: answer.status_code for door, answer in answers.items()} == statuses
    assert cancel_page.headers["Location"] == f"/o/{placed['token']}"
    assert look.headers["Location"] == f"/o/{placed['token']}?waiting=1"
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("pending", "unpaid")
