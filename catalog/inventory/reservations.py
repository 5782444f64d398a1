"""Promises: hold while a customer pays, allocate once paid, release when nothing comes of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from catalog.inventory.ledger import NotAllocated, OutOfStock, change_reserved, let_go, lock_levels
from catalog.inventory.statements import allocate_all_of, hold_anew, let_go_of
from catalog.models import StockLevel, StockReservation, Variant

Status = StockReservation.Status


def reserve(*, reference: str, quantities: Mapping[int, int], until: datetime, at: datetime) -> None:
    """Hold units for a reference until `until`, all of them or none.

    `quantities` is units by variant id (`demand_of` sums them) and is the whole demand of the reference: an
    open hold is renewed and adjusted, never doubled, and holds of other variants are let go. An allocation
    stays as it is. Expired holds of others never stand in the way, whether or not a sweeper has run.
    Two statements for a new reference whatever the number of SKUs. Needs a transaction; after a refusal it
    can go on.

    :raises OutOfStock: naming every SKU that is short. Nothing is held then.
    :raises ValueError: if a quantity is not positive.
    """
    if any(n <= 0 for n in quantities.values()):
        raise ValueError("a quantity to reserve is positive")
    if not hold_anew(reference, quantities, until=until, at=at):
        _hold_again(reference, quantities, until, at)


def _hold_again(reference: str, quantities: Mapping[int, int], until: datetime, at: datetime) -> None:
    """Renew and adjust what a reference has, or find out that something is short."""
    levels = lock_levels(quantities, reference=reference)
    known = _lock_rows(reference)
    open_rows = {row.variant_id: row for row in known if row.status not in (Status.CONSUMED, Status.RELEASED)}
    wanted = {pk: _still_missing(open_rows.get(pk), n) for pk, n in quantities.items()}
    if _short(levels, wanted):
        levels = _without_expired(levels, wanted, reference, at)
    if short := _short(levels, wanted):
        raise _out_of_stock(short, quantities, levels, wanted)
    taken = change_reserved({variant_id: n for variant_id, n in wanted.items() if n})
    if taken != sum(1 for n in wanted.values() if n):
        raise OutOfStock("The stock changed meanwhile. Try again.")
    _forget_others(known, quantities)
    _write_holds(reference, quantities, open_rows, until, at)


def _lock_rows(reference: str) -> list[StockReservation]:
    return list(StockReservation.objects.select_for_update().filter(reference=reference).order_by("pk"))


def _still_missing(row: StockReservation | None, n: int) -> int:
    """Return by how much `reserved` must change for a row to hold `n` units."""
    if row is None:
        return n
    if row.status == Status.SHORT:
        return row.quantity - row.consumed
    if row.status == Status.ALLOCATED:
        return 0
    return n - row.quantity


def _short(levels: Mapping[int, StockLevel], wanted: Mapping[int, int]) -> list[int]:
    return [
        variant_id
        for variant_id, n in wanted.items()
        if n > 0 and (variant_id not in levels or levels[variant_id].available < n)
    ]


def _without_expired(
    levels: Mapping[int, StockLevel], wanted: Mapping[int, int], reference: str, at: datetime
) -> dict[int, StockLevel]:
    """Release the expired holds of the SKUs that are short and return the levels as they are then."""
    expired = _expired_holds(at).filter(variant_id__in=_short(levels, wanted)).exclude(reference=reference)
    let_go(list(expired.select_for_update().order_by("pk")))
    return lock_levels(levels)


def _expired_holds(at: datetime) -> "QuerySet[StockReservation]":
    return StockReservation.objects.filter(status=Status.HELD, expires_at__lte=at)


def _out_of_stock(
    short: Sequence[int],
    quantities: Mapping[int, int],
    levels: Mapping[int, StockLevel],
    wanted: Mapping[int, int],
) -> OutOfStock:
    skus = dict(Variant.objects.filter(pk__in=short).values_list("pk", "sku"))
    report = []
    for variant_id in short:
        own = quantities[variant_id] - wanted[variant_id]
        left = levels[variant_id].available + own if variant_id in levels else 0
        report.append({"sku": skus[variant_id], "requested": quantities[variant_id], "available": left})
    return OutOfStock(
        "; ".join(f"{line['sku']}: {line['available']} left" for line in report) + ".",
        fields={
            str(line["sku"]): [f"Only {line['available']} left." if line["available"] else "Sold out."]
            for line in report
        },
        sku=report[0]["sku"],
        available=report[0]["available"],
        short=report,
    )


def _forget_others(known: Sequence[StockReservation], quantities: Mapping[int, int]) -> None:
    """Drop what the reference no longer asks for, so that `allocate` does not take it for a lost hold."""
    others = [row for row in known if row.variant_id not in quantities]
    let_go([row for row in others if row.status == Status.HELD])
    gone = [row.pk for row in others if row.status == Status.RELEASED]
    if gone:
        StockReservation.objects.filter(pk__in=gone).delete()


def _write_holds(
    reference: str,
    quantities: Mapping[int, int],
    open_rows: Mapping[int, StockReservation],
    until: datetime,
    at: datetime,
) -> None:
    fresh, changed = [], []
    for variant_id, n in quantities.items():
        row = open_rows.get(variant_id)
        if row is None:
            row = StockReservation(reference=reference, variant_id=variant_id, quantity=n, created_at=at)
            fresh.append(row)
        elif row.status == Status.ALLOCATED:
            continue
        else:
            row.quantity = row.quantity if row.status == Status.SHORT else n
            changed.append(row)
        row.status, row.expires_at = Status.HELD, until
    StockReservation.objects.bulk_create(fresh)
    StockReservation.objects.bulk_update(changed, ["quantity", "status", "expires_at"])


def _locked(reference: str) -> list[StockReservation]:
    """Lock the levels and then the reservations of a reference: the order that every verb keeps."""
    lock_levels((), reference=reference)
    return _lock_rows(reference)


def _all_open(rows: Sequence[StockReservation]) -> bool:
    """Return whether every variant that was ever asked for is still covered, and at least one is."""
    covered = {row.variant_id for row in rows if row.status in (*StockReservation.OPEN, Status.CONSUMED)}
    return bool(rows) and covered == {row.variant_id for row in rows}


@transaction.atomic(savepoint=False)
def renew_hold(reference: str, *, until: datetime) -> bool:
    """Extend the holds of a reference; return False if any of them is lost, or there never was one.

    Allocations need no renewing and count as kept. An expired hold that nobody took yet is renewed.
    """
    rows = _locked(reference)
    if not _all_open(rows):
        return False
    held = [row for row in rows if row.status == Status.HELD]
    for row in held:
        row.expires_at = until
    StockReservation.objects.bulk_update(held, ["expires_at"])
    return True


def allocate(reference: str, *, at: datetime) -> bool:
    """Turn all holds of a reference into allocations: the order is paid.

    Late is fine: a hold past its time counts while nobody has taken it, so `at` refuses nothing. Safe to
    repeat. Returns False, and changes nothing, if any part is lost; the caller may then `reserve` again.
    """
    return allocate_all_of(reference)


def release(reference: str, *, at: datetime) -> None:
    """Give back whatever a reference still has: holds, allocations, claims that went short. Repeatable."""
    let_go_of(reference)


@transaction.atomic(savepoint=False)
def release_units(reference: str, quantities: Mapping[int, int], *, at: datetime) -> None:
    """Give back a part of what a reference has: units by variant id, which it no longer wants.

    What was consumed stays consumed. Not repeatable: the caller knows whether it was done.
    :raises NotAllocated: if the reference has not that many open units.
    """
    rows = {
        row.variant_id: row
        for row in _locked(reference)
        if row.status in (*StockReservation.OPEN, Status.SHORT)
    }
    freed: dict[int, int] = {}
    for variant_id, n in quantities.items():
        row = rows.get(variant_id)
        left = row.quantity - row.consumed if row else 0
        if row is None or not 0 < n <= left:
            raise NotAllocated(f"{reference} has {left} open units of variant {variant_id}, not {n}.")
        if row.status != Status.SHORT:
            freed[variant_id] = -n
        if n < left:
            row.quantity -= n
        else:
            row.status = Status.CONSUMED if row.consumed else Status.RELEASED
            row.quantity = row.consumed or row.quantity
    StockReservation.objects.bulk_update(list(rows.values()), ["quantity", "status"])
    change_reserved(freed)


@transaction.atomic(savepoint=False)
def count_packed(reference: str, quantities: Mapping[int, int], *, at: datetime) -> None:
    """Say that units of a reference lie in a box (by variant id), or with negative numbers that they were
    taken out again. Not repeatable: the caller knows whether it was done.
    """
    rows = [row for row in _locked(reference) if row.status in (*StockReservation.OPEN, Status.SHORT)]
    for row in rows:
        row.packed = max(0, row.packed + quantities.get(row.variant_id, 0))
    StockReservation.objects.bulk_update(rows, ["packed"])


@transaction.atomic(savepoint=False)
def cover_shortage(reference: str, *, at: datetime) -> bool:
    """Allocate anew what went short, all of it or nothing; return whether the reference is whole now."""
    short = [row for row in _locked(reference) if row.status == Status.SHORT]
    wanted = {row.variant_id: row.quantity - row.consumed for row in short}
    levels = lock_levels(wanted)
    if _short(levels, wanted):
        levels = _without_expired(levels, wanted, reference, at)
    if _short(levels, wanted):
        return False
    change_reserved(wanted)
    for row in short:
        row.status = Status.ALLOCATED
    StockReservation.objects.bulk_update(short, ["status"])
    return True


@transaction.atomic(savepoint=False)
def release_expired(*, at: datetime, limit: int = 500) -> int:
    """Release holds whose time is over, at most `limit`; return how many.

    Levels that someone is working on are skipped: the next sweep finds them, and a buyer who needs the units
    releases them himself in `reserve`.
    """
    overdue = list(_expired_holds(at).order_by("expires_at").values_list("variant_id", flat=True)[:limit])
    levels = lock_levels(overdue, skip_locked=True)
    expired = _expired_holds(at).filter(variant_id__in=levels).order_by("expires_at", "pk")
    rows = list(expired.select_for_update(skip_locked=True)[:limit])
    let_go(rows)
    return len(rows)


def gone_short(at: datetime) -> "QuerySet[StockReservation]":
    """Return the promises to paid orders whose stock was taken away, and that wait for other stock."""
    return StockReservation.objects.filter(status=Status.SHORT)


def is_reserved(reference: str) -> bool:
    """Return whether a reference holds or has allocated anything now."""
    return StockReservation.objects.filter(reference=reference, status__in=StockReservation.OPEN).exists()
