"""PLAN: cycles that fall due together become one refill, with its items, its quote and its reminder.

Many customers share a transaction (see `batches`). And what is due without a notice is told, and waits.
"""

import gc
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Q

from orders.models import BillingCycle, Refill
from orders.subscriptions import (
    batches,
    breaker,
    cycles,
    giving_back,
    guards,
    membership,
    notices,
    parcels,
    quoting,
    sweeps,
    waiting,
)
from shop.mail.models import OutboxMessage

logger = logging.getLogger(__name__)

# A refill that is overdue by more than this is announced afresh before it is charged.
STALE_AFTER = timedelta(hours=72)
# Cycles that share a transaction: enough to read and write in few statements, few enough that a customer who
# clicks meanwhile waits for less than a second.
BATCH = 400
# Of refills that are due, so many are looked at in one turn, however many wait for their turn at Stripe.
LOOKED_AT = 2_000


def plan(*, at: datetime, limit: int = 10_000) -> int:
    """Plan refills for customers whose reminders are due, looking at `limit` cycles at most; return how many.

    Two planners at once share the work. What goes wrong with one customer is logged and holds up nobody else.
    """
    if not guards.may_charge() or breaker.is_open():
        return 0
    guards.record_deployment(at=at)
    due = waiting.customers(at=at, limit=limit, size=BATCH)
    return sum(_plan_together(customers, at=at) for customers in due)


def _plan_together(customers: Sequence[int], *, at: datetime) -> int:
    """Plan a batch. One that fails is halved until who caused it stands alone, and is left to the next sweep.

    :raises OperationalError: if the database is not there, or somebody holds what is needed for too long.
    """
    try:
        with _collecting_later():
            return batches.plan(customers, at=at)
    except OperationalError:
        raise
    except Exception:
        logger.exception(
            "%s customers are not planned together, from customer %s", len(customers), customers[0]
        )
    if len(customers) == 1:
        return 0
    half = len(customers) // 2
    return sum(_plan_together(part, at=at) for part in (customers[:half], customers[half:]))


@contextmanager
def _collecting_later() -> Iterator[None]:
    """Look for garbage after a batch, not in it: all that it makes is needed until its end, and looking
    through that again and again took a tenth of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def postpone_unannounced(*, at: datetime, limit: int = 200) -> int:
    """Move the date of due refills whose notice was not sent in time, or lies too far back; return how many.

    A notice that was never written is written; one that waits in the outbox is waited for.
    """
    # Without a card there is nothing to announce: it waits for one. With an order nothing is announced anew.
    waiting_for_it = Refill.objects.filter(
        status__in=membership.EDITABLE, order__isnull=True, card__isnull=False
    )
    due = waiting_for_it.filter(next_attempt_at__lte=at).exclude(rests_until__gt=at)
    untold = Q(notice__isnull=True) | Q(notice__sent_at__isnull=True)
    untold |= Q(notice__sent_at__gt=at - settings.REFILL_NOTICE_FOR)
    stale = Q(status=Refill.Status.PLANNED, next_attempt_at__lte=at - STALE_AFTER)
    late = (untold & Q(asked_at__isnull=True)) | stale
    # Whatever is due is claimed or moved in this order, so that the first ones are all there is to look at.
    first = due.order_by("next_attempt_at", "pk").values("pk")[:LOOKED_AT]
    found = Refill.objects.filter(late, pk__in=first).order_by("next_attempt_at", "pk")
    ids = list(found.values_list("pk", flat=True)[:limit])
    return sweeps.each(ids, partial(_postpone_or_put_aside, at=at))


def _tell_anew(refill: Refill, *, at: datetime) -> int:
    """Announce a refill afresh; one that can no longer be quoted rests, and holds up nobody else."""
    try:
        quote = quoting.quote(refill, at=at)
    except quoting.REFUSALS as refusal:
        together = list(refill.cycles.filter(status=BillingCycle.Status.OPEN).select_related("subscription"))
        membership.dissolve(refill)
        parcels.pause(together, refusal.detail, at=at)
        return 1
    notices.tell(refill, quote, charge_at=at, at=at)
    return 1


def _postpone_or_put_aside(refill_id: int, *, at: datetime) -> int:
    with giving_back.if_it_stumbles(refill_id, at=at):
        return _postpone(refill_id, at=at)
    return 0


@transaction.atomic(durable=True)
def _postpone(refill_id: int, *, at: datetime) -> int:
    refill = cycles.lock_refill(refill_id)
    date = refill.next_attempt_at
    if refill.status not in membership.EDITABLE or date is None or date > at:
        return 0
    if refill.asked_at is not None:
        return _tell_anew(refill, at=at) if date <= at - STALE_AFTER else 0
    notice = refill.notice
    if notice is not None and notice.status == OutboxMessage.Status.SUPPRESSED:
        together = list(refill.cycles.filter(status=BillingCycle.Status.OPEN).select_related("subscription"))
        membership.dissolve(refill)
        parcels.pause(together, "Reminders cannot be delivered to this e-mail address.", at=at)
        return 1
    if notice is not None and notice.status == OutboxMessage.Status.PENDING:
        refill.next_attempt_at = at + settings.REFILL_NOTICE_FOR
    elif notice is not None and notice.sent_at is not None and date > at - STALE_AFTER:
        refill.next_attempt_at = notice.sent_at + settings.REFILL_NOTICE_FOR
    else:
        return _tell_anew(refill, at=at)
    refill.save(update_fields=["next_attempt_at"])
    return 1
