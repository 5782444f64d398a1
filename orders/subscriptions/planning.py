"""PLAN: cycles that fall due together become one refill, with its items, its quote and its reminder."""

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from catalog import pricing
from orders.emails import refill_notices as letters
from orders.models import BillingCycle, Refill, RefillItem, Subscription
from orders.subscriptions import breaker, cycles, guards, membership, notices, quoting, schedule, swaps
from shop.mail import outbox
from shop.mail.models import OutboxMessage
from shop.transitions import advance

logger = logging.getLogger(__name__)

# A refill that is overdue by more than this is announced afresh before it is charged.
STALE_AFTER = timedelta(hours=72)


def plan(*, at: datetime, limit: int = 200) -> int:
    """Plan refills for customers whose reminders are due, at most `limit` customers; return how many refills.

    Two planners at once do not double anything: each customer is one transaction that locks the customer's
    subscriptions and looks again; whoever comes second leaves that customer alone.
    """
    if not guards.may_charge() or breaker.is_open():
        return 0
    guards.record_deployment(at=at)
    waiting = _unplanned().filter(_in_reminder_window(at)).order_by("subscription__customer_id")
    customers = waiting.values_list("subscription__customer_id", flat=True).distinct()[:limit]
    return sum(_plan_customer(customer_id, at=at) for customer_id in list(customers))


def postpone_unannounced(*, at: datetime, limit: int = 200) -> int:
    """Move the date of due refills whose notice was not sent in time, or lies too far back; return how many.

    A notice that was never written is written; one that waits in the outbox is waited for.
    """
    # Without a card there is nothing to announce: it waits for one.
    planned = Refill.objects.filter(status=Refill.Status.PLANNED, card__isnull=False)
    due = planned.filter(next_attempt_at__lte=at)
    untold = Q(notice__isnull=True) | Q(notice__sent_at__isnull=True)
    untold |= Q(notice__sent_at__gt=at - settings.REFILL_NOTICE_FOR)
    late = (untold & Q(asked_at__isnull=True)) | Q(next_attempt_at__lte=at - STALE_AFTER)
    ids = list(due.filter(late).order_by("next_attempt_at").values_list("pk", flat=True)[:limit])
    return sum(_postpone(refill_id, at=at) for refill_id in ids)


def _unplanned() -> QuerySet[BillingCycle]:
    return BillingCycle.objects.filter(
        status=BillingCycle.Status.OPEN,
        refill__isnull=True,
        subscription__status=Subscription.Status.ACTIVE,
        subscription__card__isnull=False,
    )


def _in_reminder_window(at: datetime) -> Q:
    """Cycles whose reminder is due: a short interval has a shorter window than a long one."""
    long = Q(subscription__interval_unit="month")
    for unit in ("day", "week"):
        most = schedule.SHORT_INTERVAL_DAYS // schedule.interval_days(unit, 1)
        long |= Q(subscription__interval_unit=unit, subscription__interval_count__gt=most)
    soon = at + timedelta(days=settings.REFILL_REMINDER_DAYS_SHORT)
    later = at + timedelta(days=settings.REFILL_REMINDER_DAYS)
    return Q(due_at__lte=soon) | (Q(due_at__lte=later) & long)


@transaction.atomic(durable=True)
def _plan_customer(customer_id: int, *, at: datetime) -> int:
    if cycles.lock_subscriptions(customer_id, skip_locked=True) is None:
        return 0
    cycles.lock_open_cycles(customer_id)
    mine = _unplanned().filter(subscription__customer_id=customer_id)
    _rest_what_is_not_sold(mine.filter(_in_reminder_window(at)), at=at)
    days = set(mine.filter(_in_reminder_window(at)).values_list("due_on", flat=True))
    parcels: dict[tuple, list[BillingCycle]] = defaultdict(list)
    for cycle in mine.filter(due_on__in=days).select_related("subscription__customer").order_by("pk"):
        parcels[_parcel_of(cycle)].append(cycle)
    return sum(_announce(together, at=at) for together in parcels.values())


def _rest_what_is_not_sold(coming: QuerySet[BillingCycle], *, at: datetime) -> None:
    """What is no longer sold rests, and its owner is offered what may take its place."""
    gone = Q(subscription__variant__archived_at__isnull=False)
    gone |= Q(subscription__variant__product__is_published=False)
    rows = coming.filter(gone).select_related("subscription__customer", "subscription__variant__product")
    for cycle in list(rows):
        _pause([cycle], Subscription.NOT_SOLD, at=at)
        item = cycle.subscription
        choices = [f"{variant.product.name}, {variant.name}" for variant in swaps.choices(item)[:6]]
        outbox.enqueue(letters.not_sold(item, choices, at=at), to=item.customer.email, at=at)


