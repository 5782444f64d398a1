"""Thousands of malformed requests to every operation: none is a 500, and none of them writes.

In `make test` every third of them, in `make fuzz-api` all.
"""

import os
import time
from typing import Any

import pytest
from django.db import connection
from drf_spectacular.generators import SchemaGenerator

from tests.policy.asks import ASKS
from tests.policy.callers import Caller, Request
from tests.policy.spoiling import Spoilt, spoil
from tests.policy.world import World, undone

# Whoever is signed in already is refused there, before anybody looks at the body.
BY_A_STRANGER = {"auth_login", "auth_signup", "auth_code"}
OPERATIONS = sorted(name for name in ASKS if "." not in name)
STRIDE = 1 if "FUZZ_EXAMPLES" in os.environ else 3
# What every request may touch, without anything being written by it: a session's last use.
NOT_COUNTED = {"django_session"}

# A day without an hour is a moment to Django, which warns; the tests make that warning an error.
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:.*received a naive datetime"),
]


@pytest.fixture(scope="module")
def templates() -> dict[str, str]:
    """Return the path of each operation as the document has it."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    return {row["operationId"]: path for path, rows in document["paths"].items() for row in rows.values()}


def good_request(world: World, name: str) -> tuple[Caller, Request]:
    """Return who asks, and the request of the policy table as it was sent."""
    caller = Caller(world, "stranger" if name in BY_A_STRANGER else "owner")
    with undone():
        ASKS[name](caller)
    again = Caller(world, caller.person, client=world.browser(caller.person))
    assert again.client is not None
    again.client.raise_request_exception = False
    return again, caller.sent[-1]


def test_there_are_fifteen_hundred_and_every_operation_has_some(
    world: World, templates: dict[str, str]
) -> None:
    made = {
        name: len(spoilt_ones(good_request(world, name)[1], templates[name], name)) for name in OPERATIONS
    }

    print(f"{sum(made.values())} malformed requests to {len(made)} operations")
    assert min(made.values()) >= 15 // STRIDE
    assert sum(made.values()) >= 1500, made


@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_malformed_breaks_or_writes(world: World, templates: dict[str, str], name: str) -> None:
    caller, good = good_request(world, name)
    before = contents()
    broken, accepted, slowest = [], [], (0.0, "")

    for spoilt in spoilt_ones(good, templates[name], name):
        status, took = sent(caller, spoilt)
        slowest = max(slowest, (took, spoilt.why))
        if status >= 500:
            broken.append((spoilt.why, status))
        if spoilt.is_hopeless and status < 400:
            accepted.append((spoilt.why, status))

    print(f"{name}: slowest {slowest[0] * 1000:.0f} ms ({slowest[1]})")
    assert broken == []
    assert accepted == []
    assert contents() == before


def spoilt_ones(good: Request, template: str, name: str) -> list[Spoilt]:
    """Return the requests to send; neighbouring operations leave out others."""
    return list(spoil(good, template))[OPERATIONS.index(name) % STRIDE :: STRIDE]


def sent(caller: Caller, spoilt: Spoilt) -> tuple[int, float]:
    """Send a malformed request; return its status and how long it took, in seconds."""
    started = time.perf_counter()
    args = (spoilt.method, spoilt.path, spoilt.raw, spoilt.content_type)
    if spoilt.is_hopeless:
        answer = caller.raw(*args, **spoilt.headers)
    else:
        with undone():
            answer = caller.raw(*args, **spoilt.headers)
    return answer.status_code, time.perf_counter() - started


def contents() -> dict[str, Any]:
    """Return every table's number of rows and a checksum of what they hold."""
    found: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table in NOT_COUNTED:
                continue
            name = connection.ops.quote_name(table)
            cursor.execute(f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {name} t")
            found[table] = cursor.fetchone()
    return found
