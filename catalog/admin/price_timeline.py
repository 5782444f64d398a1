"""The prices of one variant over time, as its page in the admin draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from catalog import pricing
from catalog.models import Price, Variant
from shop.admin import when
from shop.money import format_money, round_half_up

SHOWN_BEFORE = timedelta(days=90)
SHOWN_AFTER = timedelta(days=60)
# Rows of history under each currency; the list of prices has the rest.
HISTORY_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """A price on the drawing: where it begins and how long it is, in percent of the drawing's width."""

    label: str
    state: str
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A price in the table; `change` is against the one of its kind before it."""

    price: Price
    state: str
    amount: str
    unit_price: str
    change: str
    begins: str
    ends: str
    by: str


@dataclass(frozen=True, slots=True)
class Currency:
    """All prices in one currency: what customers pay now, the drawing, and the table."""

    code: str
    now: str
    lanes: list[tuple[str, list[Bar]]]
    entries: list[Entry]
    marker: float


def currencies_of(variant: Variant, *, at: datetime) -> list[Currency]:
    """Return the prices of a variant in each currency that the shop sells in. Two queries and one each."""
    rows = list(variant.prices.select_related("created_by", "ended_by").order_by("starts_at"))
    return [_currency(variant, code, rows, at) for code in settings.SUPPORTED_CURRENCIES]


def state_of(price: Price, at: datetime) -> str:
    """Return where a price is in its life: next, now or past."""
    if price.starts_at > at:
        return "next"
    return "now" if price.ends_at is None or price.ends_at > at else "past"


def _currency(variant: Variant, code: str, rows: Sequence[Price], at: datetime) -> Currency:
    own = [row for row in rows if row.currency == code]
    lanes = [(kind.label, _bars([row for row in own if row.kind == kind], at)) for kind in Price.Kind]
    entries = [_entry(variant, row, own, at) for row in reversed(own)]
    return Currency(
        code=code,
        now=_now(variant, code, at),
        lanes=[(label, bars) for label, bars in lanes if bars],
        entries=entries[:HISTORY_SHOWN],
        marker=round(100 * (SHOWN_BEFORE / (SHOWN_BEFORE + SHOWN_AFTER)), 2),
    )


def _now(variant: Variant, code: str, at: datetime) -> str:
    try:
        offer = pricing.offer_of(variant, code, at)
    except pricing.NotPriced:
        return "not sold in this currency"
    said = [format_money(offer.amount, code)]
    if unit := pricing.unit_price(offer.amount, code, variant):
        said.append(unit.label)
    if offer.refill_amount is not None:
        said.append(f"refill {format_money(offer.refill_amount, code)}")
    if offer.reduction_percent and offer.lowest_prior_amount:
        prior = format_money(offer.lowest_prior_amount, code)
        said.append(f"{offer.reduction_percent} % less than {prior}, the lowest of the 30 days before")
    return " · ".join(said)


def _bars(rows: Sequence[Price], at: datetime) -> list[Bar]:
    opens, closes = at - SHOWN_BEFORE, at + SHOWN_AFTER
    bars = []
    for row in rows:
        begin, end = max(row.starts_at, opens), min(row.ends_at or closes, closes)
        if begin < end:
            left, width = (100 * (span / (closes - opens)) for span in (begin - opens, end - begin))
            label = format_money(row.amount, row.currency)
            bars.append(Bar(label, state_of(row, at), round(left, 2), round(width, 2)))
    return bars


def _entry(variant: Variant, price: Price, rows: Sequence[Price], at: datetime) -> Entry:
    earlier = [row for row in rows if row.kind == price.kind and row.starts_at < price.starts_at]
    unit = pricing.unit_price(price.amount, price.currency, variant)
    people = dict.fromkeys(str(who) for who in (price.created_by, price.ended_by) if who is not None)
    return Entry(
        price=price,
        state=state_of(price, at),
        amount=format_money(price.amount, price.currency),
        unit_price=unit.label if unit else "",
        change=change_in_words(earlier[-1].amount if earlier else None, price.amount),
        begins=when(price.starts_at),
        ends=when(price.ends_at) if price.ends_at else "until further notice",
        by=", ".join(people) or "the shop",
    )


def change_in_words(before: int | None, amount: int) -> str:
    """Return by how many percent an amount differs from the one before: +8 %."""
    if not before:
        return ""
    percent = round_half_up(Decimal(100 * (amount - before)) / before)
    return f"{percent:+d} %".replace("-", "−") if percent else "±0 %"
