"""Stripe's lists beside our payments. What looks different is read once more on both sides before it counts:
a customer may have paid between the two looks.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from orders import reconciler, stripe_gateway, stripe_lists
from orders.books.findings import GRACE, Finding, Kind, Scope, Severity
from orders.models import Order, Payment
from orders.stripe_gateway import Intent
from orders.stripe_lists import Charge

Item = TypeVar("Item")

PAGE = 100
# Stripe's clock and ours, and the time between a charge and our hearing of it.
OVERLAP = timedelta(hours=1)
HOLDS_MONEY = frozenset({"succeeded", "processing", "requires_capture"})


def pages(found: Iterable[Item], count: Counter[str], name: str) -> Iterator[list[Item]]:
    """Yield lists of up to a page, counting what was read."""
    stream = iter(found)
    while page := list(islice(stream, PAGE)):
        count[name] += len(page)
        yield page


def early(scope: Scope) -> datetime | None:
    """Return where Stripe's lists start: a little before the scope does."""
    return None if scope.since is None else scope.since - OVERLAP


def intents(scope: Scope, count: Counter[str]) -> Iterator[Finding]:
    """Compare every PaymentIntent: one an order, of its amount and currency, naming it."""
    for page in pages(stripe_gateway.list_intents_since(early(scope)), count, "intents"):
        known = by_intent(intent.id for intent in page)
        named = by_reference(intent.order_reference for intent in page)
        for intent in page:
            payment = known.get(intent.id)
            if payment is not None:
                if any(of_payment(payment, intent, with_money=False)):
                    yield from look_again(payment, with_money=False)
                continue
            yield from _not_ours(intent, named.get(intent.order_reference), scope)


def charges(scope: Scope, count: Counter[str]) -> Iterator[Finding]:
    """Compare every charge that took money with its payment, both ways."""
    seen: set[str] = set()
    for page in pages(stripe_lists.charges_since(early(scope)), count, "charges"):
        taken = [charge for charge in page if charge.status == "succeeded" and charge.amount_captured]
        seen.update(charge.payment_intent_id for charge in taken)
        known = by_intent(charge.payment_intent_id for charge in taken)
        named = by_reference(charge.order_reference for charge in taken)
        for charge in taken:
            payment = known.get(charge.payment_intent_id)
            if payment is None:
                yield from _stray(charge, named.get(charge.order_reference), scope)
            elif _differs(charge, payment) and scope.at - charge.created_at > GRACE:
                yield from look_again(payment)
    yield from _paid_but_not_listed(scope, seen)


def open_payments(scope: Scope, count: Counter[str]) -> Iterator[Finding]:
    """Compare what is open, however old: intents that may still be paid."""
    for payment in reconciler.open_payments(at=scope.at - GRACE):
        if payment.stripe_payment_intent_id and not scope.covers(payment.created_at):
            count["open payments"] += 1
            yield from look_again(payment)


def of_payment(payment: Payment, intent: Intent, *, with_money: bool = True) -> Iterator[Finding]:
    """Yield what an intent and its payment say differently."""

    def differ(kind: Kind, words: str, here: int | None = None, there: int | None = None) -> Finding:
        return Finding(kind, intent.id, words, payment.order_id, payment.currency, here, there)

    order = payment.order
    if intent.currency != payment.currency:
        yield differ(Kind.CURRENCY, f"The intent is in {intent.currency}, the payment in {payment.currency}.")
    elif intent.amount != payment.amount:
        yield differ(Kind.AMOUNT, "The intent asks for another amount.", payment.amount, intent.amount)
    if intent.order_reference != order.reference:
        name = intent.order_reference or "no order"
        yield differ(Kind.NAMES_ANOTHER_ORDER, f"The intent of order {order.reference} names {name}.")
    if intent.livemode == order.is_test:
        words = "live" if intent.livemode else "test"
        yield differ(Kind.MODE, f"The intent was made in {words} mode, the order in the other one.")
    if intent.status == "canceled" and order.status == Order.Status.PENDING:
        yield differ(Kind.CANCELLED_AT_STRIPE_ONLY, "Cancelled at Stripe; the order still waits to be paid.")
    if with_money:
        yield from _of_money(payment, intent)


def look_again(payment: Payment, *, with_money: bool = True) -> Iterator[Finding]:
    """Read the intent, then the row, afresh and yield what still differs."""
    intent_id = payment.stripe_payment_intent_id or ""
    try:
        intent = stripe_gateway.retrieve_intent(intent_id, mood=stripe_gateway.BACKGROUND)
    except stripe_gateway.Refused as refusal:
        yield Finding(
            Kind.NOT_AT_STRIPE,
            intent_id,
            f"Stripe does not know the intent of this payment: {refusal.code}.",
            payment.order_id,
            payment.currency,
            payment.amount_received,
        )
        return
    refunds = stripe_gateway.list_refunds(intent_id) if with_money else []
    payment = Payment.objects.select_related("order").get(pk=payment.pk)
    yield from of_payment(payment, intent, with_money=with_money)
    back = sum(refund.amount for refund in refunds if refund.status in {"pending", "succeeded"})
    if with_money and back != payment.amount_refunded:
        words = "What went back by Stripe's refunds is not what the payment says went back."
        yield Finding(
            Kind.REFUNDED_SUM,
            intent_id,
            words,
            payment.order_id,
            payment.currency,
            payment.amount_refunded,
            back,
        )


