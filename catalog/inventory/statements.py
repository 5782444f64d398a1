"""What every checkout does, in two statements each: lock the levels, then look and write in one go.

Between the two lies the lock, and the second one sees what was committed before it was had: a statement that
locked and looked at once would judge by what was true when it began to wait.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction

LOCK_WANTED = """
SELECT variant_id, on_hand - reserved FROM catalog_stock_level WHERE variant_id = ANY(%s)
ORDER BY id FOR UPDATE
"""

# Only for a reference that was never heard of; the rows are locked, and known to have enough.
HOLD = """
WITH taken AS (
    UPDATE catalog_stock_level level SET reserved = level.reserved + wanted.n
    FROM unnest(%(variants)s::bigint[], %(units)s::int[]) AS wanted (variant_id, n)
    WHERE level.variant_id = wanted.variant_id AND level.on_hand - level.reserved >= wanted.n
      AND NOT EXISTS (SELECT FROM catalog_stock_reservation WHERE reference = %(reference)s)
    RETURNING wanted.variant_id, wanted.n
)
INSERT INTO catalog_stock_reservation
    (reference, variant_id, quantity, consumed, status, expires_at, created_at)
SELECT %(reference)s, variant_id, n, 0, 'held', %(until)s, %(at)s FROM taken
"""

LOCK_OF_REFERENCE = """
SELECT id FROM catalog_stock_level
WHERE variant_id IN (SELECT variant_id FROM catalog_stock_reservation WHERE reference = %s)
ORDER BY id FOR UPDATE
"""

# All of it or nothing: every variant that was ever asked for is still covered, and there is one at least.
ALLOCATE = """
WITH known AS MATERIALIZED (
    SELECT id, variant_id, status FROM catalog_stock_reservation WHERE reference = %s ORDER BY id FOR UPDATE
), covered AS (
    SELECT count(*) > 0 AND count(DISTINCT variant_id) = count(DISTINCT variant_id) FILTER (
        WHERE status IN ('held', 'allocated', 'consumed')
    ) AS whole FROM known
), allocated AS (
    UPDATE catalog_stock_reservation row SET status = 'allocated', expires_at = NULL
    FROM known, covered WHERE covered.whole AND row.id = known.id AND known.status = 'held'
)
SELECT whole FROM covered
"""

# What was consumed stays consumed; what went short is not in `reserved` any more.
LET_GO = """
WITH open AS MATERIALIZED (
    SELECT id, variant_id, CASE status WHEN 'short' THEN 0 ELSE quantity - consumed END AS n
    FROM catalog_stock_reservation
    WHERE reference = %s AND status IN ('held', 'allocated', 'short')
    FOR UPDATE
), closed AS (
    UPDATE catalog_stock_reservation row
    SET quantity = CASE WHEN row.consumed > 0 THEN row.consumed ELSE row.quantity END,
        status = CASE WHEN row.consumed > 0 THEN 'consumed' ELSE 'released' END
    FROM open WHERE row.id = open.id
)
UPDATE catalog_stock_level level SET reserved = level.reserved - open.n
FROM open WHERE level.variant_id = open.variant_id AND open.n > 0
"""


def hold_anew(reference: str, quantities: Mapping[int, int], *, until: datetime, at: datetime) -> bool:
    """Hold units for a reference that is new, of stock that is there; return whether that was the case.

    Otherwise nothing is written, and the levels are locked all the same.
    """
    facts: dict[str, Any] = {
        "variants": list(quantities), "units": list(quantities.values()), "reference": reference,
        "until": until, "at": at,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(LOCK_WANTED, [facts["variants"]])
        available = dict(cursor.fetchall())
        if any(available.get(variant_id, 0) < n for variant_id, n in quantities.items()):
            return False
        cursor.execute(HOLD, facts)
        return bool(cursor.rowcount)


@transaction.atomic(savepoint=False)
def allocate_all_of(reference: str) -> bool:
    """Turn what a reference holds into allocations; return False, and change nothing, if any part is lost."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_OF_REFERENCE, [reference])
        cursor.execute(ALLOCATE, [reference])
        return cursor.fetchone()[0]


@transaction.atomic(savepoint=False)
def let_go_of(reference: str) -> None:
    """Release all that a reference still has."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_OF_REFERENCE, [reference])
        cursor.execute(LET_GO, [reference])
