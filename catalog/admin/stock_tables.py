"""The tables under a SKU's stock and under a lot: what lies where, to whom it is promised, how it came."""

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from django.utils.html import format_html

from catalog.models import Lot, StockLevel, StockMovement, StockReservation
from shop.admin import Table, badges, on_day, when

# A page shows the latest; the list of movements has them all.
SHOWN = 100

LOT_STATUS = {"quarantine": "warning", "released": "success", "aged_out": "danger", "recalled": "danger"}
PROMISE_STATUS = {"held": "info", "allocated": "success", "short": "danger"}


def words(value: str) -> str:
    """Return a stored word as staff read it."""
    return value.replace("_", " ")


def of_level(level: StockLevel) -> list[Table]:
    """Return the lots, the open promises and the history of a SKU."""
    found = [_lots(level)] if level.variant.is_lot_tracked else []
    return [*found, _promises(level), _history_of_sku(level)]


def of_lot(lot: Lot) -> list[Table]:
    """Return the history of a lot, newest first, with both balances."""
    shelf, building = lot.on_hand, lot.physical
    rows = []
    for move in _latest(lot.movements.all()):
        rows.append(
            (
                when(move.at), words(move.kind), _signed(move.quantity), shelf, _signed(move.physical),
                building, move.reason or "–", move.actor or "the shop", move.cause,
            )
        )  # fmt: skip
        shelf, building = shelf - move.quantity, building - move.physical
    headers = (
        "when",
        "what",
        "on sale ±",
        "on sale",
        "in the building ±",
        "in the building",
        "why",
        "who",
        "cause",
    )
    return [Table("History", headers, rows)]


def _lots(level: StockLevel) -> Table:
    lots = Lot.objects.filter(variant_id=level.variant_id, physical__gt=0)
    headers = ("lot", "status", "best before", "on sale", "waiting")
    rows = [
        (
            _link("lot", lot.pk, lot.code),
            badges((words(lot.status), LOT_STATUS[lot.status])),
            on_day(lot.best_before_on),
            lot.on_hand,
            lot.physical - lot.on_hand or "–",
        )
        for lot in lots
    ]
    return Table("Lots in the building", headers, rows)


def _promises(level: StockLevel) -> Table:
    is_open = [*StockReservation.OPEN, StockReservation.Status.SHORT]
    found = StockReservation.objects.filter(variant_id=level.variant_id, status__in=is_open)[:SHOWN]
    headers = ("for", "units", "status", "held until", "since")
    rows = [
        (
            _link("stockreservation", row.pk, row.reference),
            row.quantity - row.consumed,
            badges((row.status, PROMISE_STATUS[row.status])),
            when(row.expires_at) if row.status == StockReservation.Status.HELD else "–",
            when(row.created_at),
        )
        for row in found
    ]
    return Table("Promised", headers, rows)


def _history_of_sku(level: StockLevel) -> Table:
    after = level.on_hand
    rows = []
    for move in _latest(StockMovement.objects.filter(variant_id=level.variant_id)):
        lot = _link("lot", move.lot_id, move.lot.code) if move.lot else "–"
        rows.append(
            (
                when(move.at), words(move.kind), lot, _signed(move.quantity), after, _signed(move.physical),
                move.reason or "–", move.actor or "the shop",
            )
        )  # fmt: skip
        after -= move.quantity
    headers = ("when", "what", "lot", "on sale ±", "on sale", "in the building ±", "why", "who")
    return Table("History", headers, rows)


def _latest(movements: Any) -> Iterable[StockMovement]:
    return movements.select_related("lot", "actor").order_by("-id")[:SHOWN]


def _signed(quantity: int) -> str:
    return f"{quantity:+d}" if quantity else "–"


def _link(page: str, pk: int | None, text: str) -> str:
    address = reverse(f"admin:catalog_{page}_change", args=[pk])
    return format_html('<a class="text-primary-600" href="{}">{}</a>', address, text)
