"""Many rows at once, for files: the rules of counting and receiving, a few statements for a thousand rows.

The caller holds the locks of all levels named, taken at once by `lock_all`: a file's rows come in any order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from catalog.inventory.ledger import Taken, lock_levels, lock_lots, make_room
from catalog.models import Lot, StockLevel, StockMovement, Variant

Kind = StockMovement.Kind

# Counts follow from the movements just written: they cannot say anything else.
ADD_TO_LEVELS = """
UPDATE catalog_stock_level AS level SET on_hand = level.on_hand + moved.quantity
FROM (SELECT variant_id, SUM(quantity) AS quantity FROM catalog_stock_movement
      WHERE id = ANY(%s) GROUP BY variant_id) AS moved
WHERE level.variant_id = moved.variant_id AND moved.quantity <> 0
"""
ADD_TO_LOTS = """
UPDATE catalog_lot AS lot
SET on_hand = lot.on_hand + moved.quantity, physical = lot.physical + moved.physical
FROM (SELECT lot_id, SUM(quantity) AS quantity, SUM(physical) AS physical FROM catalog_stock_movement
      WHERE id = ANY(%s) AND lot_id IS NOT NULL GROUP BY lot_id) AS moved
WHERE lot.id = moved.lot_id
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A new lot that came in, and whether it is on sale at once."""

    variant: Variant
    code: str
    quantity: int
    best_before_on: date | None
    packed_on: date | None = None
    supplier_lot: str = ""
    note: str = ""
    release: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """What was found of a lot (or of goods without lots), and what the books say."""

    variant: Variant
    lot: Lot | None
    counted: int
    present: int
    reason: str = "stocktake"


def present_in(level_on_hand: int, lot: Lot | None) -> int:
    """Return the units that a stocktake compares with: sellable ones, or those of a lot that is off sale."""
    if lot is None:
        return level_on_hand
    return lot.on_hand if lot.status == Lot.Status.RELEASED else lot.physical - lot.on_hand


def lock_all(variant_ids: Iterable[int]) -> None:
    """Lock the stock rows of variants in primary-key order, making those that are missing."""
    wanted = set(variant_ids)
    StockLevel.objects.bulk_create(
        [StockLevel(variant_id=pk) for pk in sorted(wanted)], ignore_conflicts=True, batch_size=1000
    )
    lock_levels(wanted)


def receive_lots(arrivals: Sequence[Arrival], *, cause: str, at: datetime, actor: Any = None) -> list[Lot]:
    """Book new lots in, on sale or into quarantine, and return them.

    Needs a transaction, and the locks of `lock_all`. The caller has refused lots that are known, and asked
    for no release of one that is too old.
    """
    status = {True: Lot.Status.RELEASED, False: Lot.Status.QUARANTINE}
    lots = Lot.objects.bulk_create(
        Lot(
            variant=one.variant, code=one.code, best_before_on=one.best_before_on, packed_on=one.packed_on,
            supplier_lot=one.supplier_lot, note=one.note, status=status[one.release], created_at=at,
        )
        for one in arrivals
    )  # fmt: skip
    moves = []
    for lot, one in zip(lots, arrivals, strict=True):
        facts = {"variant": one.variant, "lot": lot, "cause": cause, "at": at, "actor": actor}
        if one.quantity:
            moves.append(StockMovement(kind=Kind.RECEIVED, quantity=0, physical=one.quantity, **facts))
        if one.quantity and one.release:
            moves.append(StockMovement(kind=Kind.LOT_RELEASED, quantity=one.quantity, physical=0, **facts))
    _write(moves)
    return lots


def count_many(counts: Sequence[Count], *, cause: str, at: datetime, actor: Any = None) -> Taken:
    """Set counts to what was found, write a movement for each difference, and return whose promises broke.

    Needs a transaction, and the locks of `lock_all`, under which `present` was read.
    """
    lock_lots({one.lot.pk for one in counts if one.lot is not None})
    taken, moves = Taken(), []
    leaving: dict[int, int] = {}
    for one in counts:
        step = one.counted - one.present
        if not step:
            continue
        off_sale = one.lot is not None and one.lot.status != Lot.Status.RELEASED
        sellable = 0 if off_sale else step
        leaving[one.variant.pk] = leaving.get(one.variant.pk, 0) - sellable
        moves.append(
            StockMovement(
                variant=one.variant, lot=one.lot, kind=Kind.COUNTED, quantity=sellable, physical=step,
                reason=one.reason, cause=cause, at=at, actor=actor,
            )
        )  # fmt: skip
    for variant_id, units in sorted(leaving.items()):
        if units > 0:
            taken += make_room(lock_levels([variant_id])[variant_id], units)
    _write(moves)
    return taken


def _write(moves: Sequence[StockMovement]) -> None:
    written = StockMovement.objects.bulk_create(moves, batch_size=2000)
    ids = [move.pk for move in written]
    with connection.cursor() as cursor:
        cursor.execute(ADD_TO_LEVELS, [ids])
        cursor.execute(ADD_TO_LOTS, [ids])
