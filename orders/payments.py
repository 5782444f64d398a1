"""Asking for money. Learning that it moved is `settlement`'s business.

Every call is preceded by a committed `PaymentAttempt`. An attempt without a definite answer is sent again
under the same key with the same parameters, and no other attempt starts before it is resolved.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from orders import stripe_gateway as gateway
from orders.models import Customer, Order, Payment, PaymentAttempt, SavedCard
from orders.stripe_gateway import Intent, Mood
from shop.exceptions import Conflict, Unavailable, Unprocessable

Kind = PaymentAttempt.Kind
Outcome = PaymentAttempt.Outcome
UNRESOLVED = (Outcome.STARTED, Outcome.UNKNOWN)
CREATIONS = (Kind.CREATE_CUSTOMER, Kind.CREATE_INTENT)
# Stripe keeps an idempotency key for at least 24 hours: after this, a key proves nothing any more.
# Source: https://docs.stripe.com/api/idempotent_requests
KEY_HOLDS_FOR = timedelta(hours=23)
CLOCK_SLACK = timedelta(minutes=10)


class PaymentUnavailable(Unavailable):
    code = "payment_unavailable"
    title = "Our payment service does not answer"


class PaymentRefused(Unprocessable):
    code = "payment_refused"
    title = "The payment was refused"


class AttemptUnresolved(Conflict):
    code = "payment_in_progress"
    title = "A payment is already on its way"


class OrderEnded(Conflict):
    code = "not_payable"
    title = "This order can no longer be paid"


class _AlreadyThere(Exception):
    """What was to be created exists: a twin was faster."""


def start(order: Order, *, saves_card: bool, at: datetime) -> Payment:
    """Write the payment row of a new order, in the transaction that places it.

    Where nothing has to come first, the attempt to create its intent is written along.
    """
    payment = Payment.objects.create(
        order=order, currency=order.currency, amount=order.total, saves_card=saves_card, created_at=at
    )
    if order.customer is None or order.customer.stripe_customer_id:
        _write_attempt(payment, 1, Kind.CREATE_INTENT, _intent_params(payment), at=at)
    return payment


def open_intent(order: Order, *, at: datetime, mood: Mood) -> Intent:
    """Return the order's one PaymentIntent, created if it is not there yet. Network: no transaction.

    :raises PaymentUnavailable: if Stripe gives no definite answer; asking again continues where it stopped.
    """
    payment = order.payment
    try:
        if payment.stripe_payment_intent_id:
            return gateway.retrieve_intent(payment.stripe_payment_intent_id, mood=mood)
        customer = payment.order.customer
        if customer is not None and not customer.stripe_customer_id:
            _open_customer(payment, customer, at=at, mood=mood)
        return _create_intent(payment, at=at, mood=mood)
    except gateway.OutcomeUnknown as error:
        raise _unavailable(order) from error


def charge_saved_card(order: Order, card: SavedCard, *, at: datetime) -> Intent:
    """Charge a saved card while its owner is away, and return the intent as it then stands.

    A decline is an answer, not an error: the returned intent carries its code.
    :raises PaymentUnavailable: if the outcome is unknown; the next call resolves it before it tries again.
    """
    intent = open_intent(order, at=at, mood=gateway.BACKGROUND)
    if intent.status not in {"requires_payment_method", "requires_confirmation"}:
        resolve(order.payment, intent, at=at)
        return intent
    params = {"payment_method": card.stripe_payment_method_id, "off_session": True}
    payment = order.payment
    attempt = _begin(payment, Kind.CONFIRM, params, at=at)
    if at - attempt.started_at > KEY_HOLDS_FOR:
        _finish(attempt, Outcome.REFUSED, at=at, error_code="never_arrived")
        attempt = _begin(payment, Kind.CONFIRM, params, at=at)
    try:
        return _run(
            attempt,
            lambda: gateway.confirm_intent(
                intent.id, attempt.request, key=attempt.idempotency_key, mood=gateway.BACKGROUND
            ),
            at=at,
        )
    except gateway.OutcomeUnknown as error:
        raise _unavailable(order) from error
    except gateway.Refused as refusal:
        return refusal.intent or _read(order, intent.id, mood=gateway.BACKGROUND)


def cancel_intent(order: Order, *, at: datetime, mood: Mood) -> Intent | None:
    """Cancel the order's intent and return it as it then stands; None when there never was one.

    An intent that has succeeded meanwhile is returned as it is: the caller hands it to settlement.
    :raises PaymentUnavailable: if Stripe gives no definite answer.
    """
    payment = Payment.objects.select_related("order__customer").get(order=order)
    try:
        intent_id = payment.stripe_payment_intent_id or _id_of_unresolved(payment, at=at, mood=mood)
        if not intent_id:
            _leave_customer(payment, at=at)
            return None
        if payment.intent_status == "canceled":
            return gateway.retrieve_intent(intent_id, mood=mood)
        attempt = _begin(payment, Kind.CANCEL, {}, at=at)
        return _run(
            attempt,
            lambda: gateway.cancel_intent(intent_id, key=attempt.idempotency_key, mood=mood),
            at=at,
        )
    except gateway.OutcomeUnknown as error:
        raise _unavailable(order) from error
    except gateway.Refused as refusal:
        return refusal.intent or _read(order, intent_id, mood=mood)


def read_intent(payment: Payment, *, mood: Mood, at: datetime) -> Intent | None:
    """Ask Stripe how the payment stands, resolving an attempt of unknown outcome on the way.

    Returns None when no intent was ever created. :raises PaymentUnavailable: if Stripe does not answer.
    """
    try:
        intent_id = payment.stripe_payment_intent_id or _id_of_unresolved(payment, at=at, mood=mood)
        return gateway.retrieve_intent(intent_id, mood=mood) if intent_id else None
    except gateway.OutcomeUnknown as error:
        raise _unavailable(payment.order) from error


def _read(order: Order, intent_id: str, *, mood: Mood) -> Intent:
    try:
        return gateway.retrieve_intent(intent_id, mood=mood)
    except gateway.OutcomeUnknown as error:
        raise _unavailable(order) from error


def resolve(payment: Payment, intent: Intent, *, at: datetime) -> None:
    """Close an attempt of unknown outcome whose effect is plain from a read of the intent.

    An intent that still waits for a card proves that its creation arrived, but says nothing about a
    confirmation on its way: that attempt stays unresolved, and is sent again under its own key.
    """
    open_attempts = payment.attempts.filter(outcome__in=UNRESOLVED)
    if intent.status in {"requires_payment_method", "requires_confirmation"}:
        open_attempts = open_attempts.filter(kind__in=CREATIONS)
    open_attempts.update(outcome=Outcome.OK, finished_at=at)


def may_still_move(payment: Payment, *, cancelled: Intent | None) -> bool:
    """Say whether a locked payment could move although the caller saw `cancelled`, or nothing, at Stripe."""
    if payment.attempts.filter(outcome__in=UNRESOLVED).exists():
        return True
    return bool(payment.stripe_payment_intent_id) and cancelled is None


def adopt(payment: Payment, intent_id: str) -> bool:
    """Remember the intent of a payment; return False if the payment already has another one."""
    if payment.stripe_payment_intent_id == intent_id:
        return True
    free = Payment.objects.filter(pk=payment.pk, stripe_payment_intent_id__isnull=True)
    if free.update(stripe_payment_intent_id=intent_id):
        payment.stripe_payment_intent_id = intent_id
        return True
    payment.refresh_from_db(fields=["stripe_payment_intent_id"])
    return payment.stripe_payment_intent_id == intent_id


def record(payment: Payment, intent: Intent, *, at: datetime) -> None:
    """Write down what Stripe says of a payment. The caller holds its lock; money facts only move forward."""
    payment.intent_status = intent.status
    payment.last_decline_code = intent.decline_code or intent.error_code
    payment.checked_at = at
    if intent.status == "succeeded" and payment.succeeded_at is None:
        payment.succeeded_at = at
        payment.amount_received = intent.amount_received
    payment.save(
        update_fields=[
            "intent_status",
            "last_decline_code",
            "checked_at",
            "succeeded_at",
            "amount_received",
        ]
    )


def _open_customer(payment: Payment, customer: Customer, *, at: datetime, mood: Mood) -> None:
    request = {"email": customer.email, "name": customer.name, "reference": payment.order.reference}
    try:
        attempt = _begin(payment, Kind.CREATE_CUSTOMER, request, at=at)
    except _AlreadyThere:
        customer.refresh_from_db(fields=["stripe_customer_id"])
        return
    try:
        stripe_id = gateway.create_customer(**attempt.request, key=attempt.idempotency_key, mood=mood)
    except gateway.OutcomeUnknown as error:
        _finish(attempt, Outcome.UNKNOWN, at=at, message=str(error))
        raise
    except gateway.Refused as refusal:
        _finish(attempt, Outcome.REFUSED, at=at, error_code=refusal.code, message=refusal.message)
        raise PaymentRefused(refusal.message) from refusal
    with transaction.atomic(durable=True):
        Customer.objects.filter(pk=customer.pk, stripe_customer_id__isnull=True).update(
            stripe_customer_id=stripe_id
        )
        _finish(attempt, Outcome.OK, at=at)
    customer.refresh_from_db(fields=["stripe_customer_id"])


def _leave_customer(payment: Payment, *, at: datetime) -> None:
    """Close an unanswered attempt to create a customer for an order that ends: no money depends on it."""
    left = payment.attempts.filter(kind=Kind.CREATE_CUSTOMER, outcome__in=UNRESOLVED)
    left.update(outcome=Outcome.REFUSED, error_code="abandoned", finished_at=at)


def _create_intent(payment: Payment, *, at: datetime, mood: Mood) -> Intent:
    try:
        return _create_once(payment, at=at, mood=mood)
    except _AlreadyThere:
        return gateway.retrieve_intent(payment.stripe_payment_intent_id or "", mood=mood)


def _create_once(payment: Payment, *, at: datetime, mood: Mood) -> Intent:
    attempt = _begin(payment, Kind.CREATE_INTENT, _intent_params(payment), at=at)
    if at - attempt.started_at > KEY_HOLDS_FOR:
        found = _find_at_stripe(payment, since=attempt.started_at)
        if found is not None:
            adopt(payment, found.id)
            _finish(attempt, Outcome.OK, at=at)
            return found
        _finish(attempt, Outcome.REFUSED, at=at, error_code="never_arrived")
        attempt = _begin(payment, Kind.CREATE_INTENT, _intent_params(payment), at=at)
    try:
        intent = gateway.create_intent(attempt.request, key=attempt.idempotency_key, mood=mood)
    except gateway.OutcomeUnknown as error:
        _finish(attempt, Outcome.UNKNOWN, at=at, message=str(error))
        raise
    except gateway.Refused as refusal:
        _finish(attempt, Outcome.REFUSED, at=at, error_code=refusal.code, message=refusal.message)
        raise PaymentRefused(refusal.message, stripe_code=refusal.code) from refusal
    with transaction.atomic(durable=True):
        adopt(payment, intent.id)
        _finish(attempt, Outcome.OK, at=at)
    return intent


def _intent_params(payment: Payment) -> dict[str, Any]:
    """The intent's parameters: plain JSON, because the attempt keeps them for a repeat."""
    order = payment.order
    methods: dict[str, Any] = {"enabled": True}
    if order.origin == Order.Origin.REFILL:
        methods["allow_redirects"] = "never"
    params: dict[str, Any] = {
        "amount": payment.amount,
        "currency": payment.currency.lower(),
        "automatic_payment_methods": methods,
        "description": f"Order {order.reference}",
        "metadata": {"order_id": order.reference},
    }
    if order.customer is not None:
        params["customer"] = order.customer.stripe_customer_id
        if payment.saves_card:
            params["setup_future_usage"] = "off_session"
    return params


