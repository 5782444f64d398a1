"""Mails about refills: told before, told after, told when something is in the way."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, prefetch_related_objects
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from orders import addresses, links, refill_links
from orders.models import Order, Refill, RefillItem, SavedCard, Subscription
from shop.mail import languages
from shop.mail.outbox import Letter
from shop.money import format_money

# The day of a shortage on which a refill is left out.
LAST_DAY = 30


class FirstOrder(NamedTuple):
    """What mails tell of the order that began a refill: its page is where refills are looked after."""

    pk: int
    reference: str
    is_test: bool


@dataclass(frozen=True, slots=True)
class Holds:
    """What a mail about a refill looks up: its items, and the order that began it."""

    items: Sequence[RefillItem]
    order: FirstOrder | None


# Refills and subscriptions alike know whose they are.
_in_the_refills_language = languages.spoken_by(lambda row: row.customer.locale)


@_in_the_refills_language
def refill_upcoming(
    refill: Refill, *, shipping: int, tax: int, discount: int = 0, holds: Holds | None = None
) -> Letter:
    """What will be sent and charged, when, and to which card. Amounts in minor units.

    `holds`: what is in it, of a refill that is not saved yet.
    """
    total, day = _total(refill), _day(refill, refill.next_attempt_at)
    about = _about(refill, holds)
    context = {
        **about,
        "day": day,
        "tax_included": about["items_total"] - discount + shipping == refill.quoted_total,
        "discount": format_money(-discount, refill.currency) if discount else "",
        "is_free": refill.quoted_total == 0,
        "shipping": format_money(shipping, refill.currency),
        "tax": format_money(tax, refill.currency),
        "is_news": refill.notices > 1,
    }
    subject = _("Your refill on %(day)s: %(total)s") % {"day": day, "total": total}
    return _letter(refill, "refill_upcoming", subject, context, occasion=f"notice-{refill.notices}")


@_in_the_refills_language
def refill_paid(refill: Refill) -> Letter:
    """The refill is paid and will be packed."""
    order = refill.order
    context = {**_about(refill), "order_reference": order.reference if order else ""}
    return _letter(refill, "refill_paid", _("Your refill is on our packing list"), context)


@_in_the_refills_language
def refill_declined(refill: Refill, *, retry_at: datetime | None) -> Letter:
    """The card was declined; without `retry_at` it will not be tried again until it is changed."""
    context = {**_about(refill), "retry_day": _day(refill, retry_at) if retry_at else ""}
    subject = _("The payment of your refill did not go through")
    return _letter(refill, "refill_declined", subject, context, occasion=f"decline-{refill.failed_attempts}")


@_in_the_refills_language
def action_required(refill: Refill) -> Letter:
    """The bank wants its customer to confirm the payment: the link leads to the same payment."""
    subject = _("Please confirm the payment of your refill")
    return _letter(
        refill, "action_required", subject, _about(refill), occasion=f"attempt-{refill.failed_attempts}"
    )


@_in_the_refills_language
def refill_out_of_stock(refill: Refill, *, day: int, since: date) -> Letter:
    """Something in the refill is not there: nothing is charged until it is. On day 30 it is left out.

    `since`: the first day of this shortage; the same refill may run into another.
    """
    subject = _("We leave this refill out") if day == LAST_DAY else _("Your refill is waiting for stock")
    context = {**_about(refill), "title": subject, "is_still": day > 1, "is_left_out": day == LAST_DAY}
    return _letter(refill, "refill_out_of_stock", subject, context, occasion=f"day-{day} {since}")


@_in_the_refills_language
def refill_stopped(refill: Refill) -> Letter:
    """The refill was not charged and its subscriptions are paused, not cancelled."""
    return _letter(refill, "refill_stopped", _("Your refills are paused"), _about(refill))


@languages.spoken_by(lambda card: card.customer.locale)
def card_missing(card: SavedCard, waiting: Sequence[Subscription]) -> Letter:
    """A saved card is gone: the refills that were to be charged to it wait for another one."""
    first = waiting[0].started_by.order
    names = [
        f"{row.quantity} × {row.variant.product.name}, {row.variant.name}"
        for row in sorted(waiting, key=lambda row: row.pk)
    ]
    return Letter(
        kind="card_missing",
        subject_key=f"card:{card.pk}",
        occasion="removed",
        subject=f"{_('Action required: your refills need a card')} [{first.reference}]",
        template="orders/mail/card_missing",
        context={
            "card": str(card),
            "names": names,
            "is_test": first.is_test,
            "url": refill_links.of_subscription(waiting[0])["card"],
        },
        locale=card.customer.locale,
    )


@_in_the_refills_language
def refills_halted(subscription: Subscription, *, at: datetime) -> Letter:
    """A payment is disputed with its bank: this refill rests until staff have looked."""
    what = _(
        "Paused: a payment of yours is disputed with your bank. Nothing is charged meanwhile. Write to us to "
        "take it up again."
    )
    return subscription_changed(subscription, what=what, at=at)


@_in_the_refills_language
def subscription_changed(subscription: Subscription, *, what: str, at: datetime) -> Letter:
    """The customer changed something: `what` says it in one sentence, as it is now."""
    return _about_subscription(
        subscription, "subscription_changed", _("Your refill plan has changed"), at, what=what
    )


@_in_the_refills_language
def subscription_cancelled(subscription: Subscription, *, at: datetime) -> Letter:
    """The confirmation of a cancellation: nothing is charged any more."""
    return _about_subscription(subscription, "subscription_cancelled", _("Your refills are cancelled"), at)


def _about_subscription(
    subscription: Subscription, kind: str, subject: str, at: datetime, *, what: str = ""
) -> Letter:
    order = subscription.started_by.order
    return Letter(
        kind=kind,
        subject_key=f"subscription:{subscription.reference}",
        occasion=at.isoformat(),
        subject=f"{subject} [{order.reference}]",
        template=f"orders/mail/{kind}",
        context={
            "name": f"{subscription.variant.product.name}, {subscription.variant.name}",
            "quantity": subscription.quantity,
            "reference": subscription.reference,
            "what": what,
            "is_test": order.is_test,
            "url": links.order_url(order),
            "pages": refill_links.of_subscription(subscription),
        },
        locale=subscription.customer.locale,
    )


def _letter(
    refill: Refill, kind: str, subject: str, context: dict[str, object], *, occasion: str = ""
) -> Letter:
    return Letter(
        kind=kind,
        subject_key=f"refill:{refill.reference}",
        occasion=occasion,
        subject=f"{subject} [{refill.order.reference if refill.order else refill.reference}]",
        template=f"orders/mail/{kind}",
        context=context,
        locale=refill.customer.locale,
    )


def _about(refill: Refill, holds: Holds | None = None) -> dict[str, Any]:
    holds = holds or _read(refill)
    rows = [
        {
            "name": f"{item.variant.product.name}, {item.variant.name}",
            "quantity": item.quantity,
            "amount": format_money(item.quantity * item.unit_price, refill.currency),
        }
        for item in holds.items
    ]
    order = refill.order or holds.order
    return {
        "reference": refill.reference,
        "rows": rows,
        "items_total": sum(item.quantity * item.unit_price for item in holds.items),
        "total": _total(refill),
        "card": str(refill.card) if refill.card else "",
        "address": addresses.lines(refill.shipping_address, locale=refill.customer.locale),
        "is_test": order.is_test if order else False,
        "url": links.order_url(order) if order else "",
        "pages": refill_links.of_refill(refill),
    }


def _read(refill: Refill) -> Holds:
    # A copy, so that the caller's own refill keeps no items that a later change would make untrue.
    read = copy(refill)
    prefetch_related_objects([read], Prefetch("items", RefillItem.objects.select_related("variant__product")))
    return Holds(list(read.items.all()), None if refill.order else _first_order(refill))


def _first_order(refill: Refill) -> FirstOrder | None:
    orders = Order.objects.filter(lines__subscriptions__cycles__refill=refill).order_by("pk")
    found = orders.values_list("pk", "reference", "is_test").first()
    return FirstOrder(*found) if found else None


def _total(refill: Refill) -> str:
    amount = refill.order.total if refill.order else refill.quoted_total or 0
    return format_money(amount, refill.currency)


def _day(refill: Refill, at: datetime | None) -> str:
    """Return a moment as a day of the customer's own calendar: "14 December"."""
    if at is None:
        return ""
    return _in_words(at.astimezone(ZoneInfo(refill.customer.timezone)).date(), get_language())


@lru_cache(maxsize=512)
def _in_words(day: date, language: str | None) -> str:
    """Return a day in the language that is spoken now. Many mails tell of the same few days."""
    return date_format(day, "j F")
