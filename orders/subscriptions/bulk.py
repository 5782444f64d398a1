"""One change of many subscriptions: chosen, looked at, shown, and then worked off, a transaction a row.

Rows say what was asked, so that nothing is lost with a worker, and nothing is done twice: each row is looked
at again just before its verb, what is as wanted already is done, and a verb refuses what changed meanwhile.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import Count, Exists, OuterRef, Prefetch, QuerySet

from catalog.models import Variant
from orders.models import BillingCycle, BulkChange, BulkChangeRow, PriceRise, RefillExtra, Subscription
from orders.subscriptions import bulk_verdicts, changes, repricing, swaps, tags
from orders.subscriptions.bulk_verdicts import Verdict
from shop.accounts.models import User
from shop.exceptions import Conflict, InvalidInput, ShopError, Stale
from shop.mail import outbox
from shop.transitions import advance

logger = logging.getLogger(__name__)

Kind, Status, Outcome = BulkChange.Kind, BulkChange.Status, BulkChangeRow.Outcome
MOST = 10_000
CHECKED_AT_ONCE = 500
# What is read together is changed within a second; what was changed meanwhile is met again (`seen_tag`).
READ_AT_ONCE = 25
# Whoever took a row is gone after this: longer than a worker may run (CELERY_TASK_TIME_LIMIT).
TAKEN_FOR = timedelta(minutes=6)
# What was never said yes to is forgotten.
DRAFTS_LAST = timedelta(days=2)

# One statement: the ids that come back are the taking, and two workers share the rows.
_TAKE = """
    WITH waiting AS MATERIALIZED (
        SELECT line.id FROM orders_bulk_change_row line JOIN orders_bulk_change job ON job.id = line.change_id
        WHERE job.status = 'asked' AND line.outcome = 'will'
          AND (line.taken_at IS NULL OR line.taken_at <= %(left_since)s)
        ORDER BY line.id LIMIT %(limit)s FOR UPDATE OF line SKIP LOCKED
    )
    UPDATE orders_bulk_change_row SET taken_at = %(at)s
    WHERE id IN (SELECT id FROM waiting) AND outcome = 'will'
    RETURNING id
"""
_WRITE = """
    UPDATE orders_bulk_change_row line
    SET outcome = found.outcome, words = found.words, due_on = found.due_on, next_on = found.next_on
    FROM unnest(%(ids)s::bigint[], %(outcomes)s::text[], %(words)s::text[], %(due)s::date[], %(next)s::date[])
        AS found (id, outcome, words, due_on, next_on)
    WHERE line.id = found.id
