"""Asking for money. Learning that it moved is `settlement`'s business.

Every call is preceded by a committed `PaymentAttempt`. An attempt without a definite answer is sent again
under the same key with the same parameters, and no other attempt starts before it is resolved.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from orders import attempts, customers, lifecycle
from orders import stripe_gateway as gateway
from orders.models import Customer, Order, Payment, PaymentAttempt, SavedCard
from orders.stripe_gateway import Intent, Mood
from shop.exceptions import Unavailable, Unprocessable

CLOCK_SLACK = timedelta(minutes=10)
# The error code of an attempt to create an intent for a customer who was deleted at Stripe.
CUSTOMER_GONE = "customer_gone"
_UNFINISHED = ("requires_payment_method", "requires_confirmation", "requires_action")


class PaymentUnavailable(Unavailable):
    code = "payment_unavailable"
    title = "Our payment service does not answer"


class PaymentRefused(Unprocessable):
    code = "payment_refused"
    title = "The payment was refused"


class CustomerGone(PaymentRefused):
    """The customer was deleted at Stripe. Ours has forgotten the id: the next try opens a new one."""


def start(order: Order, *, saves_card: bool, at: datetime) -> Payment:
    """Write the payment row of a new order, in the transaction that places it.

    Where nothing has to come first, the attempt to create its intent is written along. An order of nothing
    has a row and no attempt: Stripe is not asked.
    """
    payment = Payment.objects.create(
        order=order, currency=order.currency, amount=order.total, saves_card=saves_card, created_at=at
    )
    if not order.is_free and (order.customer is None or order.customer.stripe_customer_id):
        payment.opening = attempts.write(
            payment, 1, attempts.Kind.CREATE_INTENT, _intent_params(payment), at=at
        )
    return payment


def open_intent(order: Order, *, at: datetime, mood: Mood) -> Intent:
    """Return the order's one PaymentIntent, created if it is not there yet. Network: no transaction.

    An intent whose customer was deleted at Stripe cannot be paid any more, nor given to another customer: it
    is cancelled there first, and only then a new one takes its place.
    :raises PaymentUnavailable: if Stripe gives no definite answer; asking again continues where it stopped.
    :raises PaymentRefused: if Stripe will not do it.
    """
    payment = order.payment
    try:
        if payment.stripe_payment_intent_id:
            intent = _retrieve(payment, mood=mood)
            if not _is_orphan(payment, intent):
                return intent
            intent = cancel_intent(order, at=at, mood=mood) or intent
            if intent.status != "canceled":
                return intent
            _let_go(payment, intent, at=at)
        try:
            return _open_new(payment, at=at, mood=mood)
        except CustomerGone:
            return _open_new(payment, at=at, mood=mood)
    except gateway.OutcomeUnknown as error:
        raise _unavailable(order) from error
    except gateway.Refused as refusal:
        raise PaymentRefused(refusal.message, stripe_code=refusal.code) from refusal


def charge_saved_card(order: Order, card: SavedCard, *, at: datetime, holds: Callable[[], bool]) -> Intent:
    """Charge a saved card while its owner is away, and return the intent as it then stands.

    A decline is an answer, not an error: the returned intent carries its code. `holds` says whether the
    caller may still charge; it is asked as the attempt is written. So is whether the card was asked since we
    looked: by whoever took us for dead, or whom we took for dead.
    :raises PaymentUnavailable: if the outcome is unknown; the next call resolves it before it tries again.
    """
    is_new = order.payment.opening is not None
    answered = 0 if is_new else attempts.answered_confirmations(order.payment.attempts.all())
    intent = open_intent(order, at=at, mood=gateway.BACKGROUND)
    if not is_new:
        attempts.resolve(order.payment, intent, at=at)
    if intent.status not in attempts.WAITING_FOR_A_CARD:
        return intent

    def is_still_ours(known: Sequence[PaymentAttempt]) -> bool:
        return attempts.answered_confirmations(known) == answered and holds()

    try:
        return _confirm(order.payment, intent, card, at=at, is_still_ours=is_still_ours)
    except gateway.OutcomeUnknown as error:
        raise _unavailable(order) from error
    except (gateway.Refused, attempts.AlreadyThere):
        return _retrieve(order.payment, mood=gateway.BACKGROUND)


def cancel_intent(order: Order, *, at: datetime, mood: Mood) -> Intent | None:
    """Cancel the order's intent and return it as it then stands; None when there never was one.

    An intent that has succeeded meanwhile is returned as it is: the caller hands it to settlement.
    :raises PaymentUnavailable: if Stripe gives no definite answer.
    """
    payment = Payment.objects.select_related("order__customer").get(order=order)
    try:
        intent_id = payment.stripe_payment_intent_id or _id_of_unresolved(payment, at=at, mood=mood)
        if not intent_id:
            attempts.leave_customer(payment, at=at)
            return None
        if payment.intent_status == "canceled":
            return _retrieve(payment, mood=mood)
        attempt = attempts.begin(payment, attempts.Kind.CANCEL, {}, at=at)
        return attempts.run(
            attempt,
            lambda: gateway.cancel_intent(intent_id, key=attempt.idempotency_key, mood=mood),
            at=at,
        )
    except gateway.OutcomeUnknown as error:
        raise _unavailable(order) from error
    except (gateway.Refused, attempts.AlreadyThere):
        return _retrieve(payment, mood=mood)


def read_intent(payment: Payment, *, mood: Mood, at: datetime) -> Intent | None:
    """Ask Stripe how the payment stands, resolving an attempt of unknown outcome on the way.

    Returns None when no intent was ever created. :raises PaymentUnavailable: if Stripe does not answer.
    """
    try:
        if not payment.stripe_payment_intent_id and not _id_of_unresolved(payment, at=at, mood=mood):
            return None
        return _retrieve(payment, mood=mood)
    except gateway.OutcomeUnknown as error:
        raise _unavailable(payment.order) from error


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


def _confirm(
    payment: Payment, intent: Intent, card: SavedCard, *, at: datetime, is_still_ours: attempts.Question
) -> Intent:
    params = {"payment_method": card.stripe_payment_method_id, "off_session": True}
    attempt = attempts.begin(payment, attempts.Kind.CONFIRM, params, at=at, may_begin=is_still_ours)
    if at - attempt.started_at > attempts.KEY_HOLDS_FOR:
        attempts.finish(attempt, attempts.Outcome.REFUSED, at=at, error_code=attempts.NEVER_ARRIVED)
        attempt = attempts.begin(payment, attempts.Kind.CONFIRM, params, at=at, may_begin=is_still_ours)
    key = attempt.idempotency_key
    return attempts.run(
        attempt,
        lambda: gateway.confirm_intent(intent.id, attempt.request, key=key, mood=gateway.BACKGROUND),
        at=at,
    )


def _retrieve(payment: Payment, *, mood: Mood) -> Intent:
    """Read the payment's intent whole; an answer to a refused call may lack its card.

    :raises PaymentUnavailable: if Stripe does not answer. :raises PaymentRefused: if it knows no such intent.
    """
    try:
        return gateway.retrieve_intent(payment.stripe_payment_intent_id or "", mood=mood)
    except gateway.OutcomeUnknown as error:
        raise _unavailable(payment.order) from error
    except gateway.Refused as refusal:
        raise PaymentRefused(refusal.message, stripe_code=refusal.code) from refusal


def _is_orphan(payment: Payment, intent: Intent) -> bool:
    """Return whether an unfinished intent is for a customer whom we know to be deleted at Stripe."""
    customer = payment.order.customer
    if customer is None or intent.status not in (*_UNFINISHED, "canceled"):
        return False
    if intent.customer_id not in customer.former_stripe_ids:
        return False
    # Another call of unknown outcome is finished first: Stripe will refuse it, and then comes our turn.
    return (
        not payment.attempts.filter(outcome__in=attempts.UNRESOLVED)
        .exclude(kind=attempts.Kind.CANCEL)
        .exists()
    )


def _let_go(payment: Payment, intent: Intent, *, at: datetime) -> None:
    """Make room for a new intent: this one is cancelled at Stripe and can move nothing."""
    attempts.resolve(payment, intent, at=at)
    with transaction.atomic(durable=True):
        attempts.lock(payment)
        mine = Payment.objects.filter(pk=payment.pk, stripe_payment_intent_id=intent.id)
        if mine.update(stripe_payment_intent_id=None, intent_status=""):
            said = "The customer was deleted at Stripe: the payment was cancelled there and opened anew."
            lifecycle.note(payment.order, "payment_reopened", said, at=at, intent=intent.id)
    payment.refresh_from_db(fields=["stripe_payment_intent_id"])


def _open_new(payment: Payment, *, at: datetime, mood: Mood) -> Intent:
    customer = payment.order.customer
    if customer is not None and not customer.stripe_customer_id:
        # An attempt that was written for a customer who is gone by now has to be refused before.
        written = payment.attempts.filter(outcome__in=attempts.UNRESOLVED, kind=attempts.Kind.CREATE_INTENT)
        if not written.exists():
            _open_customer(payment, customer, at=at, mood=mood)
    return _create_intent(payment, at=at, mood=mood)


def _open_customer(payment: Payment, customer: Customer, *, at: datetime, mood: Mood) -> None:
    request = {"email": customer.email, "name": customer.name, "reference": payment.order.reference}
    try:
        attempt = attempts.begin(payment, attempts.Kind.CREATE_CUSTOMER, request, at=at)
    except attempts.AlreadyThere:
        customer.refresh_from_db(fields=["stripe_customer_id"])
        return
    try:
        stripe_id = gateway.create_customer(**attempt.request, key=attempt.idempotency_key, mood=mood)
    except gateway.OutcomeUnknown as error:
        attempts.finish(attempt, attempts.Outcome.UNKNOWN, at=at, message=str(error))
        raise
    except gateway.Refused as refusal:
        attempts.finish(
            attempt, attempts.Outcome.REFUSED, at=at, error_code=refusal.code, message=refusal.message
        )
        raise PaymentRefused(refusal.message) from refusal
    with transaction.atomic(durable=True):
        Customer.objects.filter(pk=customer.pk, stripe_customer_id__isnull=True).update(
            stripe_customer_id=stripe_id
        )
        attempts.finish(attempt, attempts.Outcome.OK, at=at)
    customer.refresh_from_db(fields=["stripe_customer_id"])


def _create_intent(payment: Payment, *, at: datetime, mood: Mood) -> Intent:
    try:
        return _create_once(payment, at=at, mood=mood)
    except attempts.AlreadyThere:
        return _retrieve(payment, mood=mood)


def _create_once(payment: Payment, *, at: datetime, mood: Mood) -> Intent:
    attempt, payment.opening = payment.opening, None
    if attempt is None:
        attempt = attempts.begin(payment, attempts.Kind.CREATE_INTENT, _intent_params(payment), at=at)
    if at - attempt.started_at > attempts.KEY_HOLDS_FOR:
        found = _find_at_stripe(payment, since=attempt.started_at)
        if found is not None:
            adopt(payment, found.id)
            attempts.finish(attempt, attempts.Outcome.OK, at=at)
            words = "The payment that Stripe did not confirm is there after all."
            lifecycle.note(payment.order, "payment_opened", words, at=at, intent=found.id)
            return found
        attempts.finish(attempt, attempts.Outcome.REFUSED, at=at, error_code=attempts.NEVER_ARRIVED)
        attempt = attempts.begin(payment, attempts.Kind.CREATE_INTENT, _intent_params(payment), at=at)
    try:
        intent = gateway.create_intent(attempt.request, key=attempt.idempotency_key, mood=mood)
    except gateway.OutcomeUnknown as error:
        attempts.finish(attempt, attempts.Outcome.UNKNOWN, at=at, message=str(error))
        raise
    except gateway.Refused as refusal:
        gone = refusal.is_missing and refusal.param == "customer"
        code = CUSTOMER_GONE if gone else refusal.code
        attempts.finish(attempt, attempts.Outcome.REFUSED, at=at, error_code=code, message=refusal.message)
        if gone:
            _forget_customer(payment, attempt)
            raise CustomerGone(refusal.message) from refusal
        raise PaymentRefused(refusal.message, stripe_code=refusal.code) from refusal
    with transaction.atomic(durable=True):
        adopt(payment, intent.id)
        attempts.finish(attempt, attempts.Outcome.OK, at=at)
    return intent


def _forget_customer(payment: Payment, attempt: PaymentAttempt) -> None:
    customers.forget(attempt.request["customer"])
    if payment.order.customer is not None:
        payment.order.customer.refresh_from_db(fields=["stripe_customer_id", "former_stripe_ids"])


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
    if not payment.attempts.filter(
        outcome__in=attempts.UNRESOLVED, kind=attempts.Kind.CREATE_INTENT
    ).exists():
        return ""
    return _create_intent(payment, at=at, mood=mood).id


def _find_at_stripe(payment: Payment, *, since: datetime) -> Intent | None:
    for intent in gateway.list_intents_since(since - CLOCK_SLACK):
        # One that was given up for the customer's sake names the order too.
        if intent.order_reference == payment.order.reference and intent.status != "canceled":
            return intent
    return None


def _unavailable(order: Order) -> PaymentUnavailable:
    return PaymentUnavailable(
        "Our payment service does not answer. Your order is kept: try again in a moment.",
        retry_after=5,
        order=order.reference,
    )
