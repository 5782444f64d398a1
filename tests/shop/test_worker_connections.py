"""A worker keeps its connections from one task to the next: a new one costs as much as a task."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from celery.fixups.django import DjangoWorkerFixup

from shop.celery import app

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
