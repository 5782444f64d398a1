"""Attempts: every call to Stripe that may create or move money is a committed row before it is made.

An attempt without a definite answer is handed back to be sent again under its own key with its own
parameters; no other attempt of the payment starts before it is resolved.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from orders import lifecycle
from orders import stripe_gateway as gateway
from orders.models import Customer, Order, Payment, PaymentAttempt
from orders.stripe_gateway import Intent
from shop.exceptions import Conflict

Kind = PaymentAttempt.Kind
Outcome = PaymentAttempt.Outcome
# Asked of all attempts of a payment, oldest first.
Question = Callable[[Sequence[PaymentAttempt]], bool]
UNRESOLVED = (Outcome.STARTED, Outcome.UNKNOWN)
CREATIONS = (Kind.CREATE_CUSTOMER, Kind.CREATE_INTENT)
# Stripe keeps an idempotency key for at least 24 hours: after this, a key proves nothing any more.
# Source: https://docs.stripe.com/api/idempotent_requests
KEY_HOLDS_FOR = timedelta(hours=23)
# The error code of an attempt whose key ran out unanswered: nothing was refused.
NEVER_ARRIVED = "never_arrived"
WAITING_FOR_A_CARD = frozenset({"requires_payment_method", "requires_confirmation"})


class OrderEnded(Conflict):
    code = "not_payable"
    title = "This order can no longer be paid"


class AlreadyThere(Exception):
    """Somebody was faster: what was to be created exists, or the money is here already."""


class AttemptUnresolved(Conflict):
    code = "payment_in_progress"
    title = "A payment is already on its way"


def lock(payment: Payment) -> Payment:
    """Lock a payment after its order, and return it as it is now, knowing that order."""
    rows = Payment.objects.select_related("order").select_for_update(of=("order", "self"))
    return rows.get(pk=payment.pk)


def resolve(payment: Payment, intent: Intent, *, at: datetime) -> None:
    """Close an attempt of unknown outcome whose effect is plain from a read of the intent.

    Whatever its status, the intent was created. One that still waits for a card says nothing about a
    confirmation on its way: that attempt stays unresolved, and is sent again under its own key.
    """
    unresolved = payment.attempts.filter(outcome__in=UNRESOLVED)
    if intent.status in WAITING_FOR_A_CARD:
        unresolved = unresolved.filter(kind__in=CREATIONS)
    unresolved.update(outcome=Outcome.OK, finished_at=at)


def refuse_another_intent(payment: Payment, *, than: Intent | None) -> None:
    """Refuse to end an order that has, or may get, another intent than the one that was cancelled for it.

    Ask under the order's lock. :raises AttemptUnresolved: then the caller tries again soon.
    """
    opening = payment.attempts.filter(kind=Kind.CREATE_INTENT, outcome__in=UNRESOLVED)
    if payment.stripe_payment_intent_id != (than.id if than is not None else None) or opening.exists():
        raise AttemptUnresolved("A payment is being opened. Try again soon.", retry_after=2)


def is_cancelling(payment: Payment) -> bool:
    """Return whether a cancellation was sent and never answered: it is sent again under its own key."""
    return payment.attempts.filter(kind=Kind.CANCEL, outcome__in=UNRESOLVED).exists()


def leave_customer(payment: Payment, *, at: datetime) -> None:
    """Close an unanswered attempt to create a customer for an order that ends: no money depends on it."""
    left = payment.attempts.filter(kind=Kind.CREATE_CUSTOMER, outcome__in=UNRESOLVED)
    left.update(outcome=Outcome.REFUSED, error_code="abandoned", finished_at=at)


def answered_confirmations(known: Iterable[PaymentAttempt]) -> int:
    """Return how many attempts have brought a definite answer to "charge this card"."""
    answered = (one for one in known if one.kind == Kind.CONFIRM and one.outcome not in UNRESOLVED)
    return sum(one.error_code != NEVER_ARRIVED for one in answered)


@transaction.atomic(durable=True)
def begin(
    payment: Payment,
    kind: str,
    request: dict[str, Any],
    *,
    at: datetime,
    may_begin: Question = lambda known: True,
) -> PaymentAttempt:
    """Commit an attempt before its call; an unresolved one of the same kind is handed back instead.

    All is read under the order's lock: a double click may have finished its attempt since the caller looked,
    and who ends an order holds that lock too: they see our attempt, or we see that the order has ended.
    `may_begin` is asked of all attempts so far: whoever takes the caller's work away has either written an
    attempt before, which is seen here, or will see ours.

    :raises AttemptUnresolved: if an attempt of another kind has no definite answer yet.
    :raises AlreadyThere: if somebody else has created meanwhile what this attempt would create again, or the
        money has come, or it is no longer the caller's to begin.
    :raises OrderEnded: if the order has ended meanwhile, and nothing may be asked for it any more.
    """
    row = lock(payment)
    order = row.order
    payment.stripe_payment_intent_id = row.stripe_payment_intent_id
    if row.succeeded_at is not None:
        # Nobody looks at an attempt again once the money has come: none is begun.
        raise AlreadyThere
    known = list(row.attempts.order_by("number"))
    last = known[-1] if known else None
    if not may_begin(known):
        raise AlreadyThere
    if last is not None and last.outcome in UNRESOLVED:
        if last.kind == kind:
            return last
        # A webhook may have brought the intent before the answer that was lost: then the creation is done.
        if last.kind not in CREATIONS or not row.stripe_payment_intent_id:
            raise AttemptUnresolved("Wait a moment, then look at the order again.", retry_after=5)
        finish(last, Outcome.OK, at=at)
    if kind in CREATIONS:
        _refuse_twins(row, order, kind)
    if kind != Kind.CANCEL and order.status != Order.Status.PENDING:
        raise OrderEnded(f"Order {order.reference} is {order.status}.", order=order.reference)
    return write(payment, last.number + 1 if last else 1, kind, request, at=at)


def _refuse_twins(payment: Payment, order: Order, kind: str) -> None:
    if payment.stripe_payment_intent_id:
        raise AlreadyThere
    customers = Customer.objects.filter(orders=order, stripe_customer_id__isnull=False)
    if kind == Kind.CREATE_CUSTOMER and customers.exists():
        raise AlreadyThere


def write(
    payment: Payment, number: int, kind: str, request: dict[str, Any], *, at: datetime
) -> PaymentAttempt:
    return PaymentAttempt.objects.create(
        payment=payment,
        number=number,
        kind=kind,
        idempotency_key=f"{payment.order.reference}-{kind}-{number}",
        request=request,
        started_at=at,
    )


def run(attempt: PaymentAttempt, call: Callable[[], Intent], *, at: datetime) -> Intent:
    """Make an attempt's call and write down its outcome."""
    try:
        intent = call()
    except gateway.OutcomeUnknown as error:
        finish(attempt, Outcome.UNKNOWN, at=at, message=str(error))
        raise
    except gateway.Refused as refusal:
        finish(
            attempt,
            Outcome.REFUSED,
            at=at,
            error_code=refusal.code,
            decline_code=refusal.decline_code,
            message=refusal.message,
        )
        raise
    finish(attempt, Outcome.OK, at=at)
    return intent