"""


class NotOpen(Conflict):
    code = "bulk_change_not_open"
    title = "This was said yes to, or dropped, already"


class TooMany(Conflict):
    code = "too_many_chosen"
    title = "That is too many at once"


@transaction.atomic(durable=True)
def draft(kind: str, chosen: QuerySet[Subscription], *, actor: User, at: datetime) -> BulkChange:
    """Keep which subscriptions were chosen; nothing happens to them yet.

    :raises TooMany: for more than 10,000.
    """
    ids = list(chosen.order_by("pk").values_list("pk", flat=True)[: MOST + 1])
    if len(ids) > MOST:
        raise TooMany(f"At most {MOST:,} at a time: narrow the list by its filters.")
    change = BulkChange.objects.create(kind=kind, asked_by=actor, created_at=at)
    BulkChangeRow.objects.bulk_create(
        (BulkChangeRow(change=change, subscription_id=pk) for pk in ids), batch_size=2000
    )
    return change


@transaction.atomic(durable=True)
def check(change: BulkChange, wanted: dict[str, Any], *, at: datetime) -> BulkChange:
    """Say what is wanted, and write down for each row what would come of it. Asking again starts anew.

    `wanted` JSON-ready: {until}, {days}, {sku}, {unit_price, applies_at} or {reason}, by kind.
    :raises NotOpen: once it was said yes to. :raises InvalidInput: if nothing of that kind can be wanted.
    """
    job = _locked(change, {Status.DRAFT, Status.CHECKED})
    judge = bulk_verdicts.judge(job.kind, wanted, at=at)
    last = 0
    while rows := list(_rows(job.rows.all()).filter(pk__gt=last)[:CHECKED_AT_ONCE]):
        _write([(row.pk, judge(row)) for row in rows])
        last = rows[-1].pk
    advance(job, field="status", table=BulkChange.STATUS_STEPS, target=Status.CHECKED, wanted=wanted)
    return job


@transaction.atomic(durable=True)
def ask(change: BulkChange, *, expected: int, actor: User, at: datetime) -> BulkChange:
    """Say yes to what was shown: `expected` rows are going to be changed, in the name of `actor`.

    :raises NotOpen: if somebody said yes already. :raises Stale: if not so many were shown.
    """
    job = _locked(change, {Status.CHECKED})
    count = job.rows.filter(outcome=Outcome.WILL).count()
    if count != expected:
        raise Stale("It was checked again meanwhile. Look at it once more.")
    if not count:
        raise InvalidInput("None of them would be changed.")
    advance(
        job, field="status", table=BulkChange.STATUS_STEPS, target=Status.ASKED, asked_at=at, asked_by=actor
    )
    return job


@transaction.atomic(durable=True)
def drop(change: BulkChange, *, at: datetime) -> BulkChange:
    """Stop it: rows that are done stay done, the others are left as they are."""
    job = _locked(change, {Status.DRAFT, Status.CHECKED, Status.ASKED})
    job.rows.filter(outcome__in=[Outcome.CHOSEN, Outcome.WILL]).update(
        outcome=Outcome.LEFT_OUT, words="Stopped before its turn."
    )
    advance(job, field="status", table=BulkChange.STATUS_STEPS, target=Status.DROPPED, ended_at=at)
    return job


def counts(change: BulkChange) -> dict[str, int]:
    """Return how many rows have which outcome."""
    found = change.rows.order_by().values_list("outcome").annotate(count=Count("pk"))
    return dict(found)


def work_off(*, at: datetime, limit: int = 200) -> int:
    """Change at most `limit` subscriptions that staff said yes to; return how many were looked at."""
    ids = _take(at=at, limit=limit)
    with outbox.by_the_thousand():
        for start in range(0, len(ids), READ_AT_ONCE):
            for row in _read(ids[start : start + READ_AT_ONCE]):
                _carry_out(row, at=at)
    _finish(at=at)
    return len(ids)


def forget_drafts(*, at: datetime) -> int:
    """Forget what was chosen and never said yes to; return how many."""
    old = BulkChange.objects.filter(
        status__in=[Status.DRAFT, Status.CHECKED], created_at__lt=at - DRAFTS_LAST
    )
    return old.delete()[1].get("orders.BulkChange", 0)


def name_of(variant: Variant) -> str:
    """Return a variant as staff choose it."""
    return f"{variant.product.name}, {variant.name} ({variant.sku})"


def _locked(change: BulkChange, states: set[str]) -> BulkChange:
    job = BulkChange.objects.select_for_update().get(pk=change.pk)
    if job.status not in states:
        raise NotOpen(f"It is {job.get_status_display()}.")
    return job


def _rows(rows: QuerySet[BulkChangeRow]) -> QuerySet[BulkChangeRow]:
    """Return rows with all that a verdict looks at, in six queries."""
    open_cycles = BillingCycle.objects.filter(status=BillingCycle.Status.OPEN).select_related("refill")
    rises = PriceRise.objects.filter(status=PriceRise.Status.ANNOUNCED)
    return (
        rows.select_related("subscription")
        .prefetch_related(
            "subscription__variant__product",
            Prefetch("subscription__cycles", queryset=open_cycles, to_attr="open_cycles"),
            Prefetch("subscription__price_rises", queryset=rises, to_attr="open_rises"),
        )
        .order_by("pk")
    )


def _write(verdicts: Sequence[tuple[int, Verdict]]) -> None:
    """Write verdicts down in one statement: a list for each column."""
    params: dict[str, Any] = {
        "ids": [pk for pk, _ in verdicts],
        "outcomes": [(Outcome.WILL if found.will else Outcome.LEFT_OUT).value for _, found in verdicts],
        "words": [found.words[:300] for _, found in verdicts],
        "due": [found.due_on for _, found in verdicts],
        "next": [found.next_on for _, found in verdicts],
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, params)


def _take(*, at: datetime, limit: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"at": at, "left_since": at - TAKEN_FOR, "limit": limit})
        return [row_id for (row_id,) in cursor.fetchall()]


def _read(ids: Sequence[int]) -> Iterator[BulkChangeRow]:
    """Yield rows that were taken; not those that were stopped since, up to this moment."""
    extras = RefillExtra.objects.filter(status=RefillExtra.Status.WAITING)
    rows = _rows(BulkChangeRow.objects.filter(pk__in=ids).select_related("change__asked_by"))
    for row in rows.prefetch_related(
        Prefetch("subscription__extras", queryset=extras, to_attr="waiting_extras")
    ):
        if BulkChangeRow.objects.filter(pk=row.pk, outcome=Outcome.WILL).exists():
            yield row


def _carry_out(row: BulkChangeRow, *, at: datetime) -> None:
    """Change one subscription, and write down what came of it."""
    try:
        outcome, words = _change(row, at=at)
    except (Stale, OperationalError) as error:
        # Changed by somebody else in this moment, or their lock was not let go: looked at again.
        logger.info("%s waits for its next turn: %s", row, error)
        BulkChangeRow.objects.filter(pk=row.pk, outcome=Outcome.WILL).update(taken_at=None)
        return
    except ShopError as refusal:
        outcome, words = Outcome.REFUSED, refusal.detail
    except Exception:
        # Taken up again it would fail again, before all that wait behind it.
        logger.exception("%s cannot be changed", row)
        outcome, words = Outcome.REFUSED, "It could not be changed, through a mistake of ours."
    _close(row, outcome, words, at=at)


def _change(row: BulkChangeRow, *, at: datetime) -> tuple[str, str]:
    """Look at a subscription once more, and change it if that still is to be done; say what came of it."""
    found = bulk_verdicts.judge(row.change.kind, row.change.wanted, at=at, is_repeat=True)(row)
    if not found.will:
        return (Outcome.DONE if found.is_so else Outcome.LEFT_OUT), found.words
    subscription: Any = row.subscription
    subscription.acted_by = row.change.asked_by
    subscription.seen_tag = tags.of_subscription(subscription, subscription.open_cycles[0])
    _VERBS[row.change.kind](subscription, row, at)
    return Outcome.DONE, row.words


def _close(row: BulkChangeRow, outcome: str, words: str, *, at: datetime) -> None:
    """Write the outcome once: whoever comes second finds it written."""
    mine = BulkChangeRow.objects.filter(pk=row.pk, outcome=Outcome.WILL)
    mine.update(outcome=outcome, words=words[:300], done_at=at)


def _finish(*, at: datetime) -> None:
    waiting = BulkChangeRow.objects.filter(change=OuterRef("pk"), outcome=Outcome.WILL)
    over = BulkChange.objects.filter(~Exists(waiting), status=Status.ASKED)
    over.update(status=Status.DONE, ended_at=at)


def _pause(row: Subscription, line: BulkChangeRow, at: datetime) -> object:
    until = line.change.wanted.get("until")
    day = date.fromisoformat(until) if until else None
    return changes.pause(row, until=day, reason="Paused by staff.", at=at)


def _reprice(row: Subscription, line: BulkChangeRow, at: datetime) -> object:
    wanted = line.change.wanted
    applies_at = datetime.fromisoformat(wanted["applies_at"])
    return repricing.reprice_one(
        row,
        unit_price=wanted["unit_price"],
        # It was 7 days ahead when staff said yes; a queue must not turn that into a refusal.
        applies_at=max(applies_at, at + repricing.EARLIEST),
        actor=row.acted_by,
        at=at,
    )


_VERBS: dict[str, Callable[[Subscription, BulkChangeRow, datetime], object]] = {
    Kind.PAUSE: _pause,
    Kind.RESUME: lambda row, line, at: changes.resume(row, by_staff=True, at=at),
    Kind.SKIP: lambda row, line, at: changes.skip(row, at=at),
    Kind.SHIFT: lambda row, line, at: changes.reschedule(row, next_on=line.next_on, at=at),
    Kind.SWAP: lambda row, line, at: swaps.swap(row, sku=line.change.wanted["sku"], at=at),
    Kind.REPRICE: _reprice,
    Kind.CANCEL: lambda row, line, at: changes.cancel(row, reason=line.change.wanted["reason"], at=at),
}


def reasons(change: BulkChange, outcomes: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield why rows have these outcomes, the most frequent first, and how many for each."""
    rows = change.rows.order_by().filter(outcome__in=outcomes)
    yield from rows.values_list("words").annotate(count=Count("pk")).order_by("-count", "words")[:20]
