"""Dearer refills: staff decide, each owner is told, the price moves only if the notice was sent in time.

Source: California's Automatic Renewal Law (notice of a rise 7 to 30 days ahead); built once, for everybody.
"""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q

from catalog.models import Variant
from orders.emails import refill_notices as letters
from orders.models import PriceRise, Subscription
from orders.subscriptions import cycles, diary, holding, sweeps
from shop.exceptions import InvalidInput
from shop.mail import outbox
from shop.mail.models import OutboxMessage
from shop.money import format_money

logger = logging.getLogger(__name__)

Status = PriceRise.Status
EARLIEST = timedelta(days=7)
LATEST = timedelta(days=30)


@transaction.atomic(durable=True)
def reprice(
    variant: Variant,
    *,
    currency: str,
    unit_price: int,
    applies_at: datetime,
    actor: Any,
    at: datetime,
    countries: Collection[str] = (),
) -> int:
    """Decide what a variant costs in refills; return how many owners are going to be told of a rise.

    `unit_price` in minor units. With `countries` only refills that are sent there. What pays more today pays
    less at once; a rise that was announced earlier is withdrawn.
    :raises InvalidInput: if it would apply sooner than 7 or later than 30 days from now.
    """
    _check(applies_at, at=at)
    rows = Subscription.objects.filter(variant=variant, currency=currency)
    rows = rows.exclude(status=Subscription.Status.CANCELLED)
    if countries:
        rows = rows.filter(shipping_address__country__in=sorted(countries))
    found = list(rows.select_for_update(of=("self",)).order_by("pk"))
    withdraw([row.pk for row in found], at=at)
    dearer = [row for row in found if row.unit_price < unit_price]
    rows.filter(pk__in=[row.pk for row in found if row.unit_price > unit_price]).update(unit_price=unit_price)
    PriceRise.objects.bulk_create(_rise(row, unit_price, applies_at, actor, at) for row in dearer)
    return len(dearer)


@transaction.atomic(durable=True)
def reprice_one(
    subscription: Subscription, *, unit_price: int, applies_at: datetime, actor: Any, at: datetime
) -> Subscription:
    """Decide what one subscription costs: less at once; more once its owner was told, 7 to 30 days ahead.

    `unit_price` in minor units. The same decision twice is one.
    :raises InvalidInput: if it would apply sooner than 7 or later than 30 days from now.
    :raises SubscriptionEnded: if it is cancelled.
    """
    row = holding.hold(subscription).subscription
    waiting = PriceRise.objects.filter(subscription=row, status=Status.ANNOUNCED)
    if waiting.filter(new_price=unit_price).exists():
        return row
    _check(applies_at, at=at)
    waiting.update(status=Status.WITHDRAWN, ended_at=at)
    price = format_money(unit_price, row.currency)
    if unit_price > row.unit_price:
        _rise(row, unit_price, applies_at, actor, at).save()
        diary.note(row, f"Is going to cost {price} a piece; a notice goes out first.", at=at)
    elif unit_price < row.unit_price:
        row.unit_price = unit_price
        row.save(update_fields=["unit_price"])
        diary.note(row, f"Costs {price} a piece from now on.", at=at)
    return row


def _check(applies_at: datetime, *, at: datetime) -> None:
    if not at + EARLIEST <= applies_at <= at + LATEST:
        raise InvalidInput("Choose a day 7 to 30 days ahead.", fields={"applies_at": ["7 to 30 days ahead."]})


def _rise(row: Subscription, unit_price: int, applies_at: datetime, actor: Any, at: datetime) -> PriceRise:
    return PriceRise(
        subscription=row,
        old_price=row.unit_price,
        new_price=unit_price,
        applies_at=applies_at,
        decided_by=actor,
        decided_at=at,
    )


def withdraw(subscription_ids: Collection[int], *, at: datetime) -> None:
    """Take back rises that were announced for locked subscriptions."""
    open_ones = PriceRise.objects.filter(subscription__in=subscription_ids, status=Status.ANNOUNCED)
    open_ones.update(status=Status.WITHDRAWN, ended_at=at)


def tell(*, at: datetime, limit: int = 200) -> int:
    """Write the notices of rises that have none; return how many."""
    untold = PriceRise.objects.filter(status=Status.ANNOUNCED, notice__isnull=True)
    ids = list(untold.order_by("pk").values_list("pk", flat=True)[:limit])
    return sweeps.each(ids, partial(_in_its_turn, step=_tell, at=at))


def is_still_true(message: OutboxMessage, *, at: datetime) -> bool:
    """Return whether the notice of a rise may go out: not once that was taken back, or what it is about was
    cancelled. A copy may.
    """
    is_over = Q(status=Status.WITHDRAWN) | Q(subscription__status=Subscription.Status.CANCELLED)
    return not PriceRise.objects.filter(is_over, notice=message).exists()


def apply_due(*, at: datetime, limit: int = 200) -> int:
    """Let prices rise whose day has come and whose notice was sent 7 to 30 days ago; return how many.

    One that was sent later moves the day; one that lies too far back is sent afresh.
    """
    due = PriceRise.objects.filter(status=Status.ANNOUNCED, applies_at__lte=at, notice__sent_at__isnull=False)
    ids = list(due.order_by("applies_at", "pk").values_list("pk", flat=True)[:limit])
    return sweeps.each(ids, partial(_in_its_turn, step=_apply, at=at))


@transaction.atomic(durable=True)
def _in_its_turn(rise_id: int, step: Any, *, at: datetime) -> int:
    """Do a step with a rise under the lock of its subscription, if it is still announced."""
    owner = PriceRise.objects.values_list("subscription__customer_id", flat=True).get(pk=rise_id)
    locked = {row.pk: row for row in cycles.lock_subscriptions(owner)}
    rise = PriceRise.objects.select_for_update(of=("self",)).select_related("notice").get(pk=rise_id)
    if rise.status != Status.ANNOUNCED:
        return 0
    if rise.subscription_id not in locked:
        withdraw([rise.subscription_id], at=at)
        return 0
    rise.subscription = locked[rise.subscription_id]
    return int(step(rise, at=at))


def _tell(rise: PriceRise, *, at: datetime) -> bool:
    rise.applies_at = max(rise.applies_at, at + EARLIEST)
    rise.notices += 1
    rise.notice = outbox.enqueue(letters.price_rise(rise), to=rise.subscription.customer.email, at=at)
    rise.save(update_fields=["applies_at", "notices", "notice"])
    return True


def _apply(rise: PriceRise, *, at: datetime) -> bool:
    sent_at = rise.notice.sent_at if rise.notice is not None else None
    if sent_at is None:
        return False
    if sent_at < at - LATEST:
        _tell(rise, at=at)
        return False
    if sent_at > at - EARLIEST:
        rise.applies_at = sent_at + EARLIEST
        rise.save(update_fields=["applies_at"])
        return False
    rise.subscription.unit_price = rise.new_price
    rise.subscription.save(update_fields=["unit_price"])
    rise.status, rise.ended_at = Status.APPLIED, at
    rise.save(update_fields=["status", "ended_at"])
    logger.info("%s costs %s from now on", rise.subscription, rise.new_price)
    return True
