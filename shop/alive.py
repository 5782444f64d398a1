"""Whether somebody is at work on a row this moment: an advisory lock that lives as long as its worker does.

PostgreSQL lets go of the lock when the worker's connection ends: when it is killed, or when its machine has
been gone for `tcp_keepalives_*`. So what a dead worker left can be taken up at once, and what a slow one has
is left to it.

A hint, and no more: a connection may be cut under a living worker, and a worker may be stopped and wake up.
Whoever must not do a thing twice has to say so by rows.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from django.db import Error, connection

# The first key of the lock, one for each kind of row.
REFILL = 7101
MAIL = 7102
OUTBOX = 7103
# The second key is an integer of four bytes; two rows that share one cost each other time only.
KEYS = 2**31


@contextmanager
def at_work(kind: int, row_id: int) -> Iterator[bool]:
    """Be at work on a row while the block runs; gives whether nobody else is. No transaction is held."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [kind, row_id % KEYS])
        (alone,) = cursor.fetchone()
    try:
        yield alone
    finally:
        if alone:
            # On a connection that was cut there is nothing to let go of.
            with suppress(Error), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [kind, row_id % KEYS])


@contextmanager
def at_work_on(kind: int, row_ids: Sequence[int]) -> Iterator[set[int]]:
    """Be at work on many rows while the block runs; gives those on which nobody else is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, pg_try_advisory_lock(%s, (id %% %s)::int) FROM unnest(%s::bigint[]) AS id",
            [kind, KEYS, list(row_ids)],
        )
        alone = {row_id for row_id, is_alone in cursor.fetchall() if is_alone}
    try:
        yield alone
    finally:
        if alone:
            with suppress(Error), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_advisory_unlock(%s, (id %% %s)::int) FROM unnest(%s::bigint[]) AS id",
                    [kind, KEYS, list(alone)],
                )
