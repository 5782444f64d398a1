"""Whose reminders are due, read from the index of what waits: no more rows than there are due."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet

from orders.models import BillingCycle
from orders.subscriptions import schedule

Reminder = BillingCycle.Reminder


def customers(*, at: datetime, limit: int, size: int) -> Iterator[list[int]]:
    """Give the ids of customers whose reminders are due, earliest first, at most `size` at a time.

    Looks at `limit` cycles at most. Each page begins behind the last one, whatever became of that, so that a
    customer who cannot be planned now is in nobody's way.
    """
    for reminder, days in _windows():
        due = _due(reminder, until=at + timedelta(days=days))
        page = due[: min(size, limit)]
        while limit > 0 and (rows := list(page)):
            limit -= len(rows)
            yield list(dict.fromkeys(row[2] for row in rows))
            last_at, last_id, _ = rows[-1]
            behind = Q(due_at__gt=last_at) | Q(pk__gt=last_id)
            page = due.filter(behind, due_at__gte=last_at)[: min(size, limit)]


def is_due(cycle: BillingCycle, *, at: datetime) -> bool:
    """Return whether a cycle's reminder is due: a short interval has a shorter window than a long one."""
    item = cycle.subscription
    days = schedule.reminder_days(item.interval_unit, item.interval_count)
    return cycle.due_at <= at + timedelta(days=days)


def _windows() -> list[tuple[str, int]]:
    return [
        (Reminder.LONG, settings.REFILL_REMINDER_DAYS),
        (Reminder.SHORT, settings.REFILL_REMINDER_DAYS_SHORT),
    ]


def _due(reminder: str, *, until: datetime) -> QuerySet[BillingCycle, tuple[datetime, int, int]]:
    waiting = BillingCycle.objects.filter(
        status=BillingCycle.Status.OPEN, refill__isnull=True, reminder=reminder, due_at__lte=until
    )
    return waiting.order_by("due_at", "pk").values_list("due_at", "pk", "subscription__customer_id")
