"""Amounts, dates and intervals in words, for the pages."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.utils import dateformat

from shop.money import format_money

register = template.Library()


@register.filter
def money(amount: int | None, currency: str) -> str:
    """Return minor units for people: `{{ 1250|money:"GBP" }}` is £12.50; nothing where there is no amount."""
    return "" if amount is None else format_money(amount, currency)


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
    if not count or not unit:
        return ""
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"


@register.filter
def days(low: int, high: int) -> str:
    """Return a span of days: "2–4 days", or "1 day" where both ends are the same."""
    if low == high:
        return f"{low} day" if low == 1 else f"{low} days"
    return f"{low}–{high} days"
