"""The ledger: stock rows are locked here, and counts change here beside the movement that explains them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Case, F, IntegerField, Q, Value, When

from catalog.models import Lot, StockLevel, StockMovement, StockReservation, Variant
from shop.exceptions import Conflict, InvalidInput


class OutOfStock(Conflict):
    """`extra` holds `sku`, `available` (of the first SKU that is short) and `short` (all of them)."""

    code = "out_of_stock"
    title = "Not enough in stock"


class NotEnoughStock(Conflict):
    """A lot or a shelf holds fewer units than the step needs."""

    code = "not_enough_stock"
    title = "There are not that many units"


class NotAllocated(Conflict):
    """The reference has no open allocation for what should leave."""

    code = "not_allocated"
    title = "Nothing is allocated for that"


class LotRequired(InvalidInput):
    code = "lot_required"
    title = "This variant is tracked by lot"


class LotMismatch(Conflict):
    code = "lot_mismatch"
    title = "That lot does not fit"


class LotNotOnSale(Conflict):
    """The lot is in quarantine, aged out or recalled."""

    code = "lot_not_on_sale"
    title = "That lot is not on sale"


class LotTooOld(Conflict):
    code = "lot_too_old"
    title = "The lot is too near its best-before date to be sold"


class RawLotRecalled(Conflict):
    code = "raw_lot_recalled"
    title = "The lot was made of raw material that was recalled"


@dataclass(frozen=True, slots=True)
class Taken:
    """Whose promises were broken when stock was taken away: references, in the order they lost it."""

    holds: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(self.holds + other.holds, self.short + other.short)


def shop_date(at: datetime) -> date:
    """Return the calendar date of an instant where the shop is."""
    return at.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)).date()


def lock_levels(
    variant_ids: Iterable[int], *, reference: str | None = None, skip_locked: bool = False
) -> dict[int, StockLevel]:
    """Lock the stock rows of variants, and of all that a reference ever reserved; return them by variant id.

    ORDER BY under FOR UPDATE locks in primary-key order, so two crossed carts cannot deadlock.
    :raises TransactionManagementError: outside a transaction.
    """
    wanted = Q(variant_id__in=set(variant_ids))
    if reference is not None:
        reserved = StockReservation.objects.filter(reference=reference)
        wanted |= Q(variant_id__in=reserved.values("variant_id"))
    rows = StockLevel.objects.select_for_update(skip_locked=skip_locked).filter(wanted).order_by("pk")
    return {row.variant_id: row for row in rows}


def lock_level(variant_id: int) -> StockLevel:
    """Lock the stock row of one variant, making it first if the variant has none yet."""
    found = lock_levels([variant_id])
    if not found:
        StockLevel.objects.bulk_create([StockLevel(variant_id=variant_id)], ignore_conflicts=True)
        found = lock_levels([variant_id])
    return found[variant_id]


def lock_lots(lot_ids: Iterable[int]) -> dict[int, Lot]:
    """Lock lots in primary-key order and return them by id. Their levels are locked already."""
    rows = (
        Lot.objects.select_related("variant")
        .select_for_update(of=("self",))
        .filter(pk__in=list(lot_ids))
        .order_by("pk")
    )
    return {row.pk: row for row in rows}


def unwritten(moves: Sequence[StockMovement]) -> list[StockMovement]:
    """Return the movements that are not in the ledger yet: a cause repeated moves nothing twice.

    Safe to look before writing, because the caller holds the lock of every variant named.
    """
    written = set(
        StockMovement.objects.filter(cause__in={move.cause for move in moves}).values_list(
            "cause", "line", "variant_id", "lot_id", "kind"
        )
    )
    return [m for m in moves if (m.cause, m.line, m.variant_id, m.lot_id, m.kind) not in written]


def write(
    moves: Sequence[StockMovement],
    *,
    unreserve: Mapping[int, int] | None = None,
    lot_status: str | None = None,
) -> None:
    """Write movements and the counts they change: the only writer of counts.

    `unreserve` lowers `reserved` by variant id in the same statement as `on_hand`, so that the CHECK between
    them holds throughout; `lot_status` is given to every lot named. The caller holds the locks.
    """
    StockMovement.objects.bulk_create(moves)
    sellable: dict[int, int] = defaultdict(int)
    lots: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for move in moves:
        sellable[move.variant_id] += move.quantity
        if move.lot_id is not None:
            lots[move.lot_id][0] += move.quantity
            lots[move.lot_id][1] += move.physical
    for variant_id, quantity in sorted(sellable.items()):
        let_go = (unreserve or {}).get(variant_id, 0)
        if quantity or let_go:
            StockLevel.objects.filter(variant_id=variant_id).update(
                on_hand=F("on_hand") + quantity, reserved=F("reserved") - let_go
            )
    status = {"status": lot_status} if lot_status else {}
    for lot_id, (quantity, physical) in sorted(lots.items()):
        Lot.objects.filter(pk=lot_id).update(
            on_hand=F("on_hand") + quantity, physical=F("physical") + physical, **status
        )


def change_reserved(by_variant: Mapping[int, int]) -> int:
    """Add to `reserved` of each variant in one conditional UPDATE; return how many rows took it.

    A row that has not enough left does not take it: that is the guard, and the CHECK constraint the second.
    """
    if not by_variant:
        return 0
    step = Case(
        *(When(variant_id=variant_id, then=Value(n)) for variant_id, n in by_variant.items()),
        output_field=IntegerField(),
    )
    return StockLevel.objects.filter(
        Q(variant_id__in=list(by_variant)), on_hand__gte=F("reserved") + step
    ).update(reserved=F("reserved") + step)


def let_go(rows: Sequence[StockReservation]) -> None:
    """Release reservations whose levels are locked: what was consumed stays consumed, `reserved` falls."""
    freed: dict[int, int] = defaultdict(int)
    for row in rows:
        if row.status in StockReservation.OPEN:
            freed[row.variant_id] -= row.quantity - row.consumed
        consumed = row.consumed > 0
        row.quantity = row.consumed or row.quantity
        row.status = StockReservation.Status.CONSUMED if consumed else StockReservation.Status.RELEASED
    StockReservation.objects.bulk_update(rows, ["quantity", "status"])
    change_reserved({variant_id: n for variant_id, n in freed.items() if n})


def make_room(level: StockLevel, leaving: int) -> Taken:
    """Break as few promises as needed so that `leaving` units can be taken from a locked level.

    Holds go first, then allocations that are not packed, newest first each: who is still paying loses before
    who has paid. What is in a box already goes last, only where nothing else is left.
    """
    missing = level.reserved - (level.on_hand - leaving)
    if missing <= 0:
        return Taken()
    open_rows = StockReservation.objects.select_for_update().filter(
        variant_id=level.variant_id, status__in=StockReservation.OPEN
    )
    held = [row for row in open_rows.order_by("-pk") if row.status == StockReservation.Status.HELD]
    holds = _enough_of(held, missing)
    missing -= sum(row.quantity - row.consumed for row in holds)
    let_go(holds)
    allocated = [row for row in open_rows.order_by("-pk") if row.status == StockReservation.Status.ALLOCATED]
    short = _enough_of(sorted(allocated, key=lambda row: row.packed > 0), missing)
    for row in short:
        row.status = StockReservation.Status.SHORT
    StockReservation.objects.bulk_update(short, ["status"])
    shortage = sum(row.quantity - row.consumed for row in short)
    change_reserved({level.variant_id: -shortage} if short else {})
    return Taken([row.reference for row in holds], [row.reference for row in short])


def _enough_of(rows: Iterable[StockReservation], missing: int) -> list[StockReservation]:
    chosen: list[StockReservation] = []
    for row in rows:
        if missing <= 0:
            break
        chosen.append(row)
        missing -= row.quantity - row.consumed
    return chosen


def last_sale_day(lot: Lot) -> date | None:
    """Return the last date on which a lot may be sold; None if it has no best-before date."""
    return sold_until(lot.best_before_on, lot.variant)


def sold_until(best_before_on: date | None, variant: Variant) -> date | None:
    """Return the last date on which units with this best-before date may be sold; None if they have none."""
    if best_before_on is None:
        return None
    return best_before_on - timedelta(days=variant.min_remaining_life_days)


def require_sellable(lot: Lot, *, at: datetime) -> None:
    """Refuse a locked lot that may not be sold.

    :raises LotNotOnSale: if it is in quarantine, aged out or recalled.
    :raises LotTooOld: if it is nearer to best-before than the variant's minimum remaining life, even if the
        sweep has not met it yet.
    """
    if lot.status != Lot.Status.RELEASED:
        words = lot.get_status_display().lower().replace("_", " ")
        raise LotNotOnSale(f"Lot {lot.code} is not on sale: {words}.")
    require_life(lot, at=at)


def require_life(lot: Lot, *, at: datetime) -> None:
    """Refuse a lot that is past its last day of sale.

    :raises LotTooOld: if it is nearer to best-before than the variant's minimum remaining life.
    """
    last_day = last_sale_day(lot)
    if last_day is not None and shop_date(at) > last_day:
        raise LotTooOld(f"Lot {lot.code} could be sold until {last_day:%-d %B %Y}.")


def require_lot(variant: Variant, lot: Lot | None) -> None:
    """Refuse a step that names no lot where one is needed, or a lot of another variant.

    :raises LotRequired: if the variant is tracked by lot and none is given.
    :raises LotMismatch: if the lot belongs to another variant.
    """
    if lot is None and variant.is_lot_tracked:
        raise LotRequired(f"Name the lot of {variant.sku}.", fields={"lot": ["This variant needs a lot."]})
    if lot is not None and lot.variant_id != variant.pk:
        raise LotMismatch(f"Lot {lot.code} is not a lot of {variant.sku}.")
