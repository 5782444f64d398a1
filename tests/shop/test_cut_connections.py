"""The database restarts, or a firewall forgets: connections that wait in the pool are dead, and nobody may notice."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.backends.postgresql.base import DatabaseWrapper

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def pooled(**changes: Any) -> Iterator[DatabaseWrapper]:
    """Connections as the shop has them outside tests: a pool, on the test database."""
    pool = {"min_size": 1, "max_size": 1, "timeout": 10}
    options = {**connection.settings_dict["OPTIONS"], "pool": pool}
    theirs = DatabaseWrapper({**connection.settings_dict, "OPTIONS": options, **changes}, alias="default")
    try:
        yield theirs
    finally:
        theirs.close()
        theirs.close_pool()


def ask(theirs: DatabaseWrapper) -> int:
    """Take a connection out of the pool, ask which one it is, and put it back."""
    try:
        with theirs.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])
    finally:
        theirs.close()


def cut(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_a_connection_that_was_cut_in_the_pool_is_not_handed_out() -> None:
    with pooled() as theirs:
        before = ask(theirs)
        assert ask(theirs) == before, "it is kept"
        cut(before)

        assert ask(theirs) != before


def test_without_the_check_the_first_request_after_a_cut_would_fail() -> None:
    """The control."""
    with pooled(CONN_HEALTH_CHECKS=False) as theirs:
        cut(ask(theirs))

        with pytest.raises(OperationalError):
            ask(theirs)
