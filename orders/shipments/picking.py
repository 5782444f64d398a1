"""What is ready to be sent, and which lots it is taken from: earliest-expiring first, oldest order first."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Prefetch, QuerySet, Sum

from catalog import inventory
from catalog.models import Lot, StockLevel, StockReservation, Variant
from orders.models import Order, OrderLineComponent, Shipment, ShipmentLine


@dataclass(frozen=True, slots=True)
class Take:
    """Units of one component from one lot; from the shelf itself for goods without lots."""

    component_id: int
    lot_id: int | None
    quantity: int

    @property
    def field(self) -> str:
        """The name of the form field that asks for it: refusals name it."""
        return take_field(self.component_id, self.lot_id)


def take_field(component_id: int, lot_id: int | None) -> str:
    """Return the name of the field for units of a component from a lot."""
    return f"take_{component_id}_{lot_id or 0}"


@dataclass(slots=True)
class Place:
    """A lot, or the shelf of goods without lots, with the units that are in no packed parcel yet."""

    variant: Variant
    lot: Lot | None
    free: int


@dataclass(slots=True)
class Plan:
    """Which lots each order is packed from, and what cannot be packed: (order, words)."""

    takes: dict[int, list[Take]] = field(default_factory=dict)
    missing: list[tuple[Order, str]] = field(default_factory=list)


@dataclass(slots=True)
class Stop:
    """One stop of the picker's round: units of one lot, and how many of them each order gets."""

    variant: Variant
    lot: Lot | None
    quantity: int = 0
    orders: list[tuple[str, int]] = field(default_factory=list)


def ready() -> "QuerySet[Order]":
    """Return the orders that may leave and have units in no parcel yet, longest paid first."""
    unpacked = OrderLineComponent.objects.filter(
        line__order=OuterRef("pk"), quantity__gt=F("packed") + F("cancelled")
    )
    return Order.objects.filter(
        Exists(unpacked),
        status=Order.Status.PLACED,
        fulfilment_status__in=[Order.FulfilmentStatus.UNFULFILLED, Order.FulfilmentStatus.PARTIALLY],
        payment_status__in=[Order.PaymentStatus.PAID, Order.PaymentStatus.PARTIALLY_REFUNDED],
        review_reason="",
        is_disputed=False,
    ).order_by("paid_at", "pk")


def with_parts(orders: "QuerySet[Order]") -> "QuerySet[Order]":
    """Load orders with what a plan looks at: three queries whatever their number."""
    parts = OrderLineComponent.objects.select_related("line", "variant__product").order_by("pk")
    return orders.prefetch_related(Prefetch("lines__components", parts))


def parts_of(order: Order) -> list[OrderLineComponent]:
    """Return the components of an order loaded by `with_parts`."""
    return [part for line in order.lines.all() for part in line.components.all()]


def places(variant_ids: Iterable[int], *, at: datetime) -> dict[int, list[Place]]:
    """Return where units of variants can be taken from, earliest best-before first. Four queries.

    A lot that is not on sale, or too near its best-before date, is left out.
    """
    wanted = set(variant_ids)
    variants = Variant.objects.select_related("product").in_bulk(wanted)
    bound = bound_units(wanted)
    found: dict[int, list[Place]] = defaultdict(list)
    today = inventory.shop_date(at)
    lots = Lot.objects.filter(variant__in=wanted, status=Lot.Status.RELEASED, on_hand__gt=0)
    # PostgreSQL sorts NULL last in ascending order: undated lots after dated ones.
    for lot in lots.order_by("best_before_on", "pk"):
        variant = variants[lot.variant_id]
        lot.variant = variant
        last_day = inventory.last_sale_day(lot)
        free = lot.on_hand - bound.get((lot.variant_id, lot.pk), 0)
        if free > 0 and (last_day is None or today <= last_day):
            found[variant.pk].append(Place(variant, lot, free))
    for level in StockLevel.objects.filter(variant__in=wanted, variant__is_lot_tracked=False):
        free = level.on_hand - bound.get((level.variant_id, None), 0)
        if free > 0:
            found[level.variant_id].append(Place(variants[level.variant_id], None, free))
    return found


