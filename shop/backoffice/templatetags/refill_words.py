"""Amounts, numbers and days as staff read them."""

from datetime import date, datetime

from django import template

from shop import admin
from shop.money import format_money

register = template.Library()


@register.filter
def money(amount: int, currency: str) -> str:
    """Return minor units for people."""
    return format_money(amount, currency)


@register.filter
def thousands(number: int) -> str:
    """Return a number with its thousands apart: 1,234."""
    return f"{number:,}"


@register.filter
def on_day(value: date) -> str:
    """Return a date as every page of the office writes it."""
    return admin.on_day(value)


@register.filter
def when(moment: datetime) -> str:
    """Return a moment as every page of the office writes it."""
    return admin.when(moment)
