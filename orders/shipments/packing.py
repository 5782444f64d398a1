"""Parcels packed and opened again: lots are bound here, and still on hand until the parcel leaves."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction

from catalog import inventory
from catalog.models import Lot, StockLevel, StockReservation
from orders import customs, lifecycle, units
from orders.models import Order, OrderLineComponent, Shipment, ShipmentLine
from orders.shipments.picking import Take, bound_units
from shop.accounts.models import User
from shop.exceptions import Conflict, InvalidInput
from shop.transitions import advance

Status = Shipment.Status
Contents = list[tuple[OrderLineComponent, Take]]
# A box, its filling and its label, on top of what the goods weigh.
PACKAGING_G = 120


class MayNotShip(Conflict):
    code = "may_not_ship"
    title = "This order may not leave now"


class NothingToPack(InvalidInput):
    code = "nothing_to_pack"
    title = "Say what goes into the parcel"


class TakeRefused(Conflict):
    """Units that cannot go into the parcel; `fields` names each of them as the form does."""

    code = "take_refused"
    title = "Something cannot go into this parcel"


class NotLost(Conflict):
    code = "not_lost"
    title = "Only a lost parcel is sent again"


def lock_order(order: Order) -> Order:
    """Lock an order and return it as it is now."""
    return Order.objects.select_for_update().get(pk=order.pk)


def lock(shipment: Shipment) -> Shipment:
    """Lock a parcel and its order, the order first, and return it as it is now."""
    order = Order.objects.select_for_update().get(pk=shipment.order_id)
    locked = Shipment.objects.select_for_update().get(pk=shipment.pk)
    locked.order = order
    return locked


def check_may_ship(order: Order) -> None:
    """:raises MayNotShip: saying why the parcel has to stay."""
    if order.may_ship:
        return
    why = f"it is {order.status} and {order.payment_status.replace('_', ' ')}"
    if order.is_disputed:
        why = "its payment is disputed"
    if order.review_reason:
        why = f"it waits for a review: {order.review_reason}"
    raise MayNotShip(f"Order {order.reference} may not leave: {why}.")


@transaction.atomic(durable=True)
def pack(
    order: Order, takes: Iterable[Take], *, actor: User | None, at: datetime, weight_g: int | None = None
) -> Shipment:
    """Put units of an order into a parcel, each from its lot, and return the parcel.

    A part of the order is enough; what is left is packed later. Weight in grams, computed if not given.
    :raises MayNotShip: if the order is unpaid, disputed, under review, cancelled.
    :raises TakeRefused: for units that are not left to send, and for lots that may not be sent.
    :raises catalog.inventory.NotAllocated: if the order's stock was taken away.
    """
    order = lock_order(order)
    check_may_ship(order)
    contents = _contents(order, takes)
    too_many = _beyond(contents, {part.pk: part.to_pack for part, _ in contents})
    _check_places(contents, order.stock_reference, at=at, refused=too_many)
    _check_allocated(order, contents)
    shipment = _write(order, contents, actor=actor, at=at, weight_g=weight_g)
    units.count_packed(_units(contents).items())
    inventory.count_packed(order.stock_reference, _by_variant(contents), at=at)
    lifecycle.note(
        order, "packed", f"Packed {shipment.reference}: {_words(contents)}.", at=at, actor=actor,
        shipment=shipment.reference,
    )  # fmt: skip
    return shipment


@transaction.atomic(durable=True)
def unpack(shipment: Shipment, *, reason: str, actor: User | None, at: datetime) -> Shipment:
    """Open a parcel that has not left; its units can be packed again.

    :raises shop.transitions.InvalidTransition: if it has left.
    """
    shipment = lock(shipment)
    advance(shipment, field="status", table=Shipment.STEPS, target=Status.UNPACKED, closed_at=at)
    lines = list(shipment.lines.select_related("component"))
    if shipment.replaces_id:
        inventory.release(shipment.stock_reference, at=at)
    else:
        gone: dict[OrderLineComponent, int] = defaultdict(int)
        for line in lines:
            gone[line.component] -= line.quantity
        units.count_packed(gone.items())
        freed: dict[int, int] = defaultdict(int)
        for line in lines:
            freed[line.variant_id] -= line.quantity
        inventory.count_packed(shipment.stock_reference, freed, at=at)
    words = f"Parcel {shipment.reference} was opened again: {reason}"
    lifecycle.note(shipment.order, "unpacked", words, at=at, actor=actor, shipment=shipment.reference)
    return shipment


@transaction.atomic(durable=True)
def pack_again(lost: Shipment, takes: Iterable[Take], *, actor: User | None, at: datetime) -> Shipment:
    """Pack the goods of a lost parcel once more, without charge: stock is reserved anew for it.

    :raises NotLost: if the parcel is not lost, or was sent again already.
    :raises catalog.inventory.OutOfStock: if the goods are not there a second time.
    :raises TakeRefused: for more than was in it, and for lots that may not be sent.
    """
    lost = lock(lost)
    order = lost.order
    check_may_ship(order)
    if lost.status != Status.LOST or lost.replacements.exclude(status=Status.UNPACKED).exists():
        raise NotLost(f"Parcel {lost.reference} is {lost.status}, or was sent again already.")
    contents = _contents(order, takes)
    was_in_it: dict[int, int] = defaultdict(int)
    for line in lost.lines.all():
        was_in_it[line.component_id] += line.quantity
    shipment = Shipment(order=order, replaces=lost)
    demand = _by_variant(contents)
    reference = shipment.stock_reference
    inventory.reserve(reference=reference, quantities=demand, until=at + settings.HOLD_FOR, at=at)
    inventory.allocate(reference, at=at)
    inventory.count_packed(reference, demand, at=at)
    _check_places(contents, reference, at=at, refused=_beyond(contents, was_in_it))
    shipment = _write(order, contents, actor=actor, at=at, shipment=shipment)
    words = (
        f"Packed {shipment.reference} for the lost parcel {lost.reference}: {_words(contents)}. No charge."
    )
    lifecycle.note(order, "packed_again", words, at=at, actor=actor, shipment=shipment.reference)
    return shipment


def _contents(order: Order, takes: Iterable[Take]) -> Contents:
    """Return takes beside their components; one take a component and lot.

    :raises NothingToPack: if there is none. :raises TakeRefused: if one is not of this order.
    """
    wanted = [take for take in takes if take.quantity]
    if not wanted:
        raise NothingToPack("Say which units go into the parcel.")
    rows = OrderLineComponent.objects.filter(line__order=order, pk__in={t.component_id for t in wanted})
    parts = rows.select_related("line", "variant__product").prefetch_related("line__components").in_bulk()
    seen: set[str] = set()
    for take in wanted:
        if take.component_id not in parts or take.quantity < 0 or take.field in seen:
            raise TakeRefused("That is not in this order.", fields={take.field: ["Not in this order."]})
        seen.add(take.field)
    return [(parts[take.component_id], take) for take in wanted]


def _units(contents: Contents) -> dict[OrderLineComponent, int]:
    found: dict[OrderLineComponent, int] = defaultdict(int)
    for part, take in contents:
        found[part] += take.quantity
    return found


def _by_variant(contents: Contents) -> dict[int, int]:
    found: dict[int, int] = defaultdict(int)
    for part, take in contents:
        found[part.variant_id] += take.quantity
    return found


def _beyond(contents: Contents, limits: Mapping[int, int]) -> dict[str, list[str]]:
    """Return what is wrong where more is taken than may be: words by field."""
    found: dict[str, list[str]] = {}
    for part, n in _units(contents).items():
        limit = limits.get(part.pk, 0)
        if n > limit:
            first = next(take.field for other, take in contents if other.pk == part.pk)
            found[first] = [f"{part.sku}: {limit} left to send, not {n}."]
    return found


def _check_places(contents: Contents, reference: str, *, at: datetime, refused: dict[str, list[str]]) -> None:
    """Lock the stock that a parcel takes and refuse what may not be sent, all of it at once.

    Two packers cannot bind the same unit: whoever comes second waits for the level's lock, then looks.
    """
    variants = {part.variant_id for part, _ in contents}
    levels = inventory.lock_levels(variants, reference=reference)
    lots = inventory.lock_lots(take.lot_id for _, take in contents if take.lot_id)
    bound = bound_units(variants)
    taken: dict[tuple[int, int | None], int] = defaultdict(int)
    for part, take in contents:
        taken[part.variant_id, take.lot_id] += take.quantity
    for part, take in contents:
        wanted = taken[part.variant_id, take.lot_id]
        boxed = bound.get((part.variant_id, take.lot_id), 0)
        lot = lots.get(take.lot_id or 0)
        if take.lot_id is None:
            words = _why_not_shelf(part, levels.get(part.variant_id), boxed, wanted)
        else:
            words = why_not_lot(part, lot, at=at) or _too_few(lot, boxed, wanted)
        if words:
            refused.setdefault(take.field, []).append(words)
    if refused:
        raise TakeRefused(" ".join(words for found in refused.values() for words in found), fields=refused)


def why_not_lot(part: OrderLineComponent, lot: Lot | None, *, at: datetime) -> str:
    """Return why units of a component may not come from a lot, or nothing."""
    if lot is None or lot.variant_id != part.variant_id:
        return f"That is no lot of {part.sku}."
    if lot.status != Lot.Status.RELEASED:
        return f"Lot {lot.code} is not on sale: {lot.status.replace('_', ' ')}."
    lot.variant = part.variant
    last_day = inventory.last_sale_day(lot)
    if last_day is not None and inventory.shop_date(at) > last_day:
        return (
            f"Lot {lot.code} is too near its best-before date: it could be sent until {last_day:%-d %b %Y}."
        )
    return ""


def _too_few(lot: Lot | None, boxed: int, wanted: int) -> str:
    free = lot.on_hand - boxed if lot else 0
    return f"Lot {lot.code} has {free} units free, not {wanted}." if lot and free < wanted else ""


def _why_not_shelf(part: OrderLineComponent, level: StockLevel | None, boxed: int, wanted: int) -> str:
    if part.variant.is_lot_tracked:
        return f"{part.sku}: name the lot."
    free = level.on_hand - boxed if level else 0
    return f"{part.sku}: {free} units are there, not {wanted}." if free < wanted else ""


def _check_allocated(order: Order, contents: Contents) -> None:
    """Refuse what the order has no stock for any more: its lot was taken away. The levels are locked."""
    rows = StockReservation.objects.filter(
        reference=order.stock_reference, status=StockReservation.Status.ALLOCATED
    )
    open_units = {row.variant_id: row.quantity - row.consumed for row in rows}
    boxed = ShipmentLine.objects.filter(
        shipment__order=order, shipment__status=Status.PACKED, shipment__replaces=None
    )
    for line in boxed:
        open_units[line.variant_id] = open_units.get(line.variant_id, 0) - line.quantity
    wanted: dict[int, int] = defaultdict(int)
    for part, take in contents:
        wanted[part.variant_id] += take.quantity
        if wanted[part.variant_id] > open_units.get(part.variant_id, 0):
            raise inventory.NotAllocated(f"{part.sku}: its stock was taken away, find other stock first.")


def _write(
    order: Order,
    contents: Contents,
    *,
    actor: User | None,
    at: datetime,
    weight_g: int | None = None,
    shipment: Shipment | None = None,
) -> Shipment:
    shipment = shipment or Shipment(order=order)
    goods_g = sum(part.variant.gross_weight_g * take.quantity for part, take in contents)
    shipment.address = order.shipping_address
    shipment.service = order.shipping_method_name[:40]
    shipment.weight_g = weight_g or goods_g + PACKAGING_G
    shipment.customs = customs.declaration(order, _units(contents).items())
    shipment.packed_by, shipment.packed_at = actor, at
    shipment.save()
    ShipmentLine.objects.bulk_create(
        ShipmentLine(
            shipment=shipment, component=part, variant_id=part.variant_id, sku=part.sku, lot_id=take.lot_id,
            quantity=take.quantity,
        )
        for part, take in contents
    )  # fmt: skip
    return shipment


def _words(contents: Sequence[tuple[OrderLineComponent, Take]]) -> str:
    return ", ".join(f"{take.quantity} × {part.sku}" for part, take in contents)
