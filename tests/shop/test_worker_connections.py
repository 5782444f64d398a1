"""A worker keeps its connections from one task to the next: a new one costs as much as a task."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from celery.fixups.django import DjangoWorkerFixup
from psycopg_pool import ConnectionPool
from psycopg_pool.base import AttemptWithBackoff

from shop.celery import app
from shop.settings import base

TASK = SimpleNamespace(request=SimpleNamespace(is_eager=False))


@pytest.fixture
def closed_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], int]:
    """Tell how often Celery closes everything while so many tasks are carried out."""

    def count(tasks: int) -> int:
        fixup, closed = DjangoWorkerFixup(app), []
        monkeypatch.setattr(fixup, "_close_database", lambda: closed.append(1))
        for _ in range(tasks):
            fixup.on_task_prerun(TASK)
            fixup.on_task_postrun(TASK)
        return len(closed)

    return count


def test_celery_closes_the_pool_once_in_hundreds_of_tasks(closed_after: Callable[[int], int]) -> None:
    assert closed_after(500) == 0
    assert closed_after(501) == 1


def test_without_the_setting_it_would_close_it_around_every_task(
    closed_after: Callable[[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setitem(app.conf, "CELERY_DB_REUSE_MAX", None)

    assert closed_after(10) == 20


def longest_wait(pool: ConnectionPool) -> float:
    """Return the longest pause between two questions of a pool whose database is away for an hour."""
    attempt, now, longest = AttemptWithBackoff(timeout=pool.reconnect_timeout), 0.0, 0.0
    while now < 3600:
        attempt.update_delay(now)
        now += max(attempt.delay, 0.1)
        longest = max(longest, attempt.delay)
        if attempt.time_to_give_up(now):
            attempt = AttemptWithBackoff(timeout=pool.reconnect_timeout)
    return longest


def test_a_pool_that_is_kept_is_back_seconds_after_its_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the control: as it comes, it may be away for minutes more (measured: 46 s after an outage of 70 s)."""
    monkeypatch.setattr(base, "env", SimpleNamespace(int=lambda name, default: default))
    ours = base.database("postgres://shop@127.0.0.1:1/shop")["OPTIONS"]["pool"]

    assert longest_wait(ConnectionPool(open=False, **ours)) < 5
    assert longest_wait(ConnectionPool(open=False)) > 100