def _id_of_unresolved(payment: Payment, *, at: datetime, mood: Mood) -> str:
    """Return the id of an intent whose creation had no definite answer, by finishing that attempt."""
    if not payment.attempts.filter(outcome__in=UNRESOLVED, kind=Kind.CREATE_INTENT).exists():
        return ""
    return _create_intent(payment, at=at, mood=mood).id


def _find_at_stripe(payment: Payment, *, since: datetime) -> Intent | None:
    for intent in gateway.list_intents_since(since - CLOCK_SLACK):
        if intent.order_reference == payment.order.reference:
            return intent
    return None


def _begin(payment: Payment, kind: str, request: dict[str, Any], *, at: datetime) -> PaymentAttempt:
    """Commit an attempt before its call; an unresolved one of the same kind is handed back instead.

    :raises AttemptUnresolved: if an attempt of another kind has no definite answer yet.
    :raises _AlreadyThere: if somebody else has created meanwhile what this attempt would create again.
    :raises OrderEnded: if the order has ended meanwhile, and nothing may be created for it any more.
    """
    last = payment.attempts.order_by("-number").first()
    if last is not None and last.outcome in UNRESOLVED and last.kind == kind:
        return last
    with transaction.atomic(durable=True):
        return _begin_locked(payment, kind, request, at=at)


