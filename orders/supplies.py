"""How long what was ordered lasts: said in the confirmation and on the order's page, with what it assumes."""

from copy import copy
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import prefetch_related_objects
from django.utils.formats import date_format

from catalog import usage
from catalog.models import Variant
from orders.models import Order

# Within this many days a date needs no year: nobody takes it for another one.
SAME_YEAR_FOR = timedelta(days=300)


@dataclass(frozen=True, slots=True)
class Supply:
    """Packs of one size, until about when they last, and at which use."""

    name: str
    until: date
    day: str
    use: str


def supplies_of(order: Order, units: dict[Variant, int] | None = None) -> list[Supply]:
    """Return what an order holds that is used up, opened on the day it should arrive.

    Nothing for an order that is not paid or has ended: nobody knows when it arrives. `units` for a caller
    that has asked `units_of` already.
    """
    if order.paid_at is None or order.status != Order.Status.PLACED:
        return []
    arrives_on = order.paid_at.date() + timedelta(days=order.transit_days_max)
    packs = units_of(order) if units is None else units
    found = [_supply(variant, number, arrives_on) for variant, number in packs.items()]
    return [supply for supply in found if supply is not None]


def units_of(order: Order) -> dict[Variant, int]:
    """Return how many packs of each size an order takes from stock, bundles as their parts."""
    # A copy, so that the caller's own order keeps no lines that a later change would make untrue.
    read = copy(order)
    prefetch_related_objects([read], "lines__components__variant__product")
    units: dict[Variant, int] = {}
    for line in read.lines.all():
        for part in line.components.all():
            units[part.variant] = units.get(part.variant, 0) + part.quantity
    return units


def day_in_words(until: date, *, since: date) -> str:
    """Return the day until which something lasts: "14 December", far from now with its year."""
    return date_format(until, "j F" if until - since < SAME_YEAR_FOR else "j F Y")


def _supply(variant: Variant, number: int, arrives_on: date) -> Supply | None:
    until = usage.lasts_until(variant, number, arrives_on)
    if until is None:
        return None
    return Supply(
        name=f"{number} × {variant.product.name}, {variant.name}",
        until=until,
        day=day_in_words(until, since=arrives_on),
        use=usage.usual_use(variant.product),
    )
