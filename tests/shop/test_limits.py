"""Limits count exactly, in Redis and without it, and never fail open."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection

from shop import redis
from shop.api import limits
from shop.api.limits import Limit
from shop.api.models import LimitCounter
from shop.exceptions import Conflict, TooManyRequests, Unavailable

pytestmark = pytest.mark.django_db(transaction=True)

CROWD = 60
NO_REDIS = "redis://127.0.0.1:9/0"


@pytest.fixture(autouse=True)
def _five_a_minute(settings: Any) -> None:
    settings.RATE_LIMIT_SCALE = 1
    settings.LIMITS = {"five": (5, 60), "two": (2, 60)}


@pytest.fixture(params=["Redis", "PostgreSQL"])
def store(request: pytest.FixtureRequest, settings: Any) -> str:
    if request.param == "PostgreSQL":
        settings.REDIS_URL = NO_REDIS
    return request.param


def _crowd(work: Any) -> Counter[bool]:
    gate = threading.Barrier(CROWD)

    def one(_: int) -> bool:
        gate.wait(timeout=30)
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=CROWD) as pool:
        return Counter(pool.map(one, range(CROWD)))


def _passes(*names: str, subject: str = "ada") -> bool:
    try:
        limits.spend(*(Limit(name, subject) for name in names))
    except TooManyRequests:
        return False
    return True


@pytest.mark.race
def test_of_sixty_at_once_exactly_five_pass(store: str) -> None:
    assert _crowd(lambda: _passes("five")) == {True: 5, False: CROWD - 5}
    assert LimitCounter.objects.count() == (1 if store == "PostgreSQL" else 0)


@pytest.mark.race
def test_the_race_is_real_a_counter_that_reads_and_then_writes_lets_more_pass() -> None:
    read_all = threading.Barrier(CROWD)

    def naive() -> bool:
        count = cache.get("naive", 0)
        read_all.wait(timeout=30)
        cache.set("naive", count + 1, 60)
        return count < 5

    assert _crowd(naive)[True] > 5


@pytest.mark.race
def test_when_redis_goes_in_the_middle_nobody_slips_through(settings: Any) -> None:
    assert [_passes("five") for _ in range(6)] == [True] * 5 + [False]

    settings.REDIS_URL = NO_REDIS

    assert _crowd(lambda: _passes("five"))[True] == 5, "the other store starts a window of its own"


def test_subjects_are_counted_apart(store: str) -> None:
    assert [_passes("two", subject="ada") for _ in range(3)] == [True, True, False]
    assert _passes("two", subject="bob")


def test_a_limit_behind_a_spent_one_is_not_counted(store: str) -> None:
    assert [_passes("two", "five") for _ in range(4)] == [True, True, False, False]

    assert [_passes("five") for _ in range(4)] == [True, True, True, False]


def test_a_refusal_says_when_to_come_back(store: str) -> None:
    for _ in range(2):
        _passes("two")

    with pytest.raises(TooManyRequests) as refused:
        limits.spend(Limit("two", "ada"))

    assert 1 <= refused.value.extra["retry_after"] <= 60
    assert 0 < limits.seconds_left(Limit("two", "ada")) <= 60
    assert limits.seconds_left(Limit("five", "ada")) == 0


def test_what_was_refused_before_anything_happened_is_given_back(store: str) -> None:
    for _ in range(10):
        with pytest.raises(Conflict), limits.spending(Limit("two", "ada")):
            raise Conflict("the price has changed")

    assert [_passes("two") for _ in range(3)] == [True, True, False]


def test_what_may_have_reached_stripe_is_not_given_back(store: str) -> None:
    for _ in range(2):
        with pytest.raises(Unavailable), limits.spending(Limit("two", "ada")):
            raise Unavailable("no answer")

    assert not _passes("two")


def test_a_window_ends(store: str) -> None:
    for _ in range(3):
        _passes("two")
    if store == "PostgreSQL":
        with connection.cursor() as cursor:
            cursor.execute("UPDATE api_limit_counter SET ends_at = clock_timestamp() - interval '1 second'")
    else:
        redis.run("return redis.call('PEXPIRE', KEYS[1], 1)", [Limit("two", "ada").key])
        redis.run("return redis.call('DEL', KEYS[1])", [Limit("two", "ada").key])

    assert [_passes("two") for _ in range(3)] == [True, True, False]


def test_no_address_lies_in_a_counter_and_old_rows_go(settings: Any) -> None:
    settings.REDIS_URL = NO_REDIS
    _passes("two", subject="ada@buyer.example")
    assert "ada" not in LimitCounter.objects.get().key
    with connection.cursor() as cursor:
        cursor.execute("UPDATE api_limit_counter SET ends_at = clock_timestamp() - interval '1 second'")

    _passes("two", subject="bob@buyer.example")

    assert [row.key for row in LimitCounter.objects.all()] == [Limit("two", "bob@buyer.example").key]
