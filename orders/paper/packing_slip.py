"""The words of a packing slip: what is in the parcel, from which lots, how to use it, what to beware of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from babel.dates import format_date
from django.db.models import Prefetch, prefetch_related_objects

from catalog import usage
from catalog.cautions import cautions_for
from catalog.models import Lot, Product
from catalog.usage import UsageGuide
from orders import addresses
from orders.models import Order, OrderLineComponent, Shipment, ShipmentLine
from orders.paper import typesetting
from orders.paper.invoice_sheet import day, paper_for
from shop.exceptions import Conflict

SLIPS_AT_ONCE = 100


class TooManySlips(Conflict):
    code = "too_many_slips"
    title = "That is too many at once"


@dataclass(frozen=True, slots=True)
class Packed:
    """Units of one component of an order, from one lot; None where it is not packed yet or has no lots."""

    component: OrderLineComponent
    quantity: int
    lot: Lot | None = None


def packing_slip_pdf(order: Order, *, at: datetime) -> bytes:
    """Return the slip of a whole order that is not packed yet: no lots are named."""
    parts = OrderLineComponent.objects.filter(line__order=order).select_related("line", "variant__product")
    packed = [Packed(part, part.quantity) for part in parts.order_by("line__position", "pk")]
    facts = [["Order", order.reference], ["Ordered on", day(order.placed_at)]]
    return typesetting.pdf("packing_slip", _sheet(order, packed, facts, order.shipping_address), at=at)


def parcel_slip_pdf(shipment: Shipment) -> bytes:
    """Return the slip of a parcel: what is in it, with its lots. The same parcel gives the same bytes."""
    (sheet,) = _parcel_sheets([shipment])
    return typesetting.pdf("packing_slip", sheet, at=shipment.packed_at)


def parcel_slips_pdf(shipments: Sequence[Shipment], *, at: datetime) -> bytes:
    """Return the slips of parcels in one file, in the order given, each on sheets of its own.

    :raises TooManySlips: for more than `SLIPS_AT_ONCE`: setting a page takes a twentieth of a second.
    """
    if len(shipments) > SLIPS_AT_ONCE:
        raise TooManySlips(f"At most {SLIPS_AT_ONCE} slips at a time. Choose fewer parcels.")
    slips = _parcel_sheets(shipments)
    words = {**slips[0], "title": f"{len(slips)} packing slips", "banner": "", "slips": slips}
    return typesetting.pdf("packing_slips", words, at=at)


def _parcel_sheets(shipments: Sequence[Shipment]) -> list[dict[str, Any]]:
    """Return the words of each parcel's slip. As many queries for many as for one."""
    lines = ShipmentLine.objects.select_related("component__line", "component__variant__product", "lot")
    inside = lines.order_by("component__line__position", "component_id", "pk")
    prefetch_related_objects(list(shipments), "order", Prefetch("lines", inside, to_attr="packed_lines"))
    return [_parcel_sheet(shipment, shipment.packed_lines) for shipment in shipments]  # type: ignore[attr-defined]


def _parcel_sheet(shipment: Shipment, lines: Iterable[ShipmentLine]) -> dict[str, Any]:
    facts = [
        ["Parcel", shipment.reference],
        ["Order", shipment.order.reference],
        ["Packed on", day(shipment.packed_at)],
    ]
    packed = [Packed(row.component, row.quantity, row.lot) for row in lines]
    return _sheet(shipment.order, packed, facts, shipment.address)


def _sheet(
    order: Order, packed: Sequence[Packed], facts: list[list[str]], address: dict[str, str]
) -> dict[str, Any]:
    products = list(
        {row.component.variant.product_id: row.component.variant.product for row in packed}.values()
    )
    banner = "Test order: nothing is to be sent." if order.is_test else ""
    codes = dict.fromkeys(code for product in products for code in product.caution_codes)
    return {
        "title": f"Packing slip, order {order.reference}",
        "subtitle": facts[0][1],
        "heading": "Packing slip",
        "paper": paper_for(address.get("country", "")),
        "banner": banner,
        "facts": facts,
        "to": {"title": "Goes to", "lines": addresses.lines(address, locale=order.locale)},
        "columns": ["Units", "Item", "SKU", "Lot", "Best before"],
        "rows": list(_rows(packed)),
        "remarks": [],
        "guides": _guides(products),
        "cautions_title": "Before you use it",
        "cautions": [caution.text for caution in cautions_for(codes)],
        "footer": [
            "Cosmetic products for bathing and external use. Keep the lot number if you have a question."
        ],
    }


def _rows(packed: Iterable[Packed]) -> Iterable[dict[str, Any]]:
    """Yield a row for each component, its lots under each other."""
    together: dict[int, list[Packed]] = {}
    for row in packed:
        together.setdefault(row.component.pk, []).append(row)
    for same in together.values():
        part = same[0].component
        variant, line = part.variant, part.line
        in_bundle = part.variant_id != line.variant_id
        lots = [row.lot for row in same if row.lot is not None]
        several = len(same) > 1
        yield {
            "quantity": str(sum(row.quantity for row in same)),
            "name": f"{variant.product.name}, {variant.name}",
            "notes": [f"part of {line.product_name}"] if in_bundle else [],
            "sku": part.sku,
            "lots": [
                f"{row.quantity} × {row.lot.code}" if several else row.lot.code for row in same if row.lot
            ],
            "dates": [_best_before(lot) for lot in lots],
        }


def _best_before(lot: Lot) -> str:
    return format_date(lot.best_before_on, "MM/y", locale="en_GB") if lot.best_before_on else "–"


def _guides(products: Iterable[Product]) -> list[dict[str, Any]]:
    """Return the directions by method; products that are used alike share them."""
    alike: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for product in products:
        for guide in usage.guides_for(product):
            if guide.steps:
                alike.setdefault((guide.title, _dose(guide), guide.steps), []).append(product.name)
    return [
        {"title": title, "for": "; ".join(names), "dose": dose, "steps": list(steps)}
        for (title, dose, steps), names in alike.items()
    ]


def _dose(guide: UsageGuide) -> str:
    """Return the amounts in one line: 100–250 g a soak · about 5 litres of water · not above 38 °C."""
    per = "a soak" if guide.unit == "g" else "a day"
    parts = [f"{_range(guide.dose_low, guide.dose_high)} {guide.unit} {per}"]
    if guide.water_litres:
        parts.append(f"about {guide.water_litres} litres of water")
    if guide.temperature_max_c:
        parts.append(f"not above {guide.temperature_max_c} °C")
    if guide.minutes:
        parts.append(f"{guide.minutes[0]}–{guide.minutes[1]} minutes")
    return " · ".join([*parts, guide.frequency])


def _range(low: Decimal, high: Decimal) -> str:
    ends = [f"{end.normalize():f}" for end in (low, high)]
    return ends[0] if low == high else "–".join(ends)
