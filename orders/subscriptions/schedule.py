"""Dates of refills, pure: from an anchor day and an interval to due days and due moments.

Due days are always counted from the anchor, never from the day before, so that a month end stays a month
end: 31 January → 28 February → 31 March.
"""

import calendar
import hashlib
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from orders.carts import DAYS_PER_UNIT

MORNING = time(8, 0)
# Customers are spread over this many minutes of their morning, so that Stripe is not asked all at once.
SPREAD_MINUTES = 120
# Intervals up to this many days get the short reminder.
SHORT_INTERVAL_DAYS = 14


def due_on(anchor_on: date, unit: str, count: int, k: int) -> date:
    """Return the day that lies `k` intervals after the anchor; in a month too short, its last day."""
    if unit == "month":
        months = anchor_on.month - 1 + count * k
        year, month = anchor_on.year + months // 12, months % 12 + 1
        last_day = calendar.monthrange(year, month)[1]
        return date(year, month, min(anchor_on.day, last_day))
    return anchor_on + timedelta(days=DAYS_PER_UNIT[unit] * count * k)


def due_at(on: date, timezone: str, customer_id: int) -> datetime:
    """Return the moment of a local day at which a customer is charged, in UTC.

    08:00 on the wall clock plus the customer's own share of the spread: the same every time, whatever
    summer time does.
    """
    digest = hashlib.sha256(f"refill:{customer_id}".encode()).digest()
    spread = timedelta(minutes=int.from_bytes(digest[:4]) % SPREAD_MINUTES)
    on_the_wall = datetime.combine(on, MORNING) + spread
    return on_the_wall.replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def local_day(at: datetime, timezone: str) -> date:
    """Return the day that a moment falls on in a time zone."""
    return at.astimezone(ZoneInfo(timezone)).date()


def interval_days(unit: str, count: int) -> int:
    """Return the length of an interval in days; a month counts as 30."""
    return DAYS_PER_UNIT[unit] * count


def longer(unit: str, count: int) -> tuple[str, int]:
    """Return an interval about half as long again: 4 weeks become 6, a month becomes 6 weeks."""
    if (unit, count) == ("month", 1):
        return "week", 6
    return unit, count + max(1, count // 2)


def half_interval(unit: str, count: int) -> timedelta:
    """Return half of an interval: the least time between two payments for the same item."""
    return timedelta(days=interval_days(unit, count)) / 2


def next_index(anchor_on: date, unit: str, count: int, *, after: int, not_before: date) -> int:
    """Return the first k greater than `after` whose due day is not before a day.

    After an outage the cycles in between are left out: one parcel, no burst.
    """
    passed = (not_before - anchor_on).days // (interval_days(unit, count) + count)
    k = max(after + 1, passed)
    while due_on(anchor_on, unit, count, k) < not_before:
        k += 1
    return k


def reminder_days(unit: str, count: int) -> int:
    """Return how many days ahead the reminder goes out: 5, or 2 for intervals of 14 days or less."""
    short = interval_days(unit, count) <= SHORT_INTERVAL_DAYS
    return settings.REFILL_REMINDER_DAYS_SHORT if short else settings.REFILL_REMINDER_DAYS
