"""One run over the books: step by step, each step's findings committed together, so that a run that was
killed goes on where it stopped and a run that is started twice lists everything once.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Min, Q
from django.utils import timezone

from orders import emails, payouts, stripe_gateway
from orders.books import at_stripe, disputes_at_stripe, goods, records, refunds_at_stripe
from orders.books.findings import Finding, Kind, Scope
from orders.models import ReconciliationDifference, ReconciliationRun
from shop.exceptions import Conflict, ShopError
from shop.mail import outbox

logger = logging.getLogger(__name__)

WINDOW = timedelta(days=3)
# The hour of the shop's own day from which the nightly run is due.
NIGHT_HOUR = 3
LOCKED_FOR = timedelta(minutes=10)
# More of one kind than this is one fault, not so many: the rest is counted.
LISTED_OF_A_KIND = 1000
PROGRESS_EVERY = 1000

Step = Callable[[Scope, "Counter[str]"], Iterator[Finding]]
Tell = Callable[[str], object]


class Busy(Conflict):
    code = "audit_running"
    title = "The books are being compared already"


def _payouts(scope: Scope, count: "Counter[str]") -> Iterator[Finding]:
    """Copy the latest payouts, then list those that failed or do not add up."""
    count["payouts"] = payouts.sync(at=scope.at, everything=scope.since is None)
    for found in payouts.differences():
        if scope.covers(found.payout.created_at) or found.kind == Kind.PAYOUT_SUM:
            currency = found.payout.currency
            here, there = found.here, found.there
            yield Finding(Kind(found.kind), found.subject, found.explanation, None, currency, here, there)


STEPS: dict[str, Step] = {
    "intents": at_stripe.intents,
    "charges": at_stripe.charges,
    "open payments": at_stripe.open_payments,
    "refunds": refunds_at_stripe.refunds,
    "disputes": disputes_at_stripe.disputes,
    "records": records.records,
    "goods": goods.goods,
    "payouts": _payouts,
}


def open_run(*, at: datetime, everything: bool = False, window: timedelta = WINDOW) -> ReconciliationRun:
    """Begin a run that somebody asks for: the last days and what is open, or everything there ever was."""
    since = None if everything else at - window
    return ReconciliationRun.objects.create(since=since, started_at=at, locked_until=timezone.now())


def nightly(*, at: datetime) -> ReconciliationRun | None:
    """Do the run of the shop's local day, once; None before its hour, when it is done, or at work elsewhere.

    A run that was interrupted is taken up again: a wake-up may come as often as it likes.
    :raises stripe_gateway.OutcomeUnknown: if Stripe does not answer; the next wake-up goes on.
    """
    local = timezone.localtime(at, ZoneInfo(settings.SHOP_TIME_ZONE))
    if local.hour < NIGHT_HOUR:
        return None
    run, _ = ReconciliationRun.objects.get_or_create(
        night_of=local.date(),
        defaults={"since": at - WINDOW, "started_at": at, "locked_until": timezone.now()},
    )
    if run.finished_at is not None:
        return None
    try:
        return audit(run, at=at)
    except Busy:
        return None


def audit(run: ReconciliationRun, *, at: datetime, tell: Tell = logger.info) -> ReconciliationRun:
    """Carry out what is left of a run and return it finished. Network: no transaction around it.

    :raises Busy: if a worker is at it. :raises stripe_gateway.OutcomeUnknown: if Stripe does not answer.
    """
    _lock(run)
    scope = Scope(run.since, at)
    for name, step in STEPS.items():
        if name in run.steps_done:
            continue
        try:
            _carry_out(run, name, step, scope, tell)
        except (stripe_gateway.OutcomeUnknown, stripe_gateway.Refused, ShopError) as error:
            run.last_error = f"{name}: {type(error).__name__}: {error}"[:300]
            run.locked_until = timezone.now()
            run.save(update_fields=["last_error", "locked_until"])
            raise
    _finish(run, at=at)
    return run


def _lock(run: ReconciliationRun) -> None:
    """Take the run for ourselves; a worker that died gives it up by silence. Real time: it guards workers."""
    free = ReconciliationRun.objects.filter(
        Q(locked_until__lte=timezone.now()), pk=run.pk, finished_at__isnull=True
    )
    if not free.update(locked_until=timezone.now() + LOCKED_FOR):
        raise Busy(f"Run {run.pk} is being worked at, or is finished.")
    run.refresh_from_db()


def _carry_out(run: ReconciliationRun, name: str, step: Step, scope: Scope, tell: Tell) -> None:
    count = _Progress(run, tell)
    found = _listed(step(scope, count))
    with transaction.atomic(durable=True):
        known = _known_since(found)
        ReconciliationDifference.objects.bulk_create(
            [row.as_row(run.pk, known.get((row.kind, row.subject[:120]), scope.at)) for row in found],
            ignore_conflicts=True,
        )
        run.steps_done = [*run.steps_done, name]
        run.compared = {**run.compared, **count}
        run.last_error = ""
        run.locked_until = timezone.now() + LOCKED_FOR
        run.save(update_fields=["steps_done", "compared", "last_error", "locked_until"])
    read = ", ".join(f"{number} {what}" for what, number in count.items())
    tell(f"{name}: {len(found)} differences ({read or 'nothing to compare'})")


class _Progress(Counter[str]):
    """Counts what was read, says so now and then, and keeps the run locked meanwhile."""

    def __init__(self, run: ReconciliationRun, tell: Tell) -> None:
        super().__init__()
        self._run, self._tell = run, tell

    def __setitem__(self, name: str, number: int) -> None:
        before = self.get(name, 0)
        super().__setitem__(name, number)
        if number // PROGRESS_EVERY > before // PROGRESS_EVERY:
            self._tell(f"  {number} {name} compared …")
            ReconciliationRun.objects.filter(pk=self._run.pk).update(locked_until=timezone.now() + LOCKED_FOR)


def _listed(found: Iterator[Finding]) -> list[Finding]:
    """Return what is listed: everything, but for the rest of a kind that fills a book of its own."""
    listed, of_kind = [], Counter[Kind]()
    for finding in found:
        of_kind[finding.kind] += 1
        if of_kind[finding.kind] <= LISTED_OF_A_KIND:
            listed.append(finding)
    for kind, number in of_kind.items():
        if number > LISTED_OF_A_KIND:
            words = f"There are {number} differences “{kind}”; the first {LISTED_OF_A_KIND} are listed."
            listed.append(Finding(Kind.MORE, kind, words, here=LISTED_OF_A_KIND, there=number))
    return listed


def _known_since(found: list[Finding]) -> dict[tuple[str, str], datetime]:
    """Return when each difference was first listed by a run before this one."""
    before = ReconciliationDifference.objects.filter(
        kind__in={row.kind for row in found}, subject__in={row.subject[:120] for row in found}
    )
    firsts = before.order_by().values_list("kind", "subject").annotate(first=Min("known_since"))
    return {(kind, subject): first for kind, subject, first in firsts}


def _finish(run: ReconciliationRun, *, at: datetime) -> None:
    """Close the run and, if anything differs, tell staff."""
    Status = ReconciliationRun.Status
    with transaction.atomic(durable=True):
        is_clean = not run.differences.exists()
        run.status = Status.CLEAN if is_clean else Status.DIFFERENT
        run.finished_at = at
        run.save(update_fields=["status", "finished_at"])
        if is_clean:
            return
        for address in settings.STAFF_ALERT_EMAILS:
            outbox.enqueue(emails.staff_books(run, to=address), to=address, at=at)
