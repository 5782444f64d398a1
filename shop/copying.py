"""Writing many new rows at once, by COPY: what `bulk_create` does, at about a quarter of its price."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection, models


def insert(rows: Sequence[models.Model]) -> None:
    """Write unsaved rows of one table in the caller's transaction and give them their primary keys, in order.

    Foreign keys, checks, unique constraints and triggers hold as ever; `save` and signals are not called, and
    fields that change as they are saved (`auto_now`) are not supported. Related rows have to be saved before.
    :raises django.db.IntegrityError: if a constraint refuses one; nothing is written then.
    """
    if not rows:
        return
    meta = rows[0]._meta
    for row, pk in zip(rows, _new_ids(meta, len(rows)), strict=True):
        row.pk = pk
    fields = [(field.attname, _told(field)) for field in meta.local_concrete_fields]
    columns = ", ".join(_quoted(str(field.column)) for field in meta.local_concrete_fields)
    statement = f"COPY {_quoted(meta.db_table)} ({columns}) FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in rows:
            known = row.__dict__
            copy.write_row([tell(known[name]) if tell else known[name] for name, tell in fields])
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias


def _new_ids(meta: Any, count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
            [meta.db_table, meta.pk.column, count],
        )
        return [row[0] for row in cursor.fetchall()]


def _told(field: models.Field) -> Callable[[Any], str] | None:
    """Return how a field's value is put for the server, where it is not as it is."""
    return json.dumps if isinstance(field, models.JSONField) else None


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
