"""A customer at the till is answered in time, whatever Stripe does; the order is kept."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.test import Client

from orders import stripe_gateway as gateway
from orders import stripe_pace
from orders.models import Order, PaymentAttempt
from orders.stripe_gateway import OutcomeUnknown
from shop import redis
from tests.broken_server import broken
from tests.factories.catalog import make_variant
from tests.stripe_side import StripeSide
from tests.till import Till

pytestmark = pytest.mark.django_db(transaction=True)

# The rules with shorter times: a test of the real ones would take half a minute.
DEADLINE_S = 1.0


@pytest.fixture(autouse=True)
def _short(settings: Any) -> None:
    settings.STRIPE_TILL_TIMEOUTS_S = (0.4, 0.6)
    settings.STRIPE_TILL_DEADLINE_S = DEADLINE_S


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began_at = time.monotonic()
    return work(), time.monotonic() - began_at


@pytest.mark.parametrize("how", ["hang", "trickle"])
def test_stripe_that_hangs_or_trickles_gives_503_in_time_and_keeps_the_order(
    till: Till, settings: Any, how: str
) -> None:
    make_variant(sku="FLK")
    token = till.cart(("FLK", 1))
    total = till.total(token)
    there = settings.STRIPE_API_BASE

    with broken(how) as server:
        settings.STRIPE_API_BASE = server.http
        answer, took = _timed(lambda: till.check_out(token, total=total))

    assert (answer.status_code, answer.json()["code"]) == (503, "payment_unavailable")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Retry-After"] == "5"
    assert took < DEADLINE_S + 4, "a byte every tenth of a second would have taken ten"
    assert server.requests == 1, "never repeated at the till"
    assert PaymentAttempt.objects.get().outcome == "unknown"
    settings.STRIPE_API_BASE = there
    assert till.check_out(token, total=total).status_code == 200, "the same order, resumed"
    assert Order.objects.count() == 1


def test_two_calls_of_one_request_share_one_deadline(
    till: Till, stripe_side: StripeSide, settings: Any
) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    token = till.cart(("FLK", 1, {"unit": "week", "count": 4}))
    total = till.total(token)
    # Either call alone would be in time; a busy machine has a second to spare for the rest.
    settings.STRIPE_TILL_TIMEOUTS_S, settings.STRIPE_TILL_DEADLINE_S = (2.0, 3.0), 3.5
    _latency(stripe_side, 2.0)

    answer = till.check_out(token, total=total)
    _latency(stripe_side, 0)

    assert answer.status_code == 503
    outcomes = PaymentAttempt.objects.order_by("number").values_list("kind", "outcome")
    assert list(outcomes) == [("create_customer", "ok"), ("create_intent", "unknown")]
    # Stripe is still at the first try and says 409 to its twin until then.
    time.sleep(2.5)
    assert till.check_out(token, total=total).status_code == 200
    assert len({row["customer"] for row in _intents(stripe_side, Order.objects.get().reference)}) == 1


def test_no_call_begins_after_the_deadline(stripe_side: StripeSide) -> None:
    over = gateway.Mood(is_till=True, ends_at=time.monotonic() - 1)

    with pytest.raises(OutcomeUnknown):
        gateway.retrieve_intent("pi_neverseen0", mood=over)

    rows = requests.get(f"{stripe_side.url}/_test/requests", timeout=10).json()["requests"]
    assert not [row for row in rows if "pi_neverseen0" in row["path"]]


def test_a_lookup_that_hangs_is_left_in_time(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **kwargs: time.sleep(2))
    settings.STRIPE_API_BASE = "http://stripe.example"

    began_at = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        gateway.retrieve_intent("pi_1", mood=gateway.at_the_till())

    assert time.monotonic() - began_at < 1.9, "the lookup took two"


@pytest.mark.parametrize("has_redis", [True, False])
def test_after_five_waits_in_vain_the_next_customer_does_not_wait(
    settings: Any, monkeypatch: pytest.MonkeyPatch, has_redis: bool
) -> None:
    monkeypatch.setattr("orders.stripe_transport.IN_VAIN_S", 0.1)
    settings.STRIPE_TILL_TIMEOUTS_S = (0.2, 0.2)
    if not has_redis:
        settings.REDIS_URL = "redis://127.0.0.1:9/0"

    with broken("hang") as server:
        settings.STRIPE_API_BASE = server.http
        for _ in range(8):
            with pytest.raises(OutcomeUnknown):
                gateway.retrieve_intent("pi_1", mood=gateway.at_the_till())

    assert server.requests == stripe_pace.TIMEOUTS_BEFORE_CLOSING


@pytest.mark.parametrize("has_redis", [True, False])
def test_one_request_tries_the_door_and_its_answer_opens_it(
    stripe_side: StripeSide, settings: Any, monkeypatch: pytest.MonkeyPatch, has_redis: bool
) -> None:
    monkeypatch.setattr(stripe_pace, "CLOSED_FOR_S", 0.05)
    if not has_redis:
        settings.REDIS_URL = "redis://127.0.0.1:9/0"
    for _ in range(stripe_pace.TIMEOUTS_BEFORE_CLOSING):
        stripe_pace.timed_out()
    with pytest.raises(stripe_pace.DoorClosed):
        stripe_pace.enter("GET /v1/x")
    time.sleep(0.1)

    assert stripe_pace.enter("GET /v1/x") is True, "the one that tries"
    with pytest.raises(stripe_pace.DoorClosed):
        stripe_pace.enter("GET /v1/x")
    stripe_pace.answered()
    assert [stripe_pace.enter("GET /v1/x") for _ in range(3)] == [False] * 3


def test_browsing_asks_stripe_nothing_while_the_door_is_closed(till: Till) -> None:
    make_variant(sku="FLK")
    for _ in range(stripe_pace.TIMEOUTS_BEFORE_CLOSING):
        stripe_pace.timed_out()
    token = till.cart(("FLK", 1))

    assert Client().get("/").status_code == 200
    answer = till.check_out(token)
    assert (answer.status_code, answer.json()["code"]) == (503, "payment_unavailable")
    assert Order.objects.get().status == "pending"


def test_a_refusal_at_once_closes_no_door(settings: Any) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    for _ in range(stripe_pace.TIMEOUTS_BEFORE_CLOSING * 2):
        with pytest.raises(OutcomeUnknown):
            gateway.retrieve_intent("pi_1", mood=gateway.at_the_till())

    assert stripe_pace.enter("GET /v1/x") is False
    assert redis.answers()


def _latency(stripe_side: StripeSide, seconds: float) -> None:
    requests.post(f"{stripe_side.url}/_test/settings", json={"latency_seconds": seconds}, timeout=10)


def _intents(stripe_side: StripeSide, reference: str) -> list[dict[str, Any]]:
    rows = requests.get(f"{stripe_side.url}/_test/ledger", timeout=10).json()["intents"]
    return [row for row in rows if row["metadata"].get("order_id") == reference]
