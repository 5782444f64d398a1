"""The life of a lot: received into quarantine, released, and taken away by quarantine, age or recall."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import ExpressionWrapper, F, Q, QuerySet, Value

from catalog.inventory.ledger import (
    LotMismatch,
    RawLotRecalled,
    Taken,
    lock_level,
    lock_levels,
    lock_lots,
    make_room,
    require_life,
    shop_date,
    unwritten,
    write,
)
from catalog.models import Lot, RawLot, StockMovement, Variant
from shop.exceptions import InvalidInput
from shop.transitions import Table, advance

Kind = StockMovement.Kind
Status = Lot.Status
# A lot that may be sold for no longer than this should be sold first.
ENDING_DAYS = 60

TRANSITIONS: Table = {
    Status.QUARANTINE: {Status.RELEASED, Status.RECALLED, Status.AGED_OUT},
    Status.RELEASED: {Status.QUARANTINE, Status.RECALLED, Status.AGED_OUT},
    Status.AGED_OUT: {Status.RECALLED},
    Status.RECALLED: set(),
}


@transaction.atomic(savepoint=False)
def receive_lot(
    *,
    variant: Variant,
    code: str,
    quantity: int,
    best_before_on: date | None,
    cause: str,
    at: datetime,
    supplier_lot: str = "",
    raw_lots: Iterable[RawLot] = (),
    packed_on: date | None = None,
    actor: Any = None,
    release: bool = False,
    note: str = "",
) -> Lot:
    """Book units of a lot in and return the lot; they wait in quarantine unless `release` is asked for.

    A lot that is known already takes the units in addition; a cause repeated books nothing. Quantity 0
    registers the lot.
    :raises LotMismatch: if the variant has no lots, or the lot is known with another best-before date.
    :raises InvalidInput: if the quantity is negative.
    """
    if quantity < 0:
        raise InvalidInput("A quantity is not negative.", fields={"quantity": ["Not negative."]})
    if not variant.is_lot_tracked:
        raise LotMismatch(f"{variant.sku} is not tracked by lot: receive it by count.")
    lock_level(variant.pk)
    lot, created = Lot.objects.get_or_create(
        variant=variant,
        code=code,
        defaults={
            "best_before_on": best_before_on, "supplier_lot": supplier_lot, "packed_on": packed_on,
            "note": note, "created_at": at,
        },
    )  # fmt: skip
    if lot.best_before_on != best_before_on:
        raise LotMismatch(f"Lot {code} is known with best before {lot.best_before_on}.")
    if created:
        lot.raw_lots.set(raw_lots)
    _book(lot, Kind.RECEIVED, 0, quantity, cause=cause, at=at, actor=actor)
    return release_lot(lot, actor=actor, cause=cause, at=at) if release else _fresh(lot)


@transaction.atomic(savepoint=False)
def release_lot(lot: Lot, *, actor: Any, cause: str, at: datetime) -> Lot:
    """Make every unit of a lot that is in the building sellable, and return the lot.

    For a lot in quarantine, and for a released one with returned units waiting. Repeatable.
    :raises LotTooOld: if it is nearer to best-before than the variant's minimum remaining life.
    :raises RawLotRecalled: if it was made of what its supplier took back.
    :raises InvalidTransition: if it was recalled or aged out.
    """
    lot = _locked(lot)
    require_life(lot, at=at)
    _require_sound_raw(lot)
    if lot.status != Status.RELEASED:
        advance(lot, field="status", table=TRANSITIONS, target=Status.RELEASED)
    waiting = lot.physical - lot.on_hand
    _book(lot, Kind.LOT_RELEASED, waiting, 0, cause=cause, at=at, actor=actor)
    return _fresh(lot)


@transaction.atomic(savepoint=False)
def quarantine(lot: Lot, *, actor: Any, cause: str, at: datetime, reason: str = "") -> Taken:
    """Take a released lot off sale until staff release it again; return whose promises that broke.

    Repeatable.
    :raises InvalidTransition: if it was recalled or aged out.
    """
    locked = _locked(lot)
    if locked.status == Status.QUARANTINE:
        return Taken()
    return _withdraw(
        [locked], Status.QUARANTINE, Kind.QUARANTINED, cause=cause, at=at, actor=actor, reason=reason
    )


@transaction.atomic(savepoint=False)
def recall(lot: Lot, *, actor: Any, cause: str, at: datetime, reason: str = "") -> Taken:
    """Freeze what is left of a lot for good; return whose promises that broke. Repeatable."""
    locked = _locked(lot)
    if locked.status == Status.RECALLED:
        return Taken()
    return _withdraw([locked], Status.RECALLED, Kind.RECALLED, cause=cause, at=at, actor=actor, reason=reason)


def ending_lots(at: datetime) -> "QuerySet[Lot]":
    """Return the lots with units on sale that age out within `ENDING_DAYS`."""
    return _too_old(shop_date(at) + timedelta(days=ENDING_DAYS)).filter(on_hand__gt=0)


def waiting_lots(at: datetime) -> "QuerySet[Lot]":
    """Return the lots with units that wait for somebody to look and release them: fresh ones, and returns."""
    waits = Lot.objects.filter(status__in=[Status.QUARANTINE, Status.RELEASED])
    return waits.filter(physical__gt=F("on_hand"))


@transaction.atomic(savepoint=False)
def age_out(*, at: datetime) -> Taken:
    """Take lots off sale that came too near to their best-before date; return whose promises that broke.

    A lot is sold up to and including best-before minus the variant's minimum remaining life.
    """
    today = shop_date(at)
    due = dict(_too_old(today).values_list("pk", "variant_id"))
    lock_levels(due.values())
    lots = [lot for lot in lock_lots(due).values() if lot.status == Status.RELEASED]
    return _withdraw(lots, Status.AGED_OUT, Kind.AGED_OUT, cause=f"age-out:{today}", at=at)


def recall_raw(supplier_lot: str) -> int:
    """Mark a supplier's lot, given by its number or by our raw lot's code, as recalled; return how many raw
    lots that are. No lot made of it is released from then on, whenever it was packed. Repeatable.
    """
    named = RawLot.objects.filter(Q(supplier_lot=supplier_lot) | Q(code=supplier_lot))
    return named.update(status=RawLot.Status.RECALLED)


def lots_from(supplier_lot: str) -> "QuerySet[Lot]":
    """Return the lots made of a supplier's lot, given by the supplier's number or by our raw lot's code."""
    made_of = Q(raw_lots__supplier_lot=supplier_lot) | Q(raw_lots__code=supplier_lot)
    found = Lot.objects.filter(made_of | Q(supplier_lot=supplier_lot)).values("pk")
    return Lot.objects.filter(pk__in=found)