def finish(attempt: PaymentAttempt, outcome: str, *, at: datetime, **details: str) -> None:
    """Write an attempt's outcome; a definite one is never overwritten by an unknown one."""
    details = {key: value[:300] for key, value in details.items()}
    finished_at = None if outcome == Outcome.UNKNOWN else at
    changed = PaymentAttempt.objects.filter(pk=attempt.pk, outcome__in=UNRESOLVED).update(
        outcome=outcome, finished_at=finished_at, **details
    )
    if changed and outcome != Outcome.OK:
        _note_trouble(attempt, outcome, at=at, details=details)


def _note_trouble(attempt: PaymentAttempt, outcome: str, *, at: datetime, details: Mapping[str, str]) -> None:
    """Write on the order's timeline that a call was refused or got no answer. A decline of the card is noted
    by settlement, which knows the charge; an unknown outcome is noted once, however often it is tried.
    """
    call = attempt.kind.replace("_", " ")
    code = details.get("error_code", "")
    if outcome == Outcome.UNKNOWN:
        if attempt.outcome == Outcome.UNKNOWN:
            return
        kind, words = "attempt_unknown", f"No answer from Stripe to “{call}”; it is asked again."
    elif code == NEVER_ARRIVED:
        kind, words = "attempt_lost", f"“{call}” never arrived at Stripe; it starts anew."
    elif details.get("decline_code"):
        return
    else:
        kind, words = "attempt_refused", f"Stripe refused “{call}”: {code}."
    attempt.outcome = outcome
    lifecycle.note(attempt.payment.order, kind, words, at=at, attempt=attempt.number)
