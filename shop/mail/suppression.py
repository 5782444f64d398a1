"""Addresses that get no more mail: put down once, honoured by every delivery, lifted by staff."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from shop.exceptions import Conflict
from shop.mail import recipients
from shop.mail.models import SuppressedAddress

# What goes out even to a suppressed address, and why. An address that truly does not exist refuses it again,
# which is then on record.
LEGALLY_REQUIRED = {
    "order_confirmation": "confirmation of the contract on a durable medium (2011/83/EU, art. 8(7))",
    "withdrawal_receipt": "acknowledgement of a withdrawal without delay (2011/83/EU, art. 11a)",
    "invoice": "the invoice that the customer is owed (2006/112/EC, art. 220)",
    "refund": "money that goes back is accounted for to whom it belongs",
    "recall": "everybody affected by a recall is told directly (EU 2023/988, art. 35)",
    "subscription_cancelled": "confirmation that a subscription has ended (California ARL, UK DMCC)",
}


class AlreadyLifted(Conflict):
    code = "already_lifted"
    title = "That was lifted before"


def is_suppressed(email: str, *, kind: str) -> bool:
    """Return whether a mail of this kind must not go to an address."""
    if kind in LEGALLY_REQUIRED:
        return False
    return _rows(email).exists()


def suppress(email: str, *, cause: str, reason: str, at: datetime, actor: Any = None) -> None:
    """Put an address down. One that is down already stays as it was: the documented duplicate."""
    row = SuppressedAddress(
        email=email.lower(), cause=cause, reason=reason[:200], created_at=at, created_by=actor
    )
    SuppressedAddress.objects.bulk_create([row], ignore_conflicts=True)


def of(email: str) -> SuppressedAddress:
    """Return the row of an address that is down."""
    return _rows(email).get()


def lift(row: SuppressedAddress, *, actor: Any, at: datetime) -> SuppressedAddress:
    """Let an address have mail again; the row stays, with who lifted it.

    :raises AlreadyLifted: if somebody did so before.
    """
    with transaction.atomic():
        row = SuppressedAddress.objects.select_for_update().get(pk=row.pk)
        if row.lifted_at is not None:
            raise AlreadyLifted(f"{row.email} gets mail already.")
        row.lifted_at, row.lifted_by = at, actor
        row.save(update_fields=["lifted_at", "lifted_by"])
    return row


def _rows(email: str) -> QuerySet[SuppressedAddress]:
    return SuppressedAddress.objects.filter(recipients.written_as(email), lifted_at__isnull=True)