def _too_old(today: date) -> "QuerySet[Lot]":
    must_reach = ExpressionWrapper(
        Value(today, models.DateField()) + F("variant__min_remaining_life_days") * Value(timedelta(days=1)),
        output_field=models.DateTimeField(),
    )
    return Lot.objects.filter(status=Status.RELEASED, best_before_on__lt=must_reach)


def _require_sound_raw(lot: Lot) -> None:
    recalled = lot.raw_lots.filter(status=RawLot.Status.RECALLED).order_by("code").first()
    if recalled is not None:
        raise RawLotRecalled(f"Lot {lot.code} was made of {recalled.code}, which was recalled.")


def _locked(lot: Lot) -> Lot:
    lock_level(lot.variant_id)
    return lock_lots([lot.pk])[lot.pk]


def _fresh(lot: Lot) -> Lot:
    lot.refresh_from_db()
    return lot


def _withdraw(
    lots: Iterable[Lot],
    status: Status,
    kind: Kind,
    *,
    cause: str,
    at: datetime,
    actor: Any = None,
    reason: str = "",
) -> Taken:
    """Bring the sellable units of locked lots to 0 and give them their new status.

    Only a released lot has sellable units, so a lot without any needs nothing but the step of its status.
    """
    taken = Taken()
    for lot in lots:
        if lot.on_hand == 0:
            advance(lot, field="status", table=TRANSITIONS, target=status)
            continue
        move = _movement(lot, kind, -lot.on_hand, 0, cause=cause, at=at, actor=actor, reason=reason)
        if unwritten([move]):
            taken += make_room(lock_level(lot.variant_id), lot.on_hand)
            write([move], lot_status=status)
    return taken


def _book(lot: Lot, kind: Kind, quantity: int, physical: int, **facts: Any) -> None:
    """Write a change of a locked lot, unless it changes nothing or is written already."""
    if not quantity and not physical:
        return
    if fresh := unwritten([_movement(lot, kind, quantity, physical, **facts)]):
        write(fresh)


def _movement(
    lot: Lot,
    kind: Kind,
    quantity: int,
    physical: int,
    *,
    cause: str,
    at: datetime,
    actor: Any,
    reason: str = "",
) -> StockMovement:
    return StockMovement(
        variant_id=lot.variant_id, lot=lot, kind=kind, quantity=quantity, physical=physical, reason=reason,
        actor=actor, cause=cause, at=at,
    )  # fmt: skip