def by_intent(intent_ids: Iterable[str]) -> dict[str | None, Payment]:
    """Return our payments by their intents' ids."""
    rows = Payment.objects.select_related("order").filter(
        stripe_payment_intent_id__in={intent_id for intent_id in intent_ids if intent_id}
    )
    return {payment.stripe_payment_intent_id: payment for payment in rows}


def by_reference(references: Iterable[str]) -> dict[str, Payment]:
    """Return our payments by their orders' references."""
    rows = Payment.objects.select_related("order").filter(
        order__reference__in={reference for reference in references if reference}
    )
    return {payment.order.reference: payment for payment in rows}


def _of_money(payment: Payment, intent: Intent) -> Iterator[Finding]:
    def differ(kind: Kind, words: str) -> Finding:
        here, there = payment.amount_received, intent.amount_received
        return Finding(kind, intent.id, words, payment.order_id, payment.currency, here, there)

    is_paid_here, is_paid_there = payment.succeeded_at is not None, intent.status == "succeeded"
    if is_paid_there and not is_paid_here:
        yield differ(Kind.PAID_AT_STRIPE_ONLY, "Stripe has the money; the payment here is not settled.")
    elif is_paid_here and not is_paid_there:
        yield differ(Kind.PAID_HERE_ONLY, f"Settled here; at Stripe the intent is {intent.status}.")
    elif is_paid_here and intent.amount_received != payment.amount_received:
        yield differ(Kind.RECEIVED, "Stripe received another amount than the payment says.")


def _differs(charge: Charge, payment: Payment) -> bool:
    return (
        payment.succeeded_at is None
        or charge.currency != payment.currency
        or charge.amount_captured != payment.amount_received
        or charge.amount_refunded != payment.amount_refunded
    )


def _not_ours(intent: Intent, named: Payment | None, scope: Scope) -> Iterator[Finding]:
    """An intent that is no payment's: a second one of an order, or of an order that is not here."""
    money = intent.status in HOLDS_MONEY
    amounts: dict[str, Any] = {"currency": intent.currency, "there": intent.amount_received or intent.amount}
    if named is not None and named.stripe_payment_intent_id is None:
        if scope.at - intent.created_at > GRACE:
            words = f"The intent of order {named.order.reference} was never noted on its payment."
            yield Finding(Kind.INTENT_NOT_KNOWN_HERE, intent.id, words, named.order_id, **amounts)
    elif named is not None:
        first, reference = named.stripe_payment_intent_id, named.order.reference
        words = f"A second intent ({intent.status}) names order {reference}, which has {first}."
        severity = Severity.CRITICAL if money else Severity.WARNING
        severity = Severity.NOTICE if intent.status == "canceled" else severity
        yield Finding(Kind.SECOND_INTENT, intent.id, words, named.order_id, severity=severity, **amounts)
    elif intent.order_reference and intent.status != "canceled":
        words = f"An intent ({intent.status}) names order {intent.order_reference}, which is not here."
        severity = Severity.CRITICAL if money else Severity.NOTICE
        yield Finding(Kind.UNKNOWN_ORDER, intent.id, words, severity=severity, **amounts)


def _stray(charge: Charge, named: Payment | None, scope: Scope) -> Iterator[Finding]:
    """Money under an intent that is no payment's, or under none."""
    subject = charge.payment_intent_id or charge.id
    amounts: dict[str, Any] = {"currency": charge.currency, "there": charge.amount_captured}
    if named is not None and named.stripe_payment_intent_id is None and charge.payment_intent_id:
        if scope.at - charge.created_at > GRACE:
            words = f"Order {named.order.reference} was paid under an intent that its payment does not know."
            yield Finding(Kind.PAID_AT_STRIPE_ONLY, subject, words, named.order_id, here=0, **amounts)
    elif named is not None:
        words = f"Order {named.order.reference} was charged under a second payment ({charge.id})."
        yield Finding(Kind.SECOND_INTENT, subject, words, named.order_id, **amounts)
    elif charge.order_reference:
        words = f"Money was taken for order {charge.order_reference}, which is not here."
        yield Finding(Kind.UNKNOWN_ORDER, subject, words, **amounts)
    else:
        yield Finding(Kind.FOREIGN_MONEY, subject, "Money was taken that names no order.", **amounts)


def _paid_but_not_listed(scope: Scope, seen: set[str]) -> Iterator[Finding]:
    """Payments that succeeded here and whose charge Stripe did not list."""
    paid = Payment.objects.select_related("order").filter(succeeded_at__isnull=False, amount__gt=0)
    if scope.since is not None:
        paid = paid.filter(succeeded_at__gte=scope.since)
    for payment in paid.iterator(chunk_size=1000):
        if payment.stripe_payment_intent_id is None:
            words = "Settled here without an intent at Stripe."
            order = payment.order
            received = payment.amount_received
            yield Finding(Kind.NOT_AT_STRIPE, order.reference, words, order.pk, payment.currency, received)
        elif payment.stripe_payment_intent_id not in seen:
            yield from look_again(payment)
