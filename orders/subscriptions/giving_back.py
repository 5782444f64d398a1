"""Claimed refills that are not charged now wait again as they did before; nothing of them is lost.

The breaker gives back what nobody has begun. What our own work stumbles over is put aside for longer each
time, counted and shown to staff, so that it takes nobody's place.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from orders import attempts
from orders.models import PaymentAttempt, Refill, RefillBreaker
from orders.subscriptions import guards
from shop.transitions import advance

logger = logging.getLogger(__name__)

Status = Refill.Status
# After an error that nobody expected, doubled each time.
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
# It has gone well since, or somebody would have seen it again by then.
SHOWN_FOR = timedelta(days=1)
# An order that was never declined, nor short of stock at a retry: a worker left it while it was charged.
_BEGUN = Q(order__isnull=False, failed_attempts=0, short_since__isnull=True)


@contextmanager
def if_it_stumbles(refill_id: int, *, at: datetime) -> Iterator[None]:
    """Work on a refill in the block: an error that nobody expects is logged, and the refill put aside.

    :raises OperationalError: if the database is gone, or a lock was not had: that is no fault of the refill.
    """
    try:
        yield
    except OperationalError:
        raise
    except Exception as error:
        logger.exception("refill %s is put aside", refill_id)
        _put_aside(refill_id, f"{type(error).__name__}: {error}"[:300], at=at)


def may_begin(refill_id: int) -> bool:
    """Return whether a refill is claimed, and neither a guard nor the breaker stops it. One query for all.

    What was being charged before is brought to its end, whatever the breaker says.
    """
    if not settings.REFILLS_ENABLED:
        return False
    is_stopped = Q(Exists(RefillBreaker.objects.filter(state=RefillBreaker.State.OPEN)))
    claimed = Refill.objects.filter(~Exists(guards.other_owners()), pk=refill_id, status=Status.CLAIMED)
    return claimed.exclude(is_stopped & ~_BEGUN & ~Q(_unanswered())).exists()


@transaction.atomic(savepoint=False)
def after_a_trip() -> int:
    """Let what is claimed and was not begun wait as it did before it was claimed; return how many.

    The dates stay. One that a worker takes up at this moment is left to it.
    """
    free = Refill.objects.filter(~_BEGUN, ~_unanswered(), status=Status.CLAIMED)
    ids = list(free.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True))
    before = Case(
        When(short_since__isnull=False, then=Value(Status.BACKORDERED)),
        When(order__isnull=False, then=Value(Status.DUNNING)),
        default=Value(Status.PLANNED),
    )
    return Refill.objects.filter(pk__in=ids, status=Status.CLAIMED).update(status=before)


def stumbling(*, at: datetime) -> QuerySet[Refill]:
    """Return the refills that were put aside of late, and are still to be charged."""
    return Refill.objects.filter(stumbles__gt=0, rests_until__gte=at - SHOWN_FOR, status__in=Refill.OPEN)


def _unanswered() -> Exists:
    """Whether an attempt at charging a refill has no definite answer yet, whichever try it belongs to."""
    return Exists(
        PaymentAttempt.objects.filter(payment__order=OuterRef("order"), outcome__in=attempts.UNRESOLVED)
    )


@transaction.atomic(durable=True)
def _put_aside(refill_id: int, why: str, *, at: datetime) -> None:
    refill = Refill.objects.select_for_update().get(pk=refill_id)
    if refill.status not in Refill.OPEN:
        return
    refill.rests_until = at + min(FIRST_PAUSE * 2 ** min(refill.stumbles, 10), LONGEST_PAUSE)
    refill.stumbles += 1
    refill.stumbled_over = why
    refill.save(update_fields=["rests_until", "stumbles", "stumbled_over"])
    if refill.status == Status.CLAIMED:
        advance(refill, field="status", table=Refill.STATUS_STEPS, target=_as_before(refill))


def _as_before(refill: Refill) -> str:
    """Return what a claimed refill was before its claim. One that was being charged is brought to its end."""
    if refill.order is None:
        return Status.PLANNED if refill.short_since is None else Status.BACKORDERED
    if refill.order.payment.attempts.filter(outcome__in=attempts.UNRESOLVED).exists():
        return Status.CHARGING
    if refill.short_since is not None:
        return Status.BACKORDERED
    return Status.DUNNING if refill.failed_attempts else Status.CHARGING
