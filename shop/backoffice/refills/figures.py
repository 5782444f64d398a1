"""What refills are worth, and who comes and goes. Counted by PostgreSQL, in one pass a figure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

# The days of a mean month: a year of 365.25 days in twelve.
MONTH_DAYS = Decimal("30.44")
MONTHS_SHOWN = 12
REASONS_SHOWN = 12
FORMULA = f"pieces × price of a piece × {MONTH_DAYS} ÷ days between two refills (a month has {MONTH_DAYS})"

# Added up by interval in whole numbers first: a fraction for each interval instead of one for each row.
_VALUE = """
    WITH intervals AS (
        SELECT currency, status, interval_unit, interval_count, count(*) AS times,
               sum(quantity * unit_price) AS amount
        FROM orders_subscription WHERE is_test = %(is_test)s AND status <> 'cancelled'
        GROUP BY currency, status, interval_unit, interval_count
    )
    SELECT currency, status, sum(times)::bigint, sum(
        amount * %(month)s / (
            interval_count * CASE interval_unit WHEN 'month' THEN %(month)s WHEN 'week' THEN 7 ELSE 1 END
        )
    )
    FROM intervals GROUP BY currency, status ORDER BY currency, status
"""
# Everything before the first month that is shown counts as one month: who was there already.
_MONTHS = """
    SELECT greatest(date_trunc('month', moment AT TIME ZONE %(zone)s)::date, %(before)s) AS month,
           count(*) FILTER (WHERE is_begun), count(*) FILTER (WHERE NOT is_begun)
    FROM (
        SELECT created_at AS moment, true AS is_begun FROM orders_subscription WHERE is_test = %(is_test)s
        UNION ALL
        SELECT cancelled_at, false FROM orders_subscription
        WHERE is_test = %(is_test)s AND cancelled_at IS NOT NULL
    ) AS moments
    GROUP BY month ORDER BY month
"""
_REASONS = """
    SELECT coalesce(nullif(trim(status_reason), ''), 'none given') AS reason, count(*) AS times
    FROM orders_subscription
    WHERE is_test = %(is_test)s AND status = 'cancelled' AND cancelled_at >= %(since)s
    GROUP BY reason ORDER BY times DESC, reason
"""


@dataclass(frozen=True, slots=True)
class Value:
    """Subscriptions of one currency and status; `a_month` in minor units."""

    currency: str
    status: str
    count: int
    a_month: int


@dataclass(frozen=True, slots=True)
class Month:
    """Who came and went. `churn`: percent of those who were there when the month began; None: nobody was."""

    begins_on: date
    at_start: int
    begun: int
    cancelled: int

    @property
    def at_end(self) -> int:
        return self.at_start + self.begun - self.cancelled

    @property
    def churn(self) -> Decimal | None:
        if not self.at_start:
            return None
        share = Decimal(100 * self.cancelled) / self.at_start
        return share.quantize(Decimal("0.1"), ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page shows. `reasons`: why, and how often."""

    values: list[Value]
    months: list[Month]
    reasons: list[tuple[str, int]]


def count(*, at: datetime, is_test: bool) -> Report:
    """Count everything that the page shows."""
    return Report(values(is_test=is_test), months(at=at, is_test=is_test), reasons(at=at, is_test=is_test))


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as it is kept."""
    months = [{**asdict(month), "begins_on": month.begins_on.isoformat()} for month in report.months]
    return {"values": [asdict(value) for value in report.values], "months": months, "reasons": report.reasons}


def from_json(kept: dict[str, Any]) -> Report:
    """Return a report that was kept."""
    months = [
        Month(**{**month, "begins_on": date.fromisoformat(month["begins_on"])}) for month in kept["months"]
    ]
    reasons = [(reason, times) for reason, times in kept["reasons"]]
    return Report([Value(**value) for value in kept["values"]], months, reasons)


def values(*, is_test: bool) -> list[Value]:
    """Return what running and resting subscriptions come to in a month, by currency."""
    rows = _ask(_VALUE, is_test=is_test, month=MONTH_DAYS)
    return [
        Value(currency, status, count, int(amount.quantize(Decimal(1), ROUND_HALF_UP)))
        for currency, status, count, amount in rows
    ]


def months(*, at: datetime, is_test: bool) -> list[Month]:
    """Return the latest twelve months of the shop's calendar, oldest first; the last one is not over."""
    shown = _latest_months(at)
    found = _ask(_MONTHS, is_test=is_test, before=_month_before(shown[0]), zone=settings.SHOP_TIME_ZONE)
    counted = {month: (begun, cancelled) for month, begun, cancelled in found}
    begun, cancelled = counted.get(_month_before(shown[0]), (0, 0))
    live, result = begun - cancelled, []
    for month in shown:
        begun, cancelled = counted.get(month, (0, 0))
        result.append(Month(month, live, begun, cancelled))
        live = result[-1].at_end
    return result


def reasons(*, at: datetime, is_test: bool) -> list[tuple[str, int]]:
    """Return why subscriptions of these months were cancelled, the most frequent first, the rest as one."""
    first = datetime.combine(_latest_months(at)[0], datetime.min.time(), ZoneInfo(settings.SHOP_TIME_ZONE))
    found = [(reason, times) for reason, times in _ask(_REASONS, is_test=is_test, since=first)]
    rest = sum(times for _, times in found[REASONS_SHOWN:])
    return found[:REASONS_SHOWN] + ([("others", rest)] if rest else [])


def _latest_months(at: datetime) -> list[date]:
    day = at.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)).date().replace(day=1)
    found = [day]
    while len(found) < MONTHS_SHOWN:
        found.append(_month_before(found[-1]))
    return found[::-1]


def _month_before(day: date) -> date:
    return date(day.year - 1, 12, 1) if day.month == 1 else date(day.year, day.month - 1, 1)


def _ask(query: str, **params: Any) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
        return rows
