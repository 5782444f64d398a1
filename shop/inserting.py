"""Writing a row at most once, in one statement: what `get_or_create` does in four, for callers that only need
to know whether the row is theirs."""

from collections.abc import Sequence

from django.db import connection, models


def insert_once(row: models.Model, *, unique: Sequence[str]) -> bool:
    """Write an unsaved row in the caller's transaction and give it its primary key; return False, and write
    nothing, if one with the same values in `unique` (the columns of a unique constraint) is there already.

    `save` and signals are not called; fields that change as they are saved (`auto_now`) are not supported.
    :raises django.db.IntegrityError: if another constraint refuses it.
    """
    meta, quoted = row._meta, connection.ops.quote_name
    fields = [field for field in meta.local_concrete_fields if not field.primary_key]
    columns = ", ".join(quoted(str(field.column)) for field in fields)
    conflict = ", ".join(quoted(name) for name in unique)
    places = ", ".join(["%s"] * len(fields))
    statement = (
        f"INSERT INTO {quoted(meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608 - names of our own
        f" ON CONFLICT ({conflict}) DO NOTHING RETURNING {quoted(str(meta.pk.column))}"
    )
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        written = cursor.fetchone()
    if written is None:
        return False
    row.pk = written[0]
    row._state.adding, row._state.db = False, connection.alias
    return True
