"""Asking Stripe about whatever has been silent for too long: no webhook is ever needed to arrive."""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from django.db.models import F, Q

from orders import (
    attempts,
    card_testing,
    checkout,
    events,
    payments,
    refunds,
    settlement,
    stripe_gateway,
    stripe_reads,
)
from orders.models import Dispute, Order, Payment, PaymentAttempt, StripeRefund, WebhookEvent
from orders.subscriptions import abandoning
from shop.exceptions import ShopError

logger = logging.getLogger(__name__)

EXPECTED = (stripe_gateway.OutcomeUnknown, stripe_gateway.Refused, ShopError)
SILENT_FOR = timedelta(minutes=2)
# A payment that nobody finishes is asked about less and less often, at a tenth of its age.
AGE_SHARE = 10
# A worker that is at it has this long before another one takes the event.
WORKING_FOR = timedelta(minutes=1)
BACKOFF_LIMIT_MINUTES = 60
# Stripe repeats a webhook for three days. What is older than this and still open is asked about singly.
LOOK_BACK = timedelta(days=14)


def process_event(event_pk: int, *, at: datetime) -> bool:
    """Work off one stored event; return whether it is done. Safe to run twice and in any order.

    The event is only a hint: what counts is read from Stripe.
    """
    claimed = WebhookEvent.objects.filter(
        pk=event_pk, processed_at__isnull=True, next_attempt_at__lte=at
    ).update(next_attempt_at=at + WORKING_FOR, attempts=F("attempts") + 1)
    if not claimed:
        return False
    event = WebhookEvent.objects.get(pk=event_pk)
    try:
        note = events.apply(event, at=at)
    except Exception as error:
        # Whatever it is, this event waits for its next turn and the others go on.
        if not isinstance(error, EXPECTED):
            logger.exception("event %s cannot be worked off", event.event_id)
        wait = timedelta(minutes=min(2 ** min(event.attempts, 10) / 4, BACKOFF_LIMIT_MINUTES))
        WebhookEvent.objects.filter(pk=event_pk).update(
            last_error=f"{type(error).__name__}: {error}"[:500], next_attempt_at=at + wait
        )
        return False
    WebhookEvent.objects.filter(pk=event_pk).update(processed_at=at, last_error=note)
    return True


def take_up_again(event_pks: Iterable[int], *, at: datetime) -> int:
    """Make stored events due once more, worked off or not; return how many. An event is only a hint, so that
    repeating one changes nothing that is right already.
    """
    return WebhookEvent.objects.filter(pk__in=event_pks).update(processed_at=None, next_attempt_at=at)


def due_event_ids(*, at: datetime, limit: int = 200) -> list[int]:
    """Return ids of events that wait to be worked off, oldest first."""
    due = WebhookEvent.objects.filter(processed_at__isnull=True, next_attempt_at__lte=at)
    return list(due.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])


def check_silent_payments(*, at: datetime, limit: int = 200, everything: bool = False) -> int:
    """Ask Stripe about payments of open orders that have not been heard of; return how many were asked.

    `everything` asks about each open payment, however recently it was asked about.
    """
    asked = 0
    for payment in open_payments(at=at) if everything else _silent(at)[:limit]:
        asked += 1
        _guarded(partial(check_payment, payment, at=at), f"payment {payment.pk}")
    return asked


def check_payment(payment: Payment, *, at: datetime) -> Order | None:
    """Ask Stripe how one payment stands and apply the answer (staff's button "ask Stripe again" too).

    :raises payments.PaymentUnavailable: if Stripe does not answer.
    """
    # Before asking, so that one that cannot be answered does not keep the others from their turn.
    Payment.objects.filter(pk=payment.pk).update(checked_at=at)
    intent = payments.read_intent(payment, mood=stripe_gateway.BACKGROUND, at=at)
    if attempts.is_cancelling(payment):
        intent = payments.cancel_intent(payment.order, at=at, mood=stripe_gateway.BACKGROUND)
    return settlement.observe(intent, at=at) if intent is not None else None


def expire_orders(*, at: datetime) -> int:
    """End orders that nobody paid in time, at Stripe first; return how many were looked at."""
    ids = checkout.expired_ids(at=at)
    for order in Order.objects.filter(pk__in=ids):
        _guarded(partial(_expire, order, at=at), f"order {order.reference}")
    return len(ids)


def settle_free_orders(*, at: datetime) -> int:
    """Settle orders of nothing whose request died before it did; return how many there were."""
    waiting = settlement.waiting_free_orders()
    for order in waiting:
        _guarded(partial(settlement.settle_free, order, at=at), f"order {order.reference}")
    return len(waiting)


def end_probed_orders(*, at: datetime) -> int:
    """End orders on which somebody tries out cards, at Stripe first; return how many were looked at."""
    ids = card_testing.probed_order_ids(at=at)
    for order in Order.objects.filter(pk__in=ids):
        _guarded(partial(_end_probed, order, at=at), f"order {order.reference}")
    return len(ids)


def end_refill_orders(*, at: datetime) -> int:
    """End the unpaid orders of refills that were skipped or given up; return how many were looked at."""
    ids = abandoning.take(at=at)
    for refill_id in ids:
        _guarded(partial(_abandon, refill_id, at=at), f"refill {refill_id}")
    return len(ids)


