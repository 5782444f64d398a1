"""Telling a customer of a charge before it happens. A notice counts from the moment it was sent."""

from datetime import datetime

from django.conf import settings

from orders.emails import refills as letters
from orders.emails.refills import Holds
from orders.models import Refill
from orders.totals import Quote
from shop.mail import outbox
from shop.mail.models import OutboxMessage
from shop.mail.outbox import Letter


def tell(refill: Refill, quote: Quote, *, charge_at: datetime, at: datetime) -> None:
    """Quote a locked refill, write its reminder, and set the time of its charge.

    The charge is never set nearer than the notice period; that the mail was sent in time is checked again
    when the refill is claimed.
    """
    letter = write(refill, quote, charge_at=charge_at, at=at)
    refill.notice = outbox.enqueue(letter, to=refill.customer.email, at=at)
    refill.save(
        update_fields=["quoted_total", "quoted_at", "asked_at", "notices", "notice", "next_attempt_at"]
    )


def write(
    refill: Refill, quote: Quote, *, charge_at: datetime, at: datetime, holds: Holds | None = None
) -> Letter:
    """Do what `tell` does with a refill that is not saved, and return the reminder that is not sent."""
    refill.quoted_total = quote.total
    refill.quoted_at = at
    refill.asked_at = None
    refill.notices += 1
    refill.next_attempt_at = max(charge_at, at + settings.REFILL_NOTICE_FOR)
    return letters.refill_upcoming(
        refill,
        shipping=quote.shipping_amount,
        tax=quote.tax_total,
        discount=quote.discount_total,
        holds=holds,
    )


def lower(refill: Refill, quote: Quote, *, at: datetime) -> None:
    """Quote a locked refill that came to no more than it was told: the ceiling sinks, the date stays."""
    refill.quoted_total = quote.total
    refill.quoted_at = at
    refill.save(update_fields=["quoted_total", "quoted_at"])


def waits(refill: Refill) -> bool:
    """Return whether the latest notice of a locked refill is still to go out, and its charge waits for it."""
    notice = refill.notice
    return refill.asked_at is None and notice is not None and notice.status == OutboxMessage.Status.PENDING


def is_still_true(message: OutboxMessage, *, at: datetime) -> bool:
    """Return whether a reminder may go out; asked just before it is sent, which may be hours after it was
    written. Not for a refill that has ended, was told anew or is sent now; a copy says what was said.
    """
    refill = Refill.objects.filter(reference=message.subject_key.removeprefix("refill:")).first()
    if refill is None or message.copy_of_id is not None:
        return True
    waits = refill.status in {Refill.Status.PLANNED, Refill.Status.BACKORDERED}
    return waits and refill.asked_at is None and refill.notice_id == message.pk
