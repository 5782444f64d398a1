"""Paid orders whose goods are allocated, and parcels of them: made by the verbs, as the warehouse makes them."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from catalog import inventory
from catalog.models import Variant
from orders import shipments
from orders.models import Order, OrderLine, OrderLineComponent, Shipment
from shop.accounts.models import User
from tests.factories.catalog import AT, make_variant
from tests.factories.orders import make_paid_order


def make_allocated_order(
    *, variant: Variant | None = None, units: int = 2, at: datetime = AT, **fields: Any
) -> Order:
    """Return a paid order of one line, its units allocated; a bundle's components are its parts."""
    variant = variant or make_variant()
    order = make_paid_order(variant=variant, units=units, **fields)
    line = order.lines.get()
    allocate_line(line, at=at)
    return order


def allocate_line(line: OrderLine, *, at: datetime = AT) -> None:
    """Write a line's components as placement does, and allocate the order's goods."""
    parts = [(part.variant, part.quantity * line.quantity) for part in line.variant.components.all()]
    if parts:
        line.components.all().delete()
        for part, quantity in parts:
            OrderLineComponent.objects.create(
                line=line, variant=part, sku=part.sku, quantity=quantity, gross_share=line.gross // len(parts)
            )
    rows = OrderLineComponent.objects.filter(line__order=line.order)
    demand: dict[int, int] = {}
    for row in rows:
        demand[row.variant_id] = demand.get(row.variant_id, 0) + row.quantity
    reference = line.order.stock_reference
    with transaction.atomic():
        inventory.reserve(reference=reference, quantities=demand, until=at + timedelta(minutes=15), at=at)
        assert inventory.allocate(reference, at=at)


def takes_of(order: Order, *, at: datetime = AT) -> list[shipments.Take]:
    """Return what the plan takes for an order that can be packed whole."""
    loaded = list(shipments.with_parts(Order.objects.filter(pk=order.pk)))
    made = shipments.plan(loaded, at=at)
    assert not made.missing, made.missing
    return made.takes[order.pk]


def pack(order: Order, *, actor: User | None = None, at: datetime = AT) -> Shipment:
    """Return a parcel of everything that is left, from the earliest-expiring lots."""
    return shipments.pack(order, takes_of(order, at=at), actor=actor, at=at)


def send(order: Order, *, number: str = "", at: datetime = AT) -> Shipment:
    """Return a parcel of everything that is left, handed to the carrier."""
    label = shipments.label_of(carrier="Royal Mail" if number else "", tracking_number=number)
    return shipments.dispatch(pack(order, at=at), label, actor=None, at=at)
