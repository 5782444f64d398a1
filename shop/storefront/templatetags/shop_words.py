"""Amounts, dates and intervals in words, for the pages."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.contrib.humanize.templatetags.humanize import apnumber
from django.templatetags.static import static
from django.utils import dateformat

from catalog.models import Product
from orders.models.cart import interval_in_words
from orders.subscriptions import schedule
from shop.images import showing
from shop.images.showing import Shown
from shop.money import format_money
from shop.storefront import art

register = template.Library()


@register.filter
def money(amount: int | None, currency: str) -> str:
    """Return minor units for people: `{{ 1250|money:"GBP" }}` is £12.50; nothing where there is no amount."""
    return "" if amount is None else format_money(amount, currency)


@register.filter
def drawing(product: Product) -> str:
    """Return the address of a product's drawing."""
    return static(art.drawing_of(product))


@register.filter
def first_picture(rows: Sequence[Mapping[str, Any]]) -> Shown | None:
    """Return the first of the pictures that ride along with a record of a list."""
    return showing.first_shown(rows)


@register.filter
def day(value: date) -> str:
    """Return a date as people say it: 23 November 2026."""
    return dateformat.format(value, "j F Y")


@register.filter
def moment(value: datetime) -> str:
    """Return an instant as the shop's clock on the wall shows it: 23 Nov 2026, 10:05."""
    return dateformat.format(value.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)), "j M Y, H:i")


@register.filter
def every(count: int | None, unit: str | None) -> str:
    """Return an interval in words: `{{ 4|every:"week" }}` is "every 4 weeks", and one is "every week"."""
    return interval_in_words(count, unit)


@register.filter
def every_days(count: int) -> str:
    """Return an interval of days in words: 28 is "every 4 weeks", 10 is "every 10 days"."""
    return interval_in_words(count, "day")


@register.filter
def reminder(count: int, unit: str) -> str:
    """Return how long before a charge we write, by the interval: `{{ 4|reminder:"week" }}` is "five days"."""
    return f"{apnumber(schedule.reminder_days(unit, count))} days"


@register.filter
def days(low: int, high: int) -> str:
    """Return a span of days: "2–4 days", or "1 day" where both ends are the same."""
    if low == high:
        return f"{low} day" if low == 1 else f"{low} days"
    return f"{low}–{high} days"
