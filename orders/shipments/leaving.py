"""Parcels that leave, arrive, get lost or come back."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from catalog import inventory
from orders import emails, lifecycle, units
from orders.models import Shipment
from orders.shipments.packing import check_may_ship, lock
from shop.accounts.models import User
from shop.exceptions import InvalidInput
from shop.mail import outbox
from shop.transitions import InvalidTransition, advance, allowed

Status = Shipment.Status
_NUMBER = re.compile(r"^[A-Z0-9][A-Z0-9-]{3,39}\Z")


@dataclass(frozen=True, slots=True)
class Label:
    """What the carrier gave for a parcel; empty where there is nothing to follow."""

    carrier: str = ""
    service: str = ""
    tracking_number: str = ""
    tracking_url: str = ""


class LabelRefused(InvalidInput):
    code = "label_refused"
    title = "That is no label of a parcel"


def label_of(*, carrier: str, tracking_number: str, service: str = "", tracking_url: str = "") -> Label:
    """Return a label as staff or a carrier's file give it; our carriers' addresses to follow it are known.

    :raises LabelRefused: for a tracking number or an address that cannot be one.
    """
    number = "".join(tracking_number.split()).upper()
    if number and not _NUMBER.match(number):
        raise LabelRefused(
            "A tracking number has 4 to 40 letters, digits and hyphens.",
            fields={"tracking_number": ["4 to 40 letters, digits and hyphens."]},
        )
    if tracking_url and not tracking_url.startswith("https://"):
        raise LabelRefused(
            "An address to follow begins with https://.", fields={"tracking_url": ["https only."]}
        )
    if number and not tracking_url and carrier in settings.CARRIERS:
        tracking_url = settings.CARRIERS[carrier].format(number=number)
    return Label(carrier[:40], service[:40], number, tracking_url[:300])


def check_free(shipment: Shipment, label: Label) -> None:
    """:raises LabelRefused: if another parcel has the carrier's number already."""
    same = Shipment.objects.filter(carrier=label.carrier, tracking_number=label.tracking_number)
    if label.tracking_number and (other := same.exclude(pk=shipment.pk).first()):
        raise LabelRefused(
            f"{label.tracking_number} is the number of parcel {other.reference}.",
            fields={"tracking_number": [f"Parcel {other.reference} has it."]},
        )


@transaction.atomic(durable=True)
def dispatch(shipment: Shipment, label: Label, *, actor: User | None, at: datetime) -> Shipment:
    """Hand a parcel to the carrier: its units leave the stock, the customer is told once.

    :raises MayNotShip: if the order was cancelled, refunded, disputed or stopped since it was packed.
    :raises shop.transitions.InvalidTransition: if it has left already, or was opened again.
    :raises catalog.inventory.LotNotOnSale, catalog.inventory.LotTooOld, catalog.inventory.NotAllocated: if a
        lot in it was recalled, quarantined or taken away meanwhile: open the parcel and pack it anew.
    """
    return send_locked(lock(shipment), label, actor=actor, at=at)


def send_locked(shipment: Shipment, label: Label, *, actor: User | None, at: datetime) -> Shipment:
    """Do what `dispatch` does for a parcel that is locked with its order, in the caller's transaction."""
    order = shipment.order
    if not allowed(Shipment.STEPS, shipment.status, Status.DISPATCHED):
        raise InvalidTransition(f"Parcel {shipment.reference} is {shipment.status}: it cannot leave now.")
    check_may_ship(order)
    check_free(shipment, label)
    picks = [(line.variant_id, line.lot_id, line.quantity) for line in shipment.lines.all()]
    inventory.consume(shipment.stock_reference, picks=picks, cause=shipment.cause, at=at, actor=actor)
    given = {
        "carrier": label.carrier, "service": label.service or shipment.service,
        "tracking_number": label.tracking_number, "tracking_url": label.tracking_url,
    }  # fmt: skip
    advance(
        shipment, field="status", table=Shipment.STEPS, target=Status.DISPATCHED, dispatched_at=at,
        dispatched_by=actor, **given,
    )  # fmt: skip
    units.show_fulfilment(order)
    where = " ".join(part for part in (label.carrier, label.tracking_number) if part)
    words = f"Parcel {shipment.reference} has left{f': {where}' if where else ''}."
    lifecycle.note(order, "shipped", words, at=at, actor=actor, shipment=shipment.reference)
    outbox.enqueue(emails.shipped(shipment), to=order.email, at=at)
    return shipment


@transaction.atomic(durable=True)
def correct_label(shipment: Shipment, label: Label, *, actor: User | None, at: datetime) -> Shipment:
    """Put a parcel's carrier and tracking number right; the customer sees it on the order's page."""
    shipment = lock(shipment)
    check_free(shipment, label)
    shipment.carrier, shipment.service = label.carrier, label.service
    shipment.tracking_number, shipment.tracking_url = label.tracking_number, label.tracking_url
    shipment.save(update_fields=["carrier", "service", "tracking_number", "tracking_url"])
    words = f"Parcel {shipment.reference} is now {label.carrier} {label.tracking_number}.".replace("  ", " ")
    lifecycle.note(shipment.order, "label_corrected", words, at=at, actor=actor, shipment=shipment.reference)
    return shipment


def mark_delivered(shipment: Shipment, *, actor: User | None, at: datetime) -> Shipment:
    """The parcel is with its customer."""
    return _close(shipment, Status.DELIVERED, "delivered", "was delivered", actor=actor, at=at)


def mark_lost(shipment: Shipment, *, reason: str, actor: User | None, at: datetime) -> Shipment:
    """The carrier cannot find the parcel; it may be sent again."""
    return _close(shipment, Status.LOST, "parcel_lost", f"is lost: {reason}", actor=actor, at=at)


def mark_returned(shipment: Shipment, *, reason: str, actor: User | None, at: datetime) -> Shipment:
    """The carrier brought the parcel back. No stock comes back by this: its goods are looked at first."""
    return _close(shipment, Status.RETURNED, "parcel_returned", f"came back: {reason}", actor=actor, at=at)


@transaction.atomic(durable=True)
def _close(
    shipment: Shipment, target: str, kind: str, said: str, *, actor: User | None, at: datetime
) -> Shipment:
    shipment = lock(shipment)
    advance(shipment, field="status", table=Shipment.STEPS, target=target, closed_at=at)
    words = f"Parcel {shipment.reference} {said}".rstrip(".") + "."
    lifecycle.note(shipment.order, kind, words, at=at, actor=actor, shipment=shipment.reference)
    return shipment


def waiting() -> "QuerySet[Shipment]":
    """Return the packed parcels that have not left, longest packed first, with what lists show of them."""
    rows = Shipment.objects.filter(status=Status.PACKED).select_related("order")
    return rows.prefetch_related("lines__lot").order_by("packed_at", "pk")
