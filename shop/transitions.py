"""State machines as tables: one function checks the table and writes the change."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import models

from shop.exceptions import Conflict

Table = Mapping[Any, Collection[Any]]


class InvalidTransition(Conflict):
    """The state machine's table has no such step."""

    code = "invalid_transition"
    title = "That step is not possible from the present state"


def allowed(table: Table, current: str, target: str) -> bool:
    """Return whether the table has a step from `current` to `target`."""
    return target in table.get(current, ())


def advance(row: models.Model, *, field: str, table: Table, target: str, **changes: Any) -> None:
    """Move a locked row to `target` and save it with `changes`, and nothing else of it.

    :raises InvalidTransition: if the table does not allow the step. The caller holds the row's lock.
    """
    current = getattr(row, field)
    if not allowed(table, current, target):
        name = row._meta.verbose_name
        raise InvalidTransition(f"A {name} that is {current} cannot become {target}.")
    setattr(row, field, target)
    for key, value in changes.items():
        setattr(row, key, value)
    row.save(update_fields=[field, *changes])