def _begin_locked(payment: Payment, kind: str, request: dict[str, Any], *, at: datetime) -> PaymentAttempt:
    """Look again under the locks: a double click has finished its attempt since the caller read its rows."""
    order = Order.objects.select_for_update().get(pk=payment.order_id)
    row = Payment.objects.select_for_update().get(pk=payment.pk)
    payment.stripe_payment_intent_id = row.stripe_payment_intent_id
    last = row.attempts.order_by("-number").first()
    if last is not None and last.outcome in UNRESOLVED:
        if last.kind == kind:
            return last
        # A webhook may have brought the intent before the answer that was lost: then the creation is done.
        if last.kind not in CREATIONS or not row.stripe_payment_intent_id:
            raise AttemptUnresolved("Wait a moment, then look at the order again.", retry_after=5)
        _finish(last, Outcome.OK, at=at)
    if kind in CREATIONS:
        _refuse_creation(row, order, kind)
    return _write_attempt(payment, last.number + 1 if last else 1, kind, request, at=at)


def _refuse_creation(payment: Payment, order: Order, kind: str) -> None:
    if payment.stripe_payment_intent_id:
        raise _AlreadyThere
    customers = Customer.objects.filter(pk=order.customer_id, stripe_customer_id__isnull=False)
    if kind == Kind.CREATE_CUSTOMER and customers.exists():
        raise _AlreadyThere
    if order.status != Order.Status.PENDING:
        raise OrderEnded(f"Order {order.reference} is {order.status}.", order=order.reference)


