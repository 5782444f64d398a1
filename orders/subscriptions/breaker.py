"""The circuit breaker: when many charges go wrong at once, something is wrong with us or with Stripe, and no
thousand customers more are tried. It rests, then tries one refill, and goes on when that is answered well.

Counted from payment attempts, which every worker writes: nothing here lives in Redis.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from orders.emails import staff_mails as letters
from orders.models import Order, PaymentAttempt, RefillBreaker
from orders.subscriptions import giving_back
from shop.mail import outbox
from shop.transitions import advance

logger = logging.getLogger(__name__)

State, Cause = RefillBreaker.State, RefillBreaker.Cause
Outcome, Kind = PaymentAttempt.Outcome, PaymentAttempt.Kind
WINDOW = timedelta(minutes=30)
RESTS_FOR = timedelta(minutes=10)
# Fewer attempts than these in the window say nothing.
LEAST = 20
# Percentages of the window's attempts.
MOST_ERRORS = 50
MOST_DECLINES = 60


@transaction.atomic(durable=True)
def allow(limit: int, *, at: datetime) -> int:
    """Return how many of `limit` refills may be claimed now: all, one to try, or none.

    Once it opens, what was claimed before and not begun waits again.
    """
    row = _locked()
    if row.state == State.PROBING:
        return _judge_probe(row, limit, at=at)
    if row.state == State.CLOSED and not _trips(row, at=at):
        return limit
    giving_back.after_a_trip()
    if at < (row.since or at) + RESTS_FOR:
        return 0
    _move(row, State.PROBING, since=at)
    return min(1, limit)


def is_open() -> bool:
    """Return whether charges rest, or one of them is being tried."""
    return RefillBreaker.objects.exclude(state=State.CLOSED).exists()


@transaction.atomic(durable=True)
def reset(*, actor: Any, at: datetime) -> RefillBreaker:
    """Staff have looked: go on charging; what went wrong until now does not count any more."""
    row = _locked()
    if row.state != State.CLOSED:
        _close(row, at=at, reset_by=actor)
    return row


def _locked() -> RefillBreaker:
    row = RefillBreaker.objects.select_for_update().filter(id=1).first()
    if row is None:
        RefillBreaker.objects.get_or_create(id=1)
        row = RefillBreaker.objects.select_for_update().get(id=1)
    return row


def _trips(row: RefillBreaker, *, at: datetime) -> bool:
    since = max(at - WINDOW, row.counted_from or at - WINDOW)
    recent = _attempts().filter(started_at__gt=since, started_at__lte=at)
    found = list(recent.values_list("kind", "outcome"))
    errors = sum(outcome == Outcome.UNKNOWN for _, outcome in found)
    asked = [outcome for kind, outcome in found if kind == Kind.CONFIRM and outcome != Outcome.STARTED]
    declines = sum(outcome == Outcome.REFUSED for outcome in asked)
    if len(found) >= LEAST and errors * 100 >= MOST_ERRORS * len(found):
        _trip(row, Cause.ERRORS, f"{errors} of {len(found)} requests to Stripe had no answer", at=at)
    elif len(asked) >= LEAST and declines * 100 >= MOST_DECLINES * len(asked):
        _trip(row, Cause.DECLINES, f"{declines} of {len(asked)} cards were declined", at=at)
    return row.state != State.CLOSED


def _trip(row: RefillBreaker, cause: str, reason: str, *, at: datetime) -> None:
    logger.error("refills are not charged any more: %s", reason)
    _move(row, State.OPEN, since=at, tripped_at=at, cause=cause, reason=reason)
    outbox.alert_staff(letters.refills_stopped(row), at=at)


def _judge_probe(row: RefillBreaker, limit: int, *, at: datetime) -> int:
    tried_at = row.since or at
    done = set(_attempts().filter(finished_at__gte=tried_at).values_list("outcome", flat=True))
    unknown = _attempts().filter(started_at__gte=tried_at, outcome=Outcome.UNKNOWN).exists()
    if Outcome.OK in done or (Outcome.REFUSED in done and row.cause == Cause.ERRORS):
        logger.warning("refills are charged again")
        _close(row, at=at)
        return limit
    if Outcome.REFUSED in done or unknown:
        _move(row, State.OPEN, since=at)
    elif at >= tried_at + RESTS_FOR:
        _move(row, State.PROBING, since=at)
        return min(1, limit)
    return 0


def _close(row: RefillBreaker, *, at: datetime, **fields: object) -> None:
    _move(row, State.CLOSED, since=None, counted_from=at, cause=Cause.NONE, reason="", **fields)


def _move(row: RefillBreaker, target: str, **fields: object) -> None:
    advance(row, field="state", table=RefillBreaker.STATE_STEPS, target=target, **fields)


def _attempts() -> QuerySet[PaymentAttempt]:
    """Return the attempts at charging refills. A probe's intent proves little: its card is what counts."""
    charging = Q(kind=Kind.CONFIRM) | Q(kind=Kind.CREATE_INTENT, outcome=Outcome.UNKNOWN)
    return PaymentAttempt.objects.filter(charging, payment__order__origin=Order.Origin.REFILL)
