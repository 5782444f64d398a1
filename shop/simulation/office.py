"""Beat and worker in one process: the real timetable, tasks and broker, at a clock that stands.

A wake-up is published to Redis and taken from there, one at a time in the order of its sending: the same seed
does the same things in the same order.
"""

import logging
from datetime import UTC, datetime, timedelta
from queue import Empty

from shop.celery import app
from shop.clock import reading

logger = logging.getLogger(__name__)

LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Office:
    """Works through the timetable whenever it is given a turn."""

    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}
        self._broker = app.connection_for_read()
        self._queue = self._broker.SimpleQueue(str(app.conf.task_default_queue))

    def close(self) -> None:
        """Leave the broker."""
        self._queue.close()
        self._broker.close()

    def turn(self, at: datetime, *, forgets: bool = False) -> None:
        """Do what the timetable says at a moment, and everything that this wakes up.

        With `forgets` Redis is emptied between beat and worker: every wake-up is lost, and swept later.
        """
        reading.stand_at(at)
        for name, entry in app.conf.beat_schedule.items():
            if at - self._last.get(name, LONG_AGO) < timedelta(seconds=entry["schedule"]):
                continue
            self._last[name] = at
            self._run(entry["task"])
            self.work(forgets=forgets)

    def work(self, *, forgets: bool = False) -> None:
        """Take every wake-up that waits, and do what it says."""
        while True:
            try:
                message = self._queue.get(block=False)
            except Empty:
                return
            message.ack()
            if not forgets:
                arguments, named, _ = message.payload
                self._run(str(message.headers["task"]), *arguments, **named)

    def _run(self, task: str, *arguments: object, **named: object) -> None:
        """A worker logs what a task raises, and goes on with the next."""
        try:
            app.tasks[task](*arguments, **named)
        except Exception:
            logger.exception("the task %s%r failed", task, arguments)
