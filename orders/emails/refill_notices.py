"""Mails about refills that are far ahead: a price that rises, a card that ends, goods that are gone, and the
yearly reminder of what was agreed."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from orders import refill_links
from orders.models import Customer, PriceRise, SavedCard, Subscription
from shop.mail import languages
from shop.mail.outbox import Letter
from shop.money import format_money

STOP = "You can change, pause or cancel at any time, without signing in: open your refills below."


@languages.spoken_by(lambda rise: rise.subscription.customer.locale)
def price_rise(rise: PriceRise) -> Letter:
    """The price of a refill rises: from what to what, and from when."""
    row = rise.subscription
    old, new = (format_money(amount, row.currency) for amount in (rise.old_price, rise.new_price))
    words = [
        _("From %(day)s on, one %(name)s costs %(new)s in your refills instead of %(old)s.")
        % {"day": _day(row, rise.applies_at), "name": _name(row), "new": new, "old": old},
        _("Refills before that day cost what they did. Every reminder says the total before we charge."),
        _(STOP),
    ]
    subject, occasion = _("The price of your refill will change"), f"rise-{rise.pk}-{rise.notices}"
    return _letter("price_rise", [row], subject, words, occasion=occasion)


@languages.spoken_by(lambda row: row.customer.locale)
def not_sold(row: Subscription, choices: Sequence[str], *, at: datetime) -> Letter:
    """What a refill holds is no longer sold: it rests, and what may take its place."""
    words = [
        _("%(name)s is no longer sold, so your refill rests and nothing is charged.") % {"name": _name(row)},
        _("Choose another size or scent in your refills, and it goes on by itself. These may take its place:")
        if choices
        else _("There is nothing like it at the moment. You can leave it paused, or cancel."),
    ]
    subject = _("Your refill is no longer sold")
    page, go = ("swap", _("Choose another")) if choices else ("all", "")
    return _letter(
        "refill_not_sold", [row], subject, words, occasion=at.isoformat(), names=choices, page=page, go=go
    )


@languages.spoken_by(lambda card: card.customer.locale)
def card_expiring(card: SavedCard, waiting: Sequence[Subscription], days: int) -> Letter:
    """A card ends before the next refill: another one is needed, or the bank renews it by itself."""
    words = [
        _("Your %(card)s ends in %(month)02d/%(year)s, before the next refill.")
        % {"card": card, "month": card.exp_month, "year": card.exp_year},
        _("If your bank sends you a new one, add it to your refills. Many banks renew it by themselves."),
        _("This is charged to it:"),
    ]
    subject, names = _("Your card ends before your next refill"), [_item(row) for row in waiting]
    occasion = f"{card.pk}-{card.exp_year}-{card.exp_month:02d}-{days}"
    go = _("Add another card")
    return _letter(
        "card_expiring", waiting, subject, words, occasion=occasion, names=names, page="card", go=go
    )


@languages.spoken_by(lambda customer: customer.locale)
def terms_reminder(customer: Customer, rows: Sequence[Subscription], at: datetime) -> Letter:
    """Once a year: what comes how often at which price, and how to end it."""
    words = [
        _("We tell you the total before every charge. %(stop)s") % {"stop": _(STOP)},
        _("These refills go on until you cancel. This is what we agreed on:"),
    ]
    names = [f"{_item(row)}, {format_money(row.unit_price, row.currency)}, {_rhythm(row)}" for row in rows]
    subject = _("Your refills, once a year")
    return _letter("subscription_terms", rows, subject, words, occasion=at.date().isoformat(), names=names)


def _letter(
    kind: str,
    rows: Sequence[Subscription],
    subject: str,
    words: list[str],
    *,
    occasion: str,
    names: Sequence[str] = (),
    page: str = "all",
    go: str = "",
) -> Letter:
    first = rows[0]
    order = first.started_by.order
    return Letter(
        kind=kind,
        subject_key=f"subscription:{first.reference}",
        occasion=occasion,
        subject=f"{subject} [{order.reference}]",
        template=f"orders/mail/{kind}",
        context={
            "title": subject,
            "words": words,
            "names": list(names),
            "is_test": order.is_test,
            "go": go or _("Look after your refills"),
            "url": refill_links.of_subscription(first)[page],
        },
        locale=first.customer.locale,
    )


def _name(row: Subscription) -> str:
    return f"{row.variant.product.name}, {row.variant.name}"


def _item(row: Subscription) -> str:
    return f"{row.quantity} × {_name(row)}"


def _rhythm(row: Subscription) -> str:
    count, unit = row.interval_count, row.interval_unit
    if count == 1:
        return {"day": _("every day"), "week": _("every week"), "month": _("every month")}[unit]
    many = {"day": _("every %d days"), "week": _("every %d weeks"), "month": _("every %d months")}
    return many[unit] % count


def _day(row: Subscription, at: datetime) -> str:
    return date_format(at.astimezone(ZoneInfo(row.customer.timezone)).date(), "j F Y")
