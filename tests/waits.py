"""Somebody who has to wait for a lock of another connection, and whom a test sees waiting."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction


class Waiter(threading.Thread):
    """Does one thing in a transaction and on a connection of its own; `found` is what came of it."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__()
        self._act, self._pid, self._knows = act, 0, threading.Event()
        self.found: Any = None

    def run(self) -> None:
        try:
            with transaction.atomic():
                self._pid = connection.connection.info.backend_pid
                self._knows.set()
                self.found = self._act()
        finally:
            connection.close()

    def until_it_waits(self) -> None:
        """Return once PostgreSQL says that it waits for another connection."""
        assert self._knows.wait(10)
        with connection.cursor() as cursor:
            for _ in range(100_000):
                cursor.execute("SELECT cardinality(pg_blocking_pids(%s))", [self._pid])
                if cursor.fetchone()[0]:
                    return
        pytest.fail("it waits for nobody")