def _parcel_of(cycle: BillingCycle) -> tuple:
    """What must be equal for two cycles to share a parcel and a charge."""
    item = cycle.subscription
    address = json.dumps(item.shipping_address, sort_keys=True)
    return (cycle.due_on, item.timezone, item.card_id, item.currency, item.shipping_method, address)


def together_with(cycle: BillingCycle) -> list[BillingCycle]:
    """Return the unplanned cycles that share a parcel with an unplanned one, itself included."""
    rows = _unplanned().filter(subscription__customer_id=cycle.subscription.customer_id, due_on=cycle.due_on)
    found = rows.select_related("subscription__customer", "subscription__variant__product").order_by("pk")
    return [row for row in found if _parcel_of(row) == _parcel_of(cycle)]


def draft(together: Sequence[BillingCycle], *, at: datetime) -> tuple[Refill, list[RefillItem]]:
    """Return a refill of cycles that share a parcel, and its items, unsaved and unquoted."""
    first = together[0].subscription
    refill = Refill(
        customer=first.customer,
        card_id=first.card_id,
        currency=first.currency,
        shipping_address=first.shipping_address,
        shipping_method=first.shipping_method,
        due_at=together[0].due_at,
        next_attempt_at=together[0].due_at,
        created_at=at,
    )
    variants = [cycle.subscription.variant for cycle in together]
    offers = pricing.offers_for(variants, refill.currency, at)
    items = [
        RefillItem(
            refill=refill,
            cycle=cycle,
            variant=cycle.subscription.variant,
            quantity=cycle.subscription.quantity,
            unit_price=quoting.price_of(cycle.subscription, offers.get(cycle.subscription.variant_id)),
        )
        for cycle in together
    ]
    return refill, items


def begin(together: Sequence[BillingCycle], *, at: datetime) -> Refill:
    """Write a refill of locked cycles, with its items and what waits to come along once; not quoted yet."""
    refill, items = draft(together, at=at)
    refill.save()
    RefillItem.objects.bulk_create(items)
    for cycle in together:
        cycle.refill = refill
        cycle.save(update_fields=["refill"])
    membership.join_extras(refill, at=at)
    return refill


def _announce(together: Sequence[BillingCycle], *, at: datetime) -> int:
    try:
        with transaction.atomic():
            refill = begin(together, at=at)
            quote = quoting.quote(refill, at=at)
            notices.tell(refill, quote, charge_at=refill.due_at, at=at)
    except quoting.REFUSALS as refusal:
        _pause(together, refusal.detail, at=at)
        return 0
    return 1


def _pause(together: Sequence[BillingCycle], reason: str, *, at: datetime) -> None:
    """What cannot be quoted is not charged: its subscriptions rest until somebody has changed something."""
    for cycle in together:
        logger.warning("%s is paused: %s", cycle.subscription, reason)
        advance(
            cycle.subscription,
            field="status",
            table=Subscription.STATUS_STEPS,
            target=Subscription.Status.PAUSED,
            status_reason=reason[:200],
            paused_at=at,
        )


def _tell_anew(refill: Refill, *, at: datetime) -> int:
    """Announce a refill afresh; one that can no longer be quoted rests, and holds up nobody else."""
    try:
        quote = quoting.quote(refill, at=at)
    except quoting.REFUSALS as refusal:
        together = list(refill.cycles.filter(status=BillingCycle.Status.OPEN).select_related("subscription"))
        membership.dissolve(refill)
        _pause(together, refusal.detail, at=at)
        return 1
    notices.tell(refill, quote, charge_at=at, at=at)
    return 1


@transaction.atomic(durable=True)
def _postpone(refill_id: int, *, at: datetime) -> int:
    refill = cycles.lock_refill(refill_id)
    date = refill.next_attempt_at
    if refill.status != Refill.Status.PLANNED or date is None or date > at:
        return 0
    if refill.asked_at is not None:
        return _tell_anew(refill, at=at) if date <= at - STALE_AFTER else 0
    notice = refill.notice
    if notice is not None and notice.status == OutboxMessage.Status.SUPPRESSED:
        together = list(refill.cycles.filter(status=BillingCycle.Status.OPEN).select_related("subscription"))
        membership.dissolve(refill)
        _pause(together, "Reminders cannot be delivered to this e-mail address.", at=at)
        return 1
    if notice is not None and notice.status == OutboxMessage.Status.PENDING:
        refill.next_attempt_at = at + settings.REFILL_NOTICE_FOR
    elif notice is not None and notice.sent_at is not None and date > at - STALE_AFTER:
        refill.next_attempt_at = notice.sent_at + settings.REFILL_NOTICE_FOR
    else:
        return _tell_anew(refill, at=at)
    refill.save(update_fields=["next_attempt_at"])
    return 1
