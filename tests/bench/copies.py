"""Many rows at once, written by the server itself: copies of an example with some columns changed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db import connection, models


@contextmanager
def indexes_built_afterwards(tables: Sequence[str]) -> Iterator[None]:
    """Write without secondary indexes, triggers and foreign keys, as a restore of a dump does, and build the
    indexes at the end.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off; SET session_replication_role = replica")
        cursor.execute(
            "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i "
            "WHERE i.indrelid = ANY (%s::regclass[]) "
            "AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
            [list(tables)],
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        try:
            yield
        finally:
            cursor.execute("SET maintenance_work_mem = '512MB'")
            for _, definition in indexes:
                cursor.execute(definition)
            cursor.execute("RESET maintenance_work_mem; RESET synchronous_commit")
            cursor.execute("SET session_replication_role = origin")


def copy(example: models.Model, changed: Mapping[str, str], source: str) -> None:
    """Insert a copy of a row for each row of a source; `changed` holds SQL by column, the id's too if wanted."""
    fields = example._meta.local_concrete_fields
    columns = [field.column for field in fields if field.column != "id" or "id" in changed]
    assert set(changed) <= set(columns), set(changed) - set(columns)
    table = example._meta.db_table
    values = ", ".join(changed.get(column, f'example."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM {source} "
            f"CROSS JOIN (SELECT * FROM {table} WHERE id = {example.pk}) AS example"
        )


def tidy_up(tables: Sequence[str]) -> None:
    """Leave the tables as an autovacuum would: counted, and with nothing pending in an index."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"VACUUM ANALYZE {table}")


def counts(tables: Sequence[str]) -> dict[str, int]:
    """Return how many rows each table has."""
    found = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table}")
            found[table] = cursor.fetchone()[0]
    return found
