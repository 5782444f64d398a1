"""A stocktake: what should be where, what was found there, and only the difference booked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from catalog.inventory.counting import count
from catalog.inventory.ledger import Taken, lock_levels, lock_lots
from catalog.models import Lot, StockLevel, StockMovement, Variant
from shop.exceptions import Conflict


class StockMoved(Conflict):
    """Units came or went while somebody counted. `fields` names the places, each with what is there now."""

    code = "stock_moved"
    title = "The stock moved while you counted"


@dataclass(frozen=True, slots=True)
class Place:
    """Where units lie: a lot's shelf (its corner in the building while it is off sale), or a SKU's shelf."""

    variant: Variant
    lot: Lot | None
    expected: int

    @property
    def key(self) -> str:
        """Return the name of the place, the same whenever it is counted."""
        return place_key(self.variant.pk, self.lot.pk if self.lot else None)


@dataclass(frozen=True, slots=True)
class Found:
    """What somebody found at a place, and what the sheet had said."""

    place: Place
    expected: int
    counted: int


def place_key(variant_id: int, lot_id: int | None) -> str:
    """Return the name of a place."""
    return f"{variant_id}-{lot_id or 0}"


def places(variants: "QuerySet[Variant]") -> list[Place]:
    """Return every place of these variants where units are or should be, by product, SKU and best-before.

    Lots without a unit left are left out; a lot that should be empty and is not is counted on its own page.
    """
    stocked = (
        variants.filter(components__isnull=True).select_related("product").order_by("product__name", "sku")
    )
    in_order = {variant.pk: variant for variant in stocked}
    lots: dict[int, list[Lot]] = {}
    for lot in Lot.objects.filter(variant__in=in_order, physical__gt=0):
        lots.setdefault(lot.variant_id, []).append(lot)
    loose = dict(StockLevel.objects.filter(variant__in=in_order).values_list("variant_id", "on_hand"))
    found = []
    for pk, variant in in_order.items():
        if variant.is_lot_tracked:
            found += [Place(variant, lot, _expected(lot)) for lot in lots.get(pk, [])]
        else:
            found.append(Place(variant, None, loose.get(pk, 0)))
    return found


@transaction.atomic(savepoint=False)
def book_stocktake(
    found: Sequence[Found], *, cause: str, actor: Any, at: datetime, reason: str
) -> tuple[Taken, int]:
    """Book the differences of a stocktake, all or none; return whose promises that broke, and how many places
    differed.

    Sent twice under one cause it books once.
    :raises StockMoved: if a place does not hold any more what the sheet had said: count it again.
    :raises InvalidInput: if a number is negative.
    """
    lock_levels(row.place.variant.pk for row in found)
    lots = lock_lots(row.place.lot.pk for row in found if row.place.lot)
    before = _booked(cause)
    moved = {}
    fresh = [row for row in found if row.place.key not in before]
    for row in fresh:
        now = _now_at(row.place, lots)
        if now != row.expected:
            moved[row.place.key] = [f"It was {row.expected} when you began and is {now} now: count again."]
    if moved:
        raise StockMoved("Units came or went while you counted. Nothing is booked yet.", fields=moved)
    different = [row for row in fresh if row.counted != row.expected]
    taken = Taken()
    for row in different:
        facts = {"cause": cause, "actor": actor, "at": at, "reason": reason}
        taken += count(variant=row.place.variant, lot=row.place.lot, counted=row.counted, **facts)
    return taken, len(different) + len(before)


def _booked(cause: str) -> set[str]:
    """Return the places that were booked under this cause before."""
    rows = StockMovement.objects.filter(cause=cause).values_list("variant_id", "lot_id")
    return {place_key(variant_id, lot_id) for variant_id, lot_id in rows}


def _expected(lot: Lot) -> int:
    return lot.on_hand if lot.status == Lot.Status.RELEASED else lot.physical


def _now_at(place: Place, lots: dict[int, Lot]) -> int:
    if place.lot is not None:
        return _expected(lots[place.lot.pk])
    level = StockLevel.objects.filter(variant=place.variant).first()
    return level.on_hand if level else 0
