"""What the small drills borrow from the tests beside them."""

import os
from typing import Any

import pytest
from django.conf import settings
from django.db import connections


@pytest.fixture(scope="session")
def servers_there() -> None:
    """Skip what needs servers where there are none."""
    if "DATABASE_URL" not in os.environ or "REDIS_URL" not in os.environ:
        pytest.skip("the drill needs the servers that DATABASE_URL and REDIS_URL name")


@pytest.fixture(scope="module")
def lent(servers_there: None, django_db_setup: None, django_db_blocker: Any) -> dict[str, str]:
    """The tests' own database, migrated already, to be copied; and a Redis that no other worker of pytest uses:
    a drill empties it.
    """
    with django_db_blocker.unblock():
        name = str(connections["default"].settings_dict["NAME"])
        _leave(name)
    return {"like": name, "redis_url": settings.REDIS_URL}


def _leave(database: str) -> None:
    """End every connection to a database: while there is one it cannot be copied, and threads of tests that are
    over may have left theirs.
    """
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid()",
            [database],
        )
    connections.close_all()
