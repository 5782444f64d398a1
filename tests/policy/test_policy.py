"""The whole policy table, each cell a real request: none wrongly open, wrongly shut or undecided."""

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.policy.asks import ASKS
from tests.policy.callers import Caller
from tests.policy.table import TABLE
from tests.policy.world import PEOPLE, SECRETS, World, undone

# Whoever has the id of a cart or the token of an order is meant to read what it holds.
BEARERS = ("cart_", "order_")
# They look at no session, so a foreign page gains nothing by sending one along.
WITHOUT_SESSION = {"back_in_stock_create", "refill_estimate"}
KINDS = {"auth_": ("browser", "app")}


def rows() -> dict[str, tuple[int, ...]]:
    """Return the table: seven statuses by the name of a row."""
    header, *lines = [line.split() for line in TABLE.splitlines() if line.strip()]
    assert tuple(header) == PEOPLE
    assert len({line[0] for line in lines}) == len(lines), "a row is there twice"
    return {line[0]: tuple(int(cell) for cell in line[1:]) for line in lines}


def kinds_of(name: str) -> tuple[str, ...]:
    """Return the kinds of client that an operation is for: the account's own have both."""
    return next((kinds for start, kinds in KINDS.items() if name.startswith(start)), ("browser",))


def test_every_operation_has_a_row_and_every_row_an_operation() -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)
    operations = {row["operationId"] for path in document["paths"].values() for row in path.values()}

    assert {name.partition(".")[0] for name in rows()} == operations
    assert set(ASKS) == set(rows())


def test_the_table_is_whole() -> None:
    table = rows()

    assert {len(cells) for cells in table.values()} == {len(PEOPLE)}
    assert sum(len(cells) * len(kinds_of(name)) for name, cells in table.items()) >= 500


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(rows()))
def test_who_may(world: World, name: str) -> None:
    said: dict[tuple[str, str], int] = {}
    leaks: list[tuple[str, str]] = []
    for kind in kinds_of(name):
        for person in PEOPLE:
            with undone():
                answer = ASKS[name](Caller(world, person, kind))
            said[kind, person] = answer.status_code
            if _leaks(name, person, answer):
                leaks.append((kind, person))

    wanted = {
        (kind, person): status
        for kind in kinds_of(name)
        for person, status in zip(PEOPLE, rows()[name], strict=True)
    }
    wrong = {cell: (status, wanted[cell]) for cell, status in said.items() if status != wanted[cell]}
    assert not wrong, f"(said, wanted): {wrong}"
    assert leaks == []


@pytest.mark.django_db
def test_a_session_writes_nothing_without_the_csrf_token(world: World) -> None:
    said = {}
    for name in sorted(writes() - WITHOUT_SESSION):
        with undone():
            answer = ASKS[name](Caller(world, "owner", csrf="x" * 32))
        said[name] = (answer.status_code, answer.headers["Content-Type"])

    assert len(said) > 35
    assert {name: row for name, row in said.items() if row != (403, "application/problem+json")} == {}


def writes() -> set[str]:
    """Return the operations that are no reading."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    return {
        row["operationId"]
        for path in document["paths"].values()
        for method, row in path.items()
        if method != "get"
    }


def _leaks(name: str, person: str, answer: Any) -> bool:
    """Whether somebody reads the owner's name, street or address who has no proof that it is theirs."""
    if person == "owner" or (name.startswith(BEARERS) and answer.status_code < 400):
        return False
    body = b"" if answer.streaming else answer.content
    return any(secret.encode() in body for secret in SECRETS)
