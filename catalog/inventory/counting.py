"""Counts put right by people: goods without lots, damage, samples, stocktakes, returns."""

from datetime import datetime
from typing import Any

from django.db import transaction

from catalog.inventory.ledger import (
    NotEnoughStock,
    Taken,
    lock_level,
    lock_lots,
    make_room,
    require_lot,
    require_sellable,
    unwritten,
    write,
)
from catalog.models import Lot, StockLevel, StockMovement, Variant
from shop.exceptions import InvalidInput

Kind = StockMovement.Kind

ADJUSTMENTS = (Kind.DAMAGED, Kind.SAMPLE, Kind.COUNTED, Kind.CORRECTED)
ONLY_OUT = (Kind.DAMAGED, Kind.SAMPLE)


@transaction.atomic(savepoint=False)
def receive_count(
    variant: Variant, quantity: int, *, cause: str, at: datetime, actor: Any = None, reason: str = ""
) -> None:
    """Book goods without lots in: sellable at once. A cause repeated books nothing.

    :raises LotRequired: if the variant is tracked by lot.
    :raises InvalidInput: if the quantity is not positive.
    """
    if quantity <= 0:
        raise InvalidInput("Receive at least one unit.", fields={"quantity": ["At least 1."]})
    require_lot(variant, None)
    lock_level(variant.pk)
    _book(variant, None, Kind.RECEIVED, quantity, quantity, cause=cause, at=at, actor=actor, reason=reason)


@transaction.atomic(savepoint=False)
def adjust(
    *,
    variant: Variant,
    kind: str,
    quantity: int,
    reason: str,
    actor: Any,
    cause: str,
    at: datetime,
    lot: Lot | None = None,
    waiting: bool = False,
) -> Taken:
    """Change a count by hand and return whose promises that broke. A cause repeated changes nothing.

    `quantity` is signed: -2 for two broken pouches. Damage and samples only leave. A lot that is not
    released, and with `waiting` the returned units of one that is, change in the building only.

    :raises InvalidInput: if the kind is not one of `ADJUSTMENTS`, or the sign does not fit it.
    :raises NotEnoughStock: if fewer units are there than should leave.
    :raises LotRequired: if the variant is tracked by lot and none is given.
    """
    _check_adjustment(kind, quantity)
    require_lot(variant, lot)
    level = lock_level(variant.pk)
    locked = lock_lots([lot.pk])[lot.pk] if lot else None
    in_building_only = waiting or (locked is not None and locked.status != Lot.Status.RELEASED)
    sellable = 0 if in_building_only else quantity
    move = _movement(
        variant, locked, Kind(kind), sellable, quantity, cause=cause, at=at, actor=actor, reason=reason
    )
    if not unwritten([move]):
        return Taken()
    left = _present(level, locked, waiting=in_building_only)
    if left + quantity < 0:
        words = f"Only {left} units of {variant.sku} are there."
        raise NotEnoughStock(words, fields={"quantity": [words]})
    taken = make_room(level, -sellable)
    write([move])
    return taken


def _check_adjustment(kind: str, quantity: int) -> None:
    if kind not in ADJUSTMENTS:
        raise InvalidInput(
            "That is not an adjustment.", fields={"kind": [f"One of {', '.join(ADJUSTMENTS)}."]}
        )
    if quantity == 0 or (kind in ONLY_OUT and quantity > 0):
        raise InvalidInput("That quantity does not fit.", fields={"quantity": ["Negative for what leaves."]})


@transaction.atomic(savepoint=False)
def count(
    *,
    variant: Variant,
    counted: int,
    actor: Any,
    cause: str,
    at: datetime,
    lot: Lot | None = None,
    reason: str = "stocktake",
) -> Taken:
    """Set a count to what was found on the shelf and return whose promises that broke.

    Counts the sellable units of a released lot or of goods without lots, else the units in the building.
    :raises InvalidInput: if the number is negative.
    """
    if counted < 0:
        raise InvalidInput("A count is not negative.", fields={"counted": ["Not negative."]})
    require_lot(variant, lot)
    level = lock_level(variant.pk)
    locked = lock_lots([lot.pk])[lot.pk] if lot else None
    off_sale = locked is not None and locked.status != Lot.Status.RELEASED
    present = _present(level, locked, waiting=off_sale)
    if counted == present:
        return Taken()
    return adjust(
        variant=variant, lot=lot, kind=Kind.COUNTED, quantity=counted - present, reason=reason, actor=actor,
        cause=cause, at=at,
    )  # fmt: skip


@transaction.atomic(savepoint=False)
def restock(
    *,
    variant: Variant,
    quantity: int,
    cause: str,
    at: datetime,
    lot: Lot | None = None,
    line: str = "",
    actor: Any = None,
    reason: str = "",
    sellable: bool = False,
) -> None:
    """Take back sealed units into their own lot. A cause and line repeated take nothing back twice.

    They wait in the building until the lot is released again; `sellable` says that staff looked at them
    already, and counts only for a released lot. Goods without lots are sellable at once.

    :raises LotRequired: if the variant is tracked by lot and none is given.
    :raises LotNotOnSale: if units should be sellable of a lot that is not, or LotTooOld.
    :raises InvalidInput: if the quantity is not positive.
    """
    if quantity <= 0:
        raise InvalidInput("Take back at least one unit.", fields={"quantity": ["At least 1."]})
    require_lot(variant, lot)
    lock_level(variant.pk)
    locked = lock_lots([lot.pk])[lot.pk] if lot else None
    if sellable and locked is not None:
        require_sellable(locked, at=at)
    to_sell = quantity if sellable or lot is None else 0
    facts = {"cause": cause, "at": at, "actor": actor, "reason": reason, "line": line}
    _book(variant, lot, Kind.RETURNED, to_sell, quantity, **facts)


def _present(level: StockLevel, lot: Lot | None, *, waiting: bool) -> int:
    """Return the units that a step can take: on the shelf, or in the building but not for sale."""
    if lot is None:
        return level.on_hand
    return lot.physical - lot.on_hand if waiting else lot.on_hand


def _movement(
    variant: Variant,
    lot: Lot | None,
    kind: Kind,
    quantity: int,
    physical: int,
    *,
    cause: str,
    at: datetime,
    actor: Any,
    reason: str,
    line: str = "",
) -> StockMovement:
    return StockMovement(
        variant=variant, lot=lot, kind=kind, quantity=quantity, physical=physical, reason=reason, actor=actor,
        cause=cause, line=line, at=at,
    )  # fmt: skip


def _book(variant: Variant, lot: Lot | None, kind: Kind, quantity: int, physical: int, **facts: Any) -> None:
    if fresh := unwritten([_movement(variant, lot, kind, quantity, physical, **facts)]):
        write(fresh)
