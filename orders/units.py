"""Units of an order: what still has to be sent, and what never will be. Callers hold the order's lock."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from catalog import inventory
from orders import lifecycle
from orders.models import Order, OrderLineComponent, Shipment
from shop.exceptions import Conflict

Status = Shipment.Status


class NotThatMany(Conflict):
    code = "not_that_many"
    title = "There are not that many units left to send"


def to_pack(order: Order) -> dict[int, int]:
    """Return how many pieces of each line are in no parcel yet, by line id; 0 included.

    Of a bundle, pieces that are whole: one whose oil has left with an earlier parcel is not counted.
    """
    pieces: dict[int, int] = {}
    for part in OrderLineComponent.objects.filter(line__order=order).select_related("line"):
        whole = part.to_pack // _each(part)
        pieces[part.line_id] = min(whole, pieces.get(part.line_id, whole))
    return pieces


def is_untouched(order: Order) -> bool:
    """Return whether nothing of an order is in a parcel: it can still be changed or cancelled as a whole."""
    return not order.shipments.exclude(status=Status.UNPACKED).exists()


def cancel_units(order: Order, lines: Mapping[int, int], *, at: datetime) -> None:
    """Take pieces of lines (by line id) off what is sent, and give their stock back.

    :raises NotThatMany: if fewer are left to pack.
    """
    parts = list(
        OrderLineComponent.objects.filter(line__order=order, line_id__in=lines).select_related("line")
    )
    freed: dict[int, int] = {}
    for part in parts:
        n = lines[part.line_id] * _each(part)
        if n > part.to_pack:
            raise NotThatMany(f"{part.sku}: {part.to_pack} of {part.quantity} are left to send.")
        part.cancelled += n
        freed[part.variant_id] = freed.get(part.variant_id, 0) + n
    OrderLineComponent.objects.bulk_update(parts, ["cancelled"])
    inventory.release_units(order.stock_reference, {pk: n for pk, n in freed.items() if n}, at=at)
    show_fulfilment(order)


def count_packed(lines: Iterable[tuple[OrderLineComponent, int]]) -> None:
    """Add units to what is in parcels; negative when a parcel was opened again.

    A constraint of the database keeps the sum within what was ordered.
    """
    changed = []
    for part, n in lines:
        part.packed += n
        changed.append(part)
    OrderLineComponent.objects.bulk_update(changed, ["packed"])


def show_fulfilment(order: Order) -> None:
    """Bring the order's fulfilment status up to date: replacements of lost parcels do not count."""
    parcels = set(order.shipments.filter(replaces=None).values_list("status", flat=True))
    if not parcels.intersection(Shipment.LEFT):
        return
    if order.fulfilment_status == Order.FulfilmentStatus.RETURNED:
        return
    parts = OrderLineComponent.objects.filter(line__order=order)
    is_open = Status.PACKED in parcels or any(part.to_pack for part in parts)
    done = Order.FulfilmentStatus.PARTIALLY if is_open else Order.FulfilmentStatus.FULFILLED
    lifecycle.mark_fulfilment(order, done)


def _each(part: OrderLineComponent) -> int:
    """Return how many units of a component one piece of its line takes."""
    return part.quantity // part.line.quantity
