"""What staff change about a paid order before it is packed: where it goes, and how much of it."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from orders import addresses, lifecycle, refunds, shipments, shipping, taxes, units
from orders.models import Order, Shipment, StripeRefund
from shop.accounts.models import User
from shop.exceptions import Conflict


class AlreadyPacked(Conflict):
    code = "already_packed"
    title = "It is in a parcel already"


class AddressChangesPrice(Conflict):
    code = "address_changes_price"
    title = "Another price would hold at that address"


class CancelInstead(Conflict):
    code = "cancel_instead"
    title = "Nothing would be left of the order"


@transaction.atomic(durable=True)
def change_address(order: Order, address: Mapping[str, str], *, actor: User, at: datetime) -> Order:
    """Send an order elsewhere. The price that was paid stays, so zone and tax have to be the same there.

    What is in a parcel keeps its address: open the parcel first.
    :raises AlreadyPacked: if a packed parcel waits, or nothing is left to pack and no parcel was lost.
    :raises AddressChangesPrice: naming the field that would change shipping or tax.
    :raises shop.exceptions.InvalidInput: if the address is not complete.
    """
    order = shipments.lock_order(order)
    _check_unpacked(order)
    new = addresses.normalise(address)
    addresses.check(new, where="shipping_address")
    _check_same_price(order, new)
    changed = [field for field in addresses.FIELDS if new[field] != order.shipping_address.get(field, "")]
    if not changed:
        return order
    order.shipping_address = new
    order.save(update_fields=["shipping_address"])
    # The words name the fields only: the timeline is no second place for an address.
    words = f"Delivery address changed: {', '.join(changed).replace('_', ' ')}."
    lifecycle.note(order, "address_changed", words, at=at, actor=actor)
    return order


@transaction.atomic(durable=True)
def remove_pieces(
    order: Order, lines: Mapping[int, int], *, reason: str, actor: User, expected_left: int, at: datetime
) -> StripeRefund:
    """Take pieces (by line id) off an order before they are packed: their stock is free again and their price
    is written down as a refund, which the caller sends. `expected_left` as in `refunds.request_refund`.

    :raises units.NotThatMany: if pieces are in a parcel already.
    :raises CancelInstead: if nothing of the order would be left.
    :raises refunds.RefundTooLarge, refunds.NothingToRefund, refunds.RefundedMeanwhile: as refunds do.
    """
    order = shipments.lock_order(order)
    shipments.check_may_ship(order)
    left = units.to_pack(order)
    for line_id, n in lines.items():
        if n > left.get(line_id, 0):
            raise units.NotThatMany(
                f"{left.get(line_id, 0)} pieces are in no parcel yet, not {n}.",
                fields={f"line_{line_id}": [f"At most {left.get(line_id, 0)}."]},
            )
    if units.is_untouched(order) and all(lines.get(line_id, 0) == n for line_id, n in left.items()):
        raise CancelInstead("Nothing would be left to send: cancel the order instead.")
    refund = refunds.request_refund(
        order, lines=lines, reason=reason, actor=actor, expected_left=expected_left, at=at
    )
    pieces = {line.pk: line for line in order.lines.all()}
    words = ", ".join(f"{n} × {pieces[line_id].sku}" for line_id, n in lines.items())
    lifecycle.note(order, "pieces_removed", f"Taken off the order: {words}. {reason}", at=at, actor=actor)
    return refund


def _check_unpacked(order: Order) -> None:
    statuses = set(order.shipments.values_list("status", flat=True))
    if Shipment.Status.PACKED in statuses:
        raise AlreadyPacked("A parcel is packed for the old address: open it again first.")
    nothing_left = not any(part.to_pack for line in order.lines.all() for part in line.components.all())
    if nothing_left and Shipment.Status.LOST not in statuses:
        raise AlreadyPacked("Everything of this order has left.")


def _check_same_price(order: Order, new: Mapping[str, str]) -> None:
    zone = shipping.zone_for(
        country=new["country"], postal_code=new["postal_code"], region=new["region"]
    ).zone.code
    if new["country"] != order.country or zone != order.shipping_zone:
        raise AddressChangesPrice(
            "Another shipping zone: what was paid does not hold there. Cancel the order and place a new one.",
            fields={"country": ["Another zone."]},
        )
    codes = set(order.lines.values_list("variant__product__tax_code", flat=True))
    on = (order.paid_at or order.placed_at).date()
    rates = [
        taxes.rates_for(country=order.country, region=region, tax_codes=codes, on=on)
        for region in (order.shipping_address.get("region", ""), new["region"])
    ]
    if rates[0] != rates[1]:
        raise AddressChangesPrice(
            "Another tax rate: what was paid does not hold there. Cancel the order and place a new one.",
            fields={"region": ["Another tax rate."]},
        )
