"""Beat and worker in one process: the real timetable, tasks and broker, at a clock that stands.

A wake-up is published to Redis and taken from there, one at a time in the order of its sending: the same seed
does the same things in the same order.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from queue import Empty
from typing import Any

from celery.signals import after_task_publish

from shop.celery import app
from shop.clock import reading

logger = logging.getLogger(__name__)

LONG_AGO = datetime.min.replace(tzinfo=UTC)
# What no refill waits for comes once a day: turns are hours apart, and most of them would find nothing.
ONCE_A_DAY = timedelta(days=1)
DAILY = {
    "api.purge_idempotency_keys",
    "catalog.age_out_lots",
    "catalog.forget_stock_requests",
    "catalog.prepare_pictures",
    "catalog.sweep_imports",
    "catalog.tell_back_in_stock",
    "catalog.watch_stock",
    "content.prepare_pictures",
    "content.publish_due",
    "orders.match_withdrawals",
    "orders.sync_payouts",
    "privacy.carry_out_erasures",
    "privacy.sweep_retention",
}


class Office:
    """Works through the timetable whenever it is given a turn."""

    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}
        # Wake-ups that were published and not taken yet: Redis is asked only when there is something to take.
        self._published = 0
        after_task_publish.connect(self._count)
        self._broker = app.connection_for_read()
        self._queue = self._broker.SimpleQueue(str(app.conf.task_default_queue))

    def close(self) -> None:
        """Leave the broker."""
        after_task_publish.disconnect(self._count)
        self._queue.close()
        self._broker.close()

    def turn(self, at: datetime, *, forgets: bool = False) -> None:
        """Do what the timetable says at a moment, and everything that this wakes up.

        With `forgets` Redis is emptied between beat and worker: every wake-up is lost, and swept later.
        """
        reading.stand_at(at)
        for name, entry in app.conf.beat_schedule.items():
            if at - self._last.get(name, LONG_AGO) < _pause_of(entry):
                continue
            self._last[name] = at
            self._run(entry["task"])
            self.work(forgets=forgets)

    def work(self, *, forgets: bool = False) -> None:
        """Take every wake-up that waits, and do what it says."""
        while self._published:
            try:
                message = self._queue.get(block=False)
            except Empty:
                self._published = 0
                return
            self._published -= 1
            message.ack()
            if not forgets:
                arguments, named, _ = message.payload
                self._run(str(message.headers["task"]), *arguments, **named)

    def _count(self, **signal: object) -> None:
        self._published += 1

    def _run(self, task: str, *arguments: object, **named: object) -> None:
        """A worker logs what a task raises, and goes on with the next."""
        try:
            app.tasks[task](*arguments, **named)
        except Exception:
            logger.exception("the task %s%r failed", task, arguments)


def _pause_of(entry: Mapping[str, Any]) -> timedelta:
    """Return how long an entry of the timetable waits for its next turn."""
    pause = timedelta(seconds=entry["schedule"])
    return max(pause, ONCE_A_DAY) if entry["task"] in DAILY else pause
