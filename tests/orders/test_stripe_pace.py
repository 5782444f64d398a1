"""Background work keeps to Stripe's rate, all workers together; a customer never waits for it."""

import time
from typing import Any

import pytest

from orders import stripe_gateway as gateway
from orders import stripe_pace, stripe_transport
from orders.stripe_gateway import OutcomeUnknown, Refused
from shop import redis
from tests.bench import stripe_pace as bench
from tests.broken_server import broken
from tests.stripe_side import StripeSide

READ = "GET /v1/payment_intents/*"
FAR = "stripe:pace:" + READ


def _ask(mood: gateway.Mood) -> None:
    with pytest.raises(Refused):
        gateway.retrieve_intent(bench.MISSING, mood=mood)


def _seen(stripe_side: StripeSide) -> int:
    rows = bench._log(stripe_side.url, 0)
    return sum(bench.MISSING in row["path"] for row in rows)


def _push_back(seconds: float) -> None:
    script = "local t = redis.call('TIME') return redis.call('SET', KEYS[1], string.format('%.0f', t[1] * 1e6 + t[2] + ARGV[1]))"
    redis.run(script, [FAR], int(seconds * 1e6))


def _queue_s() -> float:
    script = "local t = redis.call('TIME') return tonumber(redis.call('GET', KEYS[1]) or '0') - t[1] * 1000000 - t[2]"
    return redis.run(script, [FAR]) / 1e6


@pytest.mark.race
def test_threads_of_several_processes_stay_below_the_rate_in_every_sliding_second(
    stripe_side: StripeSide,
) -> None:
    rows = bench.run(stripe_side.url, processes=2, threads=4, requests_each=24)

    assert len(rows) == 48, "nothing was dropped, nothing was sent twice"
    assert bench.busiest_second(rows) <= 20


def test_endpoints_are_counted_apart_and_ids_are_not() -> None:
    base = "https://api.stripe.com/v1/payment_intents"

    assert stripe_transport.endpoint_of("get", f"{base}/pi_1?expand[]=x") == "GET /v1/payment_intents/*"
    assert stripe_transport.endpoint_of("get", f"{base}/pi_2") == "GET /v1/payment_intents/*"
    assert (
        stripe_transport.endpoint_of("post", f"{base}/pi_1/confirm") == "POST /v1/payment_intents/*/confirm"
    )
    assert stripe_transport.endpoint_of("post", base) == "POST /v1/payment_intents"


def test_a_repeat_of_the_sdk_takes_a_turn_of_its_own(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = []
    real = stripe_pace.take_turn
    monkeypatch.setattr(stripe_pace, "take_turn", lambda endpoint: (turns.append(endpoint), real(endpoint)))
    settings.STRIPE_BACKGROUND_RETRIES = 2

    with broken("500") as server:
        settings.STRIPE_API_BASE = server.http
        with pytest.raises(OutcomeUnknown):
            gateway.retrieve_intent("pi_1", mood=gateway.BACKGROUND)

    assert turns == [READ] * 3
    assert server.requests == 3


def test_without_redis_background_work_sends_nothing_and_does_not_wait(
    stripe_side: StripeSide, settings: Any
) -> None:
    before = _seen(stripe_side)
    settings.REDIS_URL = "redis://127.0.0.1:9/0"

    for _ in range(50):
        with pytest.raises(OutcomeUnknown, match="Redis"):
            gateway.retrieve_intent(bench.MISSING, mood=gateway.BACKGROUND)

    assert _seen(stripe_side) == before


def test_a_queue_that_is_too_long_is_left_to_the_next_sweep(stripe_side: StripeSide) -> None:
    before = _seen(stripe_side)
    _push_back(stripe_pace.LONGEST_WAIT_S + 1)

    with pytest.raises(OutcomeUnknown, match="waiting"):
        gateway.retrieve_intent(bench.MISSING, mood=gateway.BACKGROUND)

    assert _seen(stripe_side) == before
    assert _queue_s() <= stripe_pace.LONGEST_WAIT_S + 1, "who gives up takes no turn"


def test_the_till_goes_first_whatever_waits(stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch) -> None:
    _push_back(stripe_pace.LONGEST_WAIT_S)
    slept: list[float] = []
    monkeypatch.setattr(stripe_pace.time, "sleep", slept.append)

    _ask(gateway.at_the_till())

    assert slept == []


def test_background_work_gives_way_to_the_till_but_not_for_ever(stripe_side: StripeSide) -> None:
    for _ in range(40):
        stripe_pace.enter(READ)

    assert 0.5 < _queue_s() <= stripe_pace.TILL_COMES_FIRST_S


def test_a_turn_that_was_slept_through_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = redis.run
    monkeypatch.setattr(redis, "run", lambda *given: (asked.append(1), real(*given))[1])
    sleep = time.sleep
    late = iter([0.1, 0.0])
    monkeypatch.setattr(stripe_pace.time, "sleep", lambda seconds: sleep(seconds + next(late, 0.0)))

    stripe_pace.take_turn("GET /v1/late")

    assert len(asked) >= 2, "the first turn was over when its owner woke up"
