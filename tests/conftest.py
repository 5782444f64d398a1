"""Fixtures that every test may use: Stripe's double over its port, regions, and a customer at the till."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.core.cache import cache

from orders import sample_data, stripe_pace
from shop import redis
from tests.stripe_side import StripeSide
from tests.till import Till

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def stripe_url() -> Iterator[str]:
    """The address of a devstripe of our own: each of pytest's workers resets its ledger now and then."""
    argv = [sys.executable, "-m", "shop.devstripe", "--port", "0", "--store", ":memory:"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    yield line.rsplit(" ", 1)[1].strip()
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture
def stripe_side(stripe_url: str, settings: object) -> StripeSide:
    """Stripe as the world outside plays it: browsers that pay, events that arrive."""
    settings.STRIPE_API_BASE = stripe_url  # type: ignore[attr-defined]
    return StripeSide(stripe_url)


@pytest.fixture(autouse=True)
def _fresh_counters() -> None:
    """Rate limits, paces and doors start anew in every test."""
    redis.forget_failure()
    stripe_pace.forget()
    cache.clear()


@pytest.fixture
def at() -> datetime:
    """A moment that tests call now."""
    return AT


@pytest.fixture
def doors_clock(at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doors read the moment that tests call now: what is due weeks after it lies ahead, whatever today is."""
    monkeypatch.setattr("shop.clock.reading.now", lambda: at)


@pytest.fixture
def regions(request: pytest.FixtureRequest, at: datetime) -> None:
    """Shipping zones, tax rates and sellers of the sample data, in whatever database the test has."""
    marker = request.node.get_closest_marker("django_db")
    real = marker is not None and marker.kwargs.get("transaction", False)
    request.getfixturevalue("transactional_db" if real else "db")
    sample_data.load(at=at)


@pytest.fixture
def till(regions: None, stripe_side: StripeSide, at: datetime) -> Till:
    """A customer who fills carts and checks out."""
    return Till(stripe_side, at)