def bound_units(variant_ids: Iterable[int]) -> dict[tuple[int, int | None], int]:
    """Return the units that lie in packed parcels, by variant and lot: still on hand, but in a box."""
    rows = ShipmentLine.objects.filter(
        variant_id__in=set(variant_ids), shipment__status=Shipment.Status.PACKED
    ).order_by()
    sums = rows.values_list("variant_id", "lot_id").annotate(Sum("quantity"))
    return {(variant_id, lot_id): units for variant_id, lot_id, units in sums}


def plan(orders: Sequence[Order], *, at: datetime) -> Plan:
    """Return which lots to take for orders loaded by `with_parts`. An order that cannot be packed whole, its
    stock taken away or its lots too old, takes nothing from those behind it.
    """
    needs = {order.pk: [part for part in parts_of(order) if part.to_pack] for order in orders}
    shelf = places({part.variant_id for parts in needs.values() for part in parts}, at=at)
    short = _short({order.stock_reference for order in orders})
    made = Plan()
    for order in orders:
        lacking = short.get(order.stock_reference) or _lacking(needs[order.pk], shelf)
        if lacking:
            made.missing.append((order, lacking))
        else:
            made.takes[order.pk] = [
                take for part in needs[order.pk] for take in fefo(part, part.to_pack, shelf)
            ]
    return made


def fefo(part: OrderLineComponent, units: int, shelf: Mapping[int, list[Place]]) -> list[Take]:
    """Take units of a component off the shelf, earliest best-before first; fewer if there are not as many."""
    takes = []
    for place in shelf.get(part.variant_id, ()):
        n = min(place.free, units)
        if n:
            place.free -= n
            units -= n
            takes.append(Take(part.pk, place.lot.pk if place.lot else None, n))
    return takes


def round_trip(orders: Sequence[Order], made: Plan) -> list[Stop]:
    """Return a plan as the picker's round: by SKU and lot, each with the orders that its units are for."""
    parts = {part.pk: part for order in orders for part in parts_of(order)}
    lots = Lot.objects.in_bulk(
        {take.lot_id for takes in made.takes.values() for take in takes if take.lot_id}
    )
    stops: dict[tuple[str, int], Stop] = {}
    for order in orders:
        for take in made.takes.get(order.pk, ()):
            variant = parts[take.component_id].variant
            lot = lots.get(take.lot_id or 0)
            stop = stops.setdefault((variant.sku, take.lot_id or 0), Stop(variant, lot))
            stop.quantity += take.quantity
            stop.orders.append((order.reference, take.quantity))
    return [stop for _, stop in sorted(stops.items(), key=lambda item: _place_on_shelf(item[1]))]


def _place_on_shelf(stop: Stop) -> tuple[int, str, str]:
    """The shelves stand in the order of the catalogue, their lots by date."""
    until = stop.lot.best_before_on if stop.lot else None
    return (stop.variant.product.position, stop.variant.sku, until.isoformat() if until else "9")


def _short(references: set[str]) -> dict[str, str]:
    rows = StockReservation.objects.filter(reference__in=references, status=StockReservation.Status.SHORT)
    return {
        row.reference: f"{row.variant.sku}: its stock was taken away, find other stock first."
        for row in rows.select_related("variant")
    }


def _lacking(parts: Sequence[OrderLineComponent], shelf: Mapping[int, list[Place]]) -> str:
    wanted: dict[int, int] = defaultdict(int)
    for part in parts:
        wanted[part.variant_id] += part.to_pack
    for part in parts:
        free = sum(place.free for place in shelf.get(part.variant_id, ()))
        if free < wanted[part.variant_id]:
            return (
                f"{part.sku}: {free} of {wanted[part.variant_id]} are on the shelf in lots that may be sold."
            )
    return ""
