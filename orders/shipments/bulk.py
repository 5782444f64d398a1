"""Many parcels in one go, each in a transaction of its own: one that is refused does not stop the others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from orders.models import Order, Shipment
from orders.shipments.leaving import Label, dispatch
from orders.shipments.packing import pack
from orders.shipments.picking import Take
from shop.accounts.models import User
from shop.exceptions import ShopError


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one order or parcel: the parcel, or why not."""

    reference: str
    shipment: Shipment | None
    refusal: str = ""


def pack_all(takes: Mapping[int, Iterable[Take]], *, actor: User | None, at: datetime) -> list[Done]:
    """Pack orders (by id) from the lots that were picked for them, oldest payment first."""
    done = []
    for order in Order.objects.filter(pk__in=takes).order_by("paid_at", "pk"):
        try:
            done.append(Done(order.reference, pack(order, takes[order.pk], actor=actor, at=at)))
        except ShopError as refusal:
            done.append(Done(order.reference, None, refusal.detail))
    return done


def dispatch_all(labels: Mapping[str, Label], *, actor: User | None, at: datetime) -> list[Done]:
    """Dispatch parcels (by reference) with their labels, longest packed first."""
    done = []
    for shipment in Shipment.objects.filter(reference__in=labels).order_by("packed_at", "pk"):
        try:
            sent = dispatch(shipment, labels[shipment.reference], actor=actor, at=at)
            done.append(Done(shipment.reference, sent))
        except ShopError as refusal:
            done.append(Done(shipment.reference, None, refusal.detail))
    return done
