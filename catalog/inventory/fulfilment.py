"""What leaves with a parcel."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from catalog.inventory.availability import Pick
from catalog.inventory.ledger import (
    LotMismatch,
    LotRequired,
    NotAllocated,
    NotEnoughStock,
    lock_levels,
    lock_lots,
    require_sellable,
    unwritten,
    write,
)
from catalog.models import StockMovement, StockReservation, Variant


@transaction.atomic(savepoint=False)
def consume(
    reference: str, *, picks: Iterable[Pick], cause: str, at: datetime, actor: Any = None, line: str = ""
) -> list[StockMovement]:
    """Take allocated units off the shelf because their parcel is packed; return the movements written.

    `picks` are (variant id, lot id or None, units). On hand and reserved fall together. A cause repeated
    takes nothing again and returns an empty list.

    :raises NotAllocated: if the reference has not that many units allocated.
    :raises NotEnoughStock: if a lot does not hold them.
    :raises LotNotOnSale: if staff chose a lot that is in quarantine, aged out or recalled.
    :raises LotTooOld: if they chose one that may not be sold any more.
    :raises LotRequired: if a pick of a lot-tracked variant names no lot.
    """
    by_place: dict[tuple[int, int | None], int] = defaultdict(int)
    for variant_id, lot_id, n in picks:
        by_place[variant_id, lot_id] += n
    if any(n <= 0 for n in by_place.values()):
        raise ValueError("a pick takes at least one unit")
    lock_levels({variant_id for variant_id, _ in by_place})
    moves = unwritten(
        [
            StockMovement(
                variant_id=variant_id, lot_id=lot_id, kind=StockMovement.Kind.CONSUMED, quantity=-n,
                physical=-n, cause=cause, line=line, actor=actor, at=at,
            )
            for (variant_id, lot_id), n in by_place.items()
        ]
    )  # fmt: skip
    if not moves:
        return []
    leaving: dict[int, int] = defaultdict(int)
    for move in moves:
        leaving[move.variant_id] -= move.quantity
    _consume_reservations(reference, leaving)
    _check_lots(moves, at)
    write(moves, unreserve=leaving)
    return moves


def _consume_reservations(reference: str, leaving: Mapping[int, int]) -> None:
    rows = {
        row.variant_id: row
        for row in StockReservation.objects.select_for_update().filter(
            reference=reference, variant_id__in=leaving, status=StockReservation.Status.ALLOCATED
        )
    }
    for variant_id, n in leaving.items():
        row = rows.get(variant_id)
        if row is None or row.quantity - row.consumed < n:
            left = row.quantity - row.consumed if row else 0
            raise NotAllocated(f"{reference} has {left} units of variant {variant_id} allocated, not {n}.")
        row.consumed += n
        row.packed = max(0, row.packed - n)
        if row.consumed == row.quantity:
            row.status = StockReservation.Status.CONSUMED
    StockReservation.objects.bulk_update(list(rows.values()), ["consumed", "packed", "status"])


def _check_lots(moves: Sequence[StockMovement], at: datetime) -> None:
    lots = lock_lots(move.lot_id for move in moves if move.lot_id is not None)
    tracked = dict(
        Variant.objects.filter(pk__in={move.variant_id for move in moves}).values_list("pk", "is_lot_tracked")
    )
    for move in moves:
        if move.lot_id is None:
            if tracked[move.variant_id]:
                raise LotRequired("Name the lot that each unit comes from.", fields={"lot": ["Needed."]})
            continue
        lot = lots.get(move.lot_id)
        if lot is None or lot.variant_id != move.variant_id:
            raise LotMismatch("A pick names a lot of another variant.")
        require_sellable(lot, at=at)
        if lot.on_hand < -move.quantity:
            raise NotEnoughStock(f"Lot {lot.code} has {lot.on_hand} units to sell, not {-move.quantity}.")