def send_refunds(*, at: datetime) -> int:
    """Send refunds that were written down and not yet answered; return how many were tried."""
    ids = refunds.waiting_ids()
    for refund_id in ids:
        _guarded(partial(send_refund, refund_id, at=at), f"refund {refund_id}")
    return len(ids)


def send_refund(refund_id: int, *, at: datetime) -> None:
    """Send one refund and hand Stripe's answer to settlement."""
    try:
        answer = refunds.send(refund_id, mood=stripe_gateway.BACKGROUND, at=at)
    except refunds.RefundRefused as refusal:
        settlement.refund_refused(refund_id, refusal.problem_code, at=at)
        return
    if answer is not None:
        settlement.observe_refund(answer, at=at)


def check_pending_refunds(*, at: datetime, limit: int = 100) -> int:
    """Ask Stripe about refunds that are on their way; return how many were asked."""
    pending = StripeRefund.objects.filter(
        status=StripeRefund.Status.PENDING, stripe_refund_id__isnull=False, requested_at__lte=at - SILENT_FOR
    )
    ids = [found or "" for found in pending.values_list("stripe_refund_id", flat=True)[:limit]]
    for refund_id in ids:
        _guarded(partial(_check_refund, refund_id, at=at), f"refund {refund_id}")
    return len(ids)


def check_disputes(*, at: datetime) -> int:
    """Ask Stripe about new disputes and warnings, and about open disputes; return how many there were.

    None of them needs a webhook to be found.
    """
    found: list[Callable[[], object]] = []
    _guarded(lambda: found.extend(_taken_back(at)), "the list of disputes and warnings")
    for observe in found:
        _guarded(observe, "a dispute or warning")
    return len(found)


def _taken_back(at: datetime) -> Iterator[Callable[[], object]]:
    since = at - LOOK_BACK
    for warning in stripe_reads.list_warnings_since(since):
        yield partial(settlement.observe_warning, warning, at=at)
    for dispute in stripe_reads.list_disputes_since(since):
        yield partial(settlement.observe_dispute, dispute, at=at)
    older = Dispute.objects.filter(closed_at__isnull=True, opened_at__lt=since)
    for dispute_id in older.values_list("stripe_dispute_id", flat=True):
        yield partial(_check_dispute, dispute_id, at=at)


def _check_dispute(stripe_dispute_id: str, *, at: datetime) -> None:
    settlement.observe_dispute(stripe_reads.retrieve_dispute(stripe_dispute_id), at=at)


def find_refunds(*, at: datetime, everything: bool = False) -> int:
    """Take up refunds made or changed at Stripe whose events never came; return how many there were.

    Looks at the latest hundred, or at `everything`; a refund of nobody we know counts each time.
    """
    try:
        listed = list(islice(stripe_gateway.list_refunds_since(None), None if everything else 100))
    except (stripe_gateway.OutcomeUnknown, stripe_gateway.Refused, ShopError) as error:
        logger.warning("refunds made at Stripe wait for the next sweep: %s", error)
        return 0
    rows = StripeRefund.objects.filter(stripe_refund_id__in=[found.id for found in listed])
    known = dict(rows.values_list("stripe_refund_id", "status"))
    news = [found for found in listed if known.get(found.id) != found.status]
    for found in news:
        _guarded(partial(settlement.observe_refund, found, at=at), f"refund {found.id}")
    return len(news)


def _check_refund(stripe_refund_id: str, *, at: datetime) -> None:
    settlement.observe_refund(stripe_gateway.retrieve_refund(stripe_refund_id), at=at)


def open_payments(*, at: datetime) -> list[Payment]:
    """Return payments that may still move: an intent, or an attempt to create one, and no success yet."""
    started = Q(stripe_payment_intent_id__isnull=False) | Q(
        attempts__kind=PaymentAttempt.Kind.CREATE_INTENT, attempts__outcome__in=attempts.UNRESOLVED
    )
    rows = Payment.objects.select_related("order").filter(
        started,
        Q(order__status=Order.Status.PENDING) | Q(attempts__outcome__in=attempts.UNRESOLVED),
        succeeded_at__isnull=True,
        created_at__lte=at,
    )
    return list(rows.distinct().order_by(F("checked_at").asc(nulls_first=True))[:1000])


def _silent(at: datetime) -> list[Payment]:
    """Open payments whose turn to be asked about has come."""
    return [row for row in open_payments(at=at - SILENT_FOR) if _is_worth_asking(row, at)]


def _is_worth_asking(payment: Payment, at: datetime) -> bool:
    if payment.checked_at is None:
        return True
    return at - payment.checked_at >= max(SILENT_FOR, (at - payment.created_at) / AGE_SHARE)


def _expire(order: Order, *, at: datetime) -> None:
    intent = checkout.expire(order, at=at)
    if intent is not None:
        settlement.observe(intent, at=at)


def _end_probed(order: Order, *, at: datetime) -> None:
    intent = checkout.end_probed(order, at=at)
    if intent is not None:
        settlement.observe(intent, at=at)


def _abandon(refill_id: int, *, at: datetime) -> None:
    intent = abandoning.abandon(refill_id, at=at)
    if intent is not None:
        settlement.observe(intent, at=at)


def _guarded(work: Callable[[], object], what: str) -> None:
    """Run one piece of a sweep; what fails is logged and met again by the next sweep."""
    try:
        work()
    except EXPECTED as error:
        logger.warning("%s waits for the next sweep: %s", what, error)
    except Exception:
        logger.exception("%s failed; the rest of the sweep goes on", what)
