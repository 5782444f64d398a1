"""Locks of the refill engine, and the cycles: opened one at a time, closed once."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Count, QuerySet, Subquery

from orders.models import BillingCycle, Refill, Subscription
from orders.subscriptions import schedule
from shop.transitions import advance

Status = BillingCycle.Status
_JOIN = """
    UPDATE orders_billing_cycle SET refill_id = joins.refill_id
    FROM unnest(%s::bigint[], %s::bigint[]) AS joins (cycle_id, refill_id)
    WHERE orders_billing_cycle.id = joins.cycle_id
"""


def lock_subscriptions(customer_id: int | Subquery) -> list[Subscription]:
    """Lock all subscriptions of a customer that are not cancelled, by primary key, and return them.

    Every writer of cycles and refills starts here or in `lock_idle`, so that one customer's schedule has one
    writer at a time.
    """
    rows = Subscription.objects.filter(customer_id=customer_id).exclude(status=Subscription.Status.CANCELLED)
    return list(rows.select_for_update(of=("self",)).order_by("pk"))


def lock_idle(customer_ids: Collection[int]) -> list[Subscription]:
    """Lock what `lock_subscriptions` locks, of many customers; wait for nobody.

    A customer with a subscription that somebody else is at work on is left out.
    """
    rows = Subscription.objects.filter(customer_id__in=customer_ids)
    rows = rows.exclude(status=Subscription.Status.CANCELLED)
    locked = list(rows.select_for_update(skip_locked=True, of=("self",)).order_by("pk"))
    there_are = dict(rows.values("customer_id").annotate(n=Count("pk")).values_list("customer_id", "n"))
    mine = Counter(row.customer_id for row in locked)
    return [row for row in locked if mine[row.customer_id] == there_are[row.customer_id]]


def lock_refill(refill_id: int) -> Refill:
    """Lock a refill after the subscriptions and open cycles of its customer, and return it as it is now."""
    return _lock(Refill.objects.filter(pk=refill_id)).get()


def lock_refill_of(order_id: int) -> Refill | None:
    """Do what `lock_refill` does for the refill of an order; None if it is no refill's."""
    return _lock(Refill.objects.filter(order_id=order_id)).first()


def _lock(refill: "QuerySet[Refill]") -> "QuerySet[Refill]":
    """Lock what is locked before a refill, and return the statement that locks it, with its customer."""
    whose = Subquery(refill.values("customer_id")[:1])
    lock_subscriptions(whose)
    lock_open_cycles(whose)
    return refill.select_related("customer").select_for_update(of=("self",)).order_by("pk")


def lock_open_cycles(customer_id: int | Subquery) -> list[BillingCycle]:
    """Lock the open cycles of a customer's subscriptions, by primary key, and return them."""
    rows = BillingCycle.objects.filter(subscription__customer_id=customer_id, status=Status.OPEN)
    return list(rows.select_for_update(of=("self",)).order_by("pk"))


def lock_open(subscriptions: Collection[Subscription]) -> list[BillingCycle]:
    """Lock the open cycles of locked subscriptions, by primary key, and return them, each knowing its own."""
    by_id = {row.pk: row for row in subscriptions}
    rows = BillingCycle.objects.filter(subscription__in=list(by_id), status=Status.OPEN)
    locked = list(rows.select_for_update(of=("self",)).order_by("pk"))
    for cycle in locked:
        cycle.subscription = by_id[cycle.subscription_id]
    return locked


def join(refills: Mapping[int, int]) -> None:
    """Put locked open cycles into refills: {cycle's id: refill's id}. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_JOIN, [list(refills), list(refills.values())])


def open_first(subscription: Subscription) -> BillingCycle:
    """Open the first cycle of a new subscription: one interval after its anchor."""
    return _open(subscription, subscription.anchor_index + 1)


def close(cycle: BillingCycle, status: str, *, at: datetime) -> None:
    """Close a locked cycle as paid, skipped or cancelled."""
    advance(cycle, field="status", table=BillingCycle.STATUS_STEPS, target=status, closed_at=at)


def reopen(cycle: BillingCycle) -> None:
    """Open a skipped cycle again; the cycle that had followed it is gone."""
    advance(
        cycle,
        field="status",
        table=BillingCycle.STATUS_STEPS,
        target=Status.OPEN,
        closed_at=None,
        refill=None,
    )


def open_next(subscription: Subscription, *, after: BillingCycle, not_before: datetime) -> BillingCycle:
    """Open the cycle that follows a closed one: the anchor's first due moment not before `not_before`."""
    index = subscription.anchor_index + schedule.next_index(
        subscription.anchor_on,
        subscription.interval_unit,
        subscription.interval_count,
        after=after.index - subscription.anchor_index,
        not_before=schedule.local_day(not_before, subscription.timezone),
    )
    if _due(subscription, index)[1] < not_before:
        index += 1
    return _open(subscription, index)


def open_after_payment(subscription: Subscription, cycle: BillingCycle, *, at: datetime) -> BillingCycle:
    """Open the next cycle after a payment: the first due moment at least half an interval later.

    One that was paid long before its day leaves that day to the next cycle.
    """
    if cycle.due_at >= at + _half(subscription):
        subscription.anchor_index += 1
        subscription.save(update_fields=["anchor_index"])
    return open_next(subscription, after=cycle, not_before=at + _half(subscription))


def move(cycle: BillingCycle, subscription: Subscription) -> None:
    """Give an open cycle the date that its subscription's anchor and interval now say."""
    cycle.due_on, cycle.due_at = _due(subscription, cycle.index)
    cycle.save(update_fields=["due_on", "due_at"])


def is_in_rhythm(cycle: BillingCycle, subscription: Subscription) -> bool:
    """Return whether a cycle lies on the day that its subscription's anchor and interval now say."""
    return cycle.due_on == _due(subscription, cycle.index)[0]


def paid_too_recently(subscription: Subscription, *, at: datetime) -> bool:
    """Return whether a payment now would be the second within half an interval."""
    paid_at = subscription.last_paid_at
    return paid_at is not None and at < paid_at + _half(subscription)


def _half(subscription: Subscription) -> timedelta:
    return schedule.half_interval(subscription.interval_unit, subscription.interval_count)


def _open(subscription: Subscription, index: int) -> BillingCycle:
    due_on, due_at = _due(subscription, index)
    return BillingCycle.objects.create(subscription=subscription, index=index, due_on=due_on, due_at=due_at)


def _due(subscription: Subscription, index: int) -> tuple[date, datetime]:
    on = schedule.due_on(
        subscription.anchor_on,
        subscription.interval_unit,
        subscription.interval_count,
        index - subscription.anchor_index,
    )
    return on, schedule.due_at(on, subscription.timezone, subscription.customer_id)