def _write_attempt(
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


def _run(attempt: PaymentAttempt, call: Callable[[], Intent], *, at: datetime) -> Intent:
    """Make an attempt's call and write down its outcome."""
    try:
        intent = call()
    except gateway.OutcomeUnknown as error:
        _finish(attempt, Outcome.UNKNOWN, at=at, message=str(error))
        raise
    except gateway.Refused as refusal:
        _finish(
            attempt,
            Outcome.REFUSED,
            at=at,
            error_code=refusal.code,
            decline_code=refusal.decline_code,
            message=refusal.message,
        )
        raise
    _finish(attempt, Outcome.OK, at=at)
    return intent


def _finish(attempt: PaymentAttempt, outcome: str, *, at: datetime, **details: str) -> None:
    """Write an attempt's outcome; a definite one is never overwritten by an unknown one."""
    details = {key: value[:300] for key, value in details.items()}
    finished_at = None if outcome == Outcome.UNKNOWN else at
    PaymentAttempt.objects.filter(pk=attempt.pk, outcome__in=UNRESOLVED).update(
        outcome=outcome, finished_at=finished_at, **details
    )


def _unavailable(order: Order) -> PaymentUnavailable:
    return PaymentUnavailable(
        "Our payment service does not answer. Your order is kept: try again in a moment.",
        retry_after=5,
        order=order.reference,
    )
