"""When the reports count: at once where that is quick, from what was kept where it is not.

A small shop's pages are exact to the moment. From `WORTH_KEEPING` subscriptions on, a task counts every hour,
and the pages say when. What is too old, or of another day, is counted anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from catalog import inventory
from orders.models import Subscription
from shop.backoffice.models import KeptCount
from shop.backoffice.refills import demand, figures

T = TypeVar("T")
WORTH_KEEPING = 100_000
# Twice the time between two turns of the task.
KEPT_FOR = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Counted(Generic[T]):
    """What a report holds, and when it was counted; None: just now."""

    found: T
    at: datetime | None = None


def refills(*, at: datetime, is_test: bool) -> Counted[figures.Report]:
    """Return value, months and reasons."""
    kept = _kept("refills", at=at, is_test=is_test)
    if kept is None:
        return Counted(figures.count(at=at, is_test=is_test))
    return Counted(figures.from_json(kept.found), kept.counted_at)


def needs(*, at: datetime, is_test: bool) -> Counted[list[demand.Need]]:
    """Return what refills will take; what is on the shelves is always that of this moment."""
    kept, today = _kept("demand", at=at, is_test=is_test), inventory.shop_date(at)
    days = demand.count(today=today, is_test=is_test) if kept is None else demand.from_json(kept.found)
    return Counted(demand.needs_of(days, today=today), kept.counted_at if kept else None)


def keep(*, at: datetime) -> bool:
    """Count for the pages of the coming hour, if the shop is that big; return whether it is."""
    if Subscription.objects.filter(is_test=False)[WORTH_KEEPING - 1 : WORTH_KEEPING].count() == 0:
        KeptCount.objects.all().delete()
        return False
    for report, count in _COUNTS.items():
        KeptCount.objects.update_or_create(report=report, defaults={"found": count(at), "counted_at": at})
    return True


_COUNTS: dict[str, Callable[[datetime], Any]] = {
    "refills": lambda at: figures.as_json(figures.count(at=at, is_test=False)),
    "demand": lambda at: demand.as_json(demand.count(today=inventory.shop_date(at), is_test=False)),
}


def _kept(report: str, *, at: datetime, is_test: bool) -> KeptCount | None:
    """Return what was kept of real orders, if it is young enough and of the same day in the shop."""
    if is_test:
        return None
    kept = KeptCount.objects.filter(report=report, counted_at__gt=at - KEPT_FOR, counted_at__lte=at).first()
    is_of_today = kept is not None and inventory.shop_date(kept.counted_at) == inventory.shop_date(at)
    return kept if is_of_today else None
