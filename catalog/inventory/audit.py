"""The ledger checked against itself: every difference listed, nothing fixed."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Case, F, OuterRef, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from catalog.models import Lot, StockLevel, StockMovement, StockReservation


@dataclass(frozen=True, slots=True)
class Difference:
    """A count that is not what it must be, of one SKU (or one of its lots)."""

    sku: str
    what: str
    actual: int
    expected: int


def differences() -> list[Difference]:
    """Return every count that disagrees with its movements, reservations or lots. Four queries."""
    return [*_levels(), *_lots(), *_movements_without_level(), *_promises_without_level()]


def _levels() -> Iterable[Difference]:
    moved = _total(StockMovement.objects.filter(variant=OuterRef("variant")), "variant", F("quantity"))
    open_part = F("quantity") - F("consumed")
    open_rows = StockReservation.objects.filter(variant=OuterRef("variant"), status__in=StockReservation.OPEN)
    in_lots = _total(Lot.objects.filter(variant=OuterRef("variant")), "variant", F("on_hand"))
    rows = StockLevel.objects.annotate(
        moved=moved,
        spoken_for=_total(open_rows, "variant", open_part),
        in_lots=Case(When(variant__is_lot_tracked=True, then=in_lots), default=F("on_hand")),
    ).values_list("variant__sku", "on_hand", "reserved", "moved", "spoken_for", "in_lots")
    for sku, on_hand, reserved, total, spoken_for, lots in rows.order_by("variant__sku"):
        yield from _if_different(sku, "on hand / movements", on_hand, total)
        yield from _if_different(sku, "reserved / open reservations", reserved, spoken_for)
        yield from _if_different(sku, "on hand / lots", on_hand, lots)


def _lots() -> Iterable[Difference]:
    moves = StockMovement.objects.filter(lot=OuterRef("pk"))
    rows = Lot.objects.annotate(
        moved=_total(moves, "lot", F("quantity")), moved_physical=_total(moves, "lot", F("physical"))
    ).values_list("variant__sku", "code", "on_hand", "physical", "moved", "moved_physical")
    for sku, code, on_hand, physical, moved, moved_physical in rows.order_by("variant__sku", "code"):
        yield from _if_different(sku, f"lot {code} on hand", on_hand, moved)
        yield from _if_different(sku, f"lot {code} in the building", physical, moved_physical)


def _movements_without_level() -> Iterable[Difference]:
    orphans = StockMovement.objects.filter(variant__stock__isnull=True).order_by()
    for sku, total in orphans.values_list("variant__sku").annotate(total=Sum("quantity")):
        yield from _if_different(sku, "no stock row / movements", 0, total)


def _promises_without_level() -> Iterable[Difference]:
    orphans = StockReservation.objects.filter(variant__stock__isnull=True, status__in=StockReservation.OPEN)
    promised = orphans.order_by().values_list("variant__sku").annotate(n=Sum(F("quantity") - F("consumed")))
    for sku, total in promised:
        yield from _if_different(sku, "no stock row / open reservations", 0, total)


def _total(rows: "QuerySet", group: str, expression: "F | object") -> Coalesce:
    total = rows.order_by().values(group).annotate(total=Sum(expression)).values("total")
    return Coalesce(Subquery(total), Value(0))


def _if_different(sku: str, what: str, actual: int, expected: int) -> Iterable[Difference]:
    if actual != expected:
        yield Difference(sku, what, actual, expected)
