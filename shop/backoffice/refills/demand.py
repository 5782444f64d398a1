"""What refills will take from the shelves, by SKU and week, against what is there and how long more takes."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection

from catalog import inventory
from catalog.models import Variant

# Units by day, by the key of their variant.
Days = dict[int, dict[date, int]]

WEEKS = 8
DAYS = 7 * WEEKS

# Counted by day first, so that later days are worked out for a few groups, however many refills there are.
# They are those of `schedule.due_on`: in a month too short for the anchor's day, its last day. What is
# overdue counts today; what rests until a day has none before it; what comes along once takes the first day.
_DEMAND = """
    WITH live AS NOT MATERIALIZED (
        SELECT s.id, s.variant_id, s.quantity, s.interval_unit, s.interval_count, c.due_on,
               CASE s.interval_unit WHEN 'month' THEN extract(day FROM s.anchor_on)::int END AS anchor_day,
               CASE s.status WHEN 'paused' THEN greatest(s.paused_until, %(today)s) END AS wakes_on
        FROM orders_billing_cycle c JOIN orders_subscription s ON s.id = c.subscription_id
        WHERE c.status = 'open' AND c.due_on < %(end)s AND s.is_test = %(is_test)s
          AND (s.status = 'active' OR (s.status = 'paused' AND s.paused_until < %(end)s))
    ), groups AS (
        SELECT variant_id, false AS is_once, interval_unit, interval_count, due_on, anchor_day, wakes_on,
               sum(quantity) AS quantity
        FROM live GROUP BY 1, 2, 3, 4, 5, 6, 7
        UNION ALL
        SELECT extra.variant_id, true, interval_unit, interval_count, due_on, anchor_day, wakes_on,
               sum(extra.quantity)
        FROM orders_refill_extra extra JOIN live ON live.id = extra.subscription_id
        WHERE extra.status = 'waiting' GROUP BY 1, 2, 3, 4, 5, 6, 7
    ), steps AS (
        SELECT *, row_number() OVER () AS no, date_trunc('month', due_on) AS month,
               interval_count * CASE interval_unit WHEN 'month' THEN 28 WHEN 'week' THEN 7 ELSE 1 END AS step
        FROM groups
    ), days AS (
        SELECT *, CASE WHEN wakes_on IS NULL THEN greatest(due_on, %(today)s) ELSE due_on END AS day
        FROM steps
        UNION ALL
        SELECT steps.*, CASE interval_unit WHEN 'month' THEN least(
            (month + make_interval(months => interval_count * n))::date + anchor_day - 1,
            (month + make_interval(months => interval_count * n + 1))::date - 1
        ) ELSE due_on + step * n END
        FROM steps CROSS JOIN LATERAL generate_series(1, (%(end)s - due_on) / step) AS n
    ), coming AS (
        SELECT *, min(day) OVER (PARTITION BY no) AS first_day FROM days
        WHERE day >= coalesce(wakes_on, %(today)s) AND day < %(end)s
    )
    SELECT variant_id, day, sum(quantity) FROM coming WHERE NOT is_once OR day = first_day GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Need:
    """What refills need of one SKU in the coming weeks. `out_on`: the first day that the stock is too small
    for; None: it lasts. `order_by`: so that more is here by then.
    """

    variant: Variant
    available: int
    weeks: tuple[int, ...]
    out_on: date | None
    today: date

    @property
    def total(self) -> int:
        return sum(self.weeks)

    @property
    def days_left(self) -> int | None:
        return None if self.out_on is None else (self.out_on - self.today).days

    @property
    def order_by(self) -> date | None:
        return None if self.out_on is None else self.out_on - timedelta(days=self.variant.lead_time_days)

    @property
    def is_late(self) -> bool:
        """Whether stock that is ordered today comes too late."""
        return self.order_by is not None and self.order_by < self.today

    @property
    def covered(self) -> tuple[int, ...]:
        """How much of each week's need the stock still meets."""
        left, found = max(self.available, 0), []
        for units in self.weeks:
            found.append(min(units, left))
            left -= found[-1]
        return tuple(found)


def count(*, today: date, is_test: bool) -> Days:
    """Count what refills will take of each variant (by its key) on each day of the next eight weeks."""
    by_variant: Days = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_DEMAND, {"today": today, "end": today + timedelta(days=DAYS), "is_test": is_test})
        for variant_id, day, units in cursor.fetchall():
            by_variant[variant_id][day] = int(units)
    return by_variant


def as_json(days: Days) -> dict[str, dict[str, int]]:
    """Return what was counted as it is kept."""
    return {str(pk): {day.isoformat(): units for day, units in found.items()} for pk, found in days.items()}


def from_json(kept: dict[str, dict[str, int]]) -> Days:
    """Return what was kept."""
    return {
        int(pk): {date.fromisoformat(day): units for day, units in found.items()}
        for pk, found in kept.items()
    }


def needs(*, today: date, is_test: bool) -> list[Need]:
    """Return the needs of the next eight weeks, what runs out first at the top. Three queries.

    Running subscriptions by their own dates, and those that rest until a day from that day on, with what
    waits to come along once. What rests without an end is not in it, nor are other sales.
    """
    return needs_of(count(today=today, is_test=is_test), today=today)


def needs_of(days: Days, *, today: date) -> list[Need]:
    """Return what was counted beside what is on the shelves now. Two queries."""
    variants = list(Variant.objects.filter(pk__in=days).select_related("product"))
    available = inventory.available_for(variants)
    found = [_need(row, available[row.pk], days[row.pk], today) for row in variants]
    return sorted(found, key=_urgency)


def week_starts(today: date) -> list[date]:
    """Return the first day of each week, the first being today."""
    return [today + timedelta(days=7 * week) for week in range(WEEKS)]


def _need(variant: Variant, available: int, days: dict[date, int], today: date) -> Need:
    weeks = [0] * WEEKS
    left, out_on = max(available, 0), None
    for day in sorted(days):
        weeks[(day - today).days // 7] += days[day]
        left -= days[day]
        if left < 0 and out_on is None:
            out_on = day
    return Need(variant, available, tuple(weeks), out_on, today)


def _urgency(need: Need) -> tuple[bool, date, str]:
    return need.order_by is None, need.order_by or date.max, need.variant.sku
