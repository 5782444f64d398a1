"""What a PaymentIntent says: paid, on its way, declined or cancelled; and orders that need none."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from catalog import inventory
from orders import (
    attempts,
    card_testing,
    emails,
    invoices,
    lifecycle,
    payments,
    placement,
    refunds,
    stripe_gateway,
)
from orders.models import Order, Payment, Refill
from orders.stripe_gateway import Intent, Mood
from orders.subscriptions import billing, dunning, enrollment
from shop.mail import outbox
from shop.money import format_money

logger = logging.getLogger(__name__)

# While a bank makes up its mind the stock waits this long at a time.
PROCESSING_HOLD = timedelta(days=7)
# Most people try another card at once: a mail about the first one is only for those who have gone.
REMIND_AFTER = timedelta(minutes=3)


def observe_by_id(intent_id: str, *, mood: Mood, at: datetime) -> Order | None:
    """Read an intent at Stripe and apply what it says.

    :raises stripe_gateway.OutcomeUnknown: if Stripe does not answer; the caller's row is swept again.
    """
    return observe(stripe_gateway.retrieve_intent(intent_id, mood=mood), at=at)


def observe(intent: Intent, *, at: datetime) -> Order | None:
    """Apply what a freshly read intent says and return its order, or None if it is none of ours."""
    payment = _find(intent)
    if payment is None:
        logger.warning("intent %s belongs to no order of ours", intent.id)
        return None
    if intent.status == "canceled" and payment.stripe_payment_intent_id != intent.id:
        # An intent that was given up for another one (see payments.open_intent): it can move nothing.
        return payment.order
    if payment.succeeded_at is not None and not _mismatch(intent, payment.order, payment):
        # Success is for good: several events bring the same news, and nobody is locked for them.
        return payment.order
    with transaction.atomic(durable=True):
        # Refill rows are locked before the order: see the locking order in the README.
        refill = billing.lock_for(payment.order)
        payment = attempts.lock(payment)
        order = payment.order
        if refill is not None:
            refill.order = order
        mismatch = _mismatch(intent, order, payment)
        if mismatch:
            if payment.stripe_payment_intent_id == intent.id and payment.succeeded_at is None:
                # What arrived is a fact, even if it is not what was agreed: a refund has to find it.
                payments.record(payment, intent, at=at)
            _stop(order, mismatch, at=at)
            return order
        first_success = intent.status == "succeeded" and payment.succeeded_at is None
        if payment.succeeded_at is not None:
            return order
        before = payment.intent_status
        payments.record(payment, intent, at=at)
        attempts.resolve(payment, intent, at=at)
        if first_success:
            _succeeded(order, payment, intent, refill, at=at)
        elif intent.status == "processing":
            _processing(order, at=at)
        elif intent.status == "canceled":
            _cancelled(order, at=at)
        elif intent.status == "requires_payment_method" and (intent.error_code or intent.decline_code):
            _declined(order, intent, refill, at=at)
        if intent.status != before:
            _tell(order, intent, at=at)
    return order


def settle_free(order: Order, *, at: datetime) -> Order:
    """Settle an order that comes to nothing: no money moves, and the rest follows as if it had.

    Safe to repeat. If its goods are gone by then, it is cancelled.
    """
    with transaction.atomic(durable=True):
        refill = billing.lock_for(order)
        payment = attempts.lock(order.payment)
        order = payment.order
        if refill is not None:
            refill.order = order
        if not order.is_free or order.status != Order.Status.PENDING or payment.succeeded_at is not None:
            return order
        if not _secure_stock(order, at=at):
            lifecycle.end(order, Order.Status.CANCELLED, at=at, reason="The goods were gone.")
            return order
        payment.succeeded_at = at
        payment.save(update_fields=["succeeded_at"])
        lifecycle.mark_paid(order, at=at)
        lifecycle.note(order, "free", "Nothing to pay: discounts cover all of it.", at=at)
        lifecycle.confirm(order, at=at)
        _invoice(order, at=at)
        if refill is not None:
            billing.apply_paid(refill, at=at)
        else:
            outbox.enqueue(emails.order_confirmation(order), to=order.email, at=at)
    return order


def waiting_free_orders(*, limit: int = 100) -> list[Order]:
    """Return orders that come to nothing and were not settled by the request that wrote them, refills too."""
    waiting = Order.objects.filter(status=Order.Status.PENDING, total=0).filter(
        Q(origin=Order.Origin.CHECKOUT) | Q(refill__status=Refill.Status.CHARGING)
    )
    return list(waiting.order_by("pk")[:limit])


def _find(intent: Intent) -> Payment | None:
    """Find our payment by the intent's id, or by the order in its metadata: a webhook may be faster than
    the answer that carries the id."""
    rows = Payment.objects.select_related("order")
    payment = rows.filter(stripe_payment_intent_id=intent.id).first()
    if payment is None and intent.order_reference:
        payment = rows.filter(order__reference=intent.order_reference).first()
    return payment


def _mismatch(intent: Intent, order: Order, payment: Payment) -> str:
    if not payments.adopt(payment, intent.id):
        return f"a second PaymentIntent {intent.id} names this order"
    if intent.amount != payment.amount or intent.currency != payment.currency:
        said = format_money(intent.amount, intent.currency)
        return f"Stripe says {said}, the order {format_money(payment.amount, payment.currency)}"
    if intent.order_reference != order.reference:
        return f"the intent names order {intent.order_reference or '(none)'}"
    if intent.livemode != stripe_gateway.is_live():
        return "live and test mode are mixed"
    if intent.status == "succeeded" and intent.amount_received != payment.amount:
        return f"received {format_money(intent.amount_received, intent.currency)} only"
    return ""


def _stop(order: Order, reason: str, *, at: datetime) -> None:
    if order.review_reason:
        return
    lifecycle.flag_for_review(order, reason, at=at)
    outbox.alert_staff(emails.staff_review(order, reason), at=at)


def _succeeded(
    order: Order, payment: Payment, intent: Intent, refill: Refill | None, *, at: datetime
) -> None:
    lifecycle.mark_paid(order, at=at)
    amount = format_money(payment.amount_received, payment.currency)
    lifecycle.note(order, "paid", f"{amount} received.", at=at, intent=intent.id, charge=intent.charge_id)
    if not _secure_stock(order, at=at):
        _paid_too_late(order, at=at)
        return
    if order.status != Order.Status.PLACED:
        lifecycle.confirm(order, at=at)
    _invoice(order, at=at)
    if refill is not None:
        billing.apply_paid(refill, at=at)
        return
    if payment.saves_card:
        _begin_refills(order, intent, at=at)
    outbox.enqueue(emails.order_confirmation(order), to=order.email, at=at)


def _invoice(order: Order, *, at: datetime) -> None:
    """Issue the invoice of an order that stands. Money counts even where nobody is named as the seller."""
    try:
        invoices.issue_invoice(order, at=at)
    except invoices.NoSeller as refusal:
        lifecycle.note(order, "no_invoice", refusal.detail, at=at)
        outbox.alert_staff(emails.staff_review(order, refusal.detail), at=at)


def _begin_refills(order: Order, intent: Intent, *, at: datetime) -> None:
    if intent.card is not None:
        enrollment.enroll(order, intent.card, at=at)
        return
    reason = "paid without a card that can be charged again: its refills have not begun"
    lifecycle.note(order, "refills_not_begun", f"The order was {reason}.", at=at)
    outbox.alert_staff(emails.staff_review(order, reason), at=at)


def _secure_stock(order: Order, *, at: datetime) -> bool:
    """Turn the hold into an allocation; if the hold is gone, take the goods again if they are there."""
    if inventory.allocate(order.stock_reference, at=at):
        return True
    try:
        inventory.reserve(
            reference=order.stock_reference,
            quantities=placement.demand_of(order),
            until=at + settings.HOLD_FOR,
            at=at,
        )
    except inventory.OutOfStock:
        return False
    return inventory.allocate(order.stock_reference, at=at)


def _paid_too_late(order: Order, *, at: datetime) -> None:
    """Money without goods goes back in full, at once, and everybody is told."""
    inventory.release(order.stock_reference, at=at)
    refunds.request_refund(order, reason="Paid after the goods were gone.", actor=None, at=at)
    if lifecycle.can_end(order, Order.Status.CANCELLED):
        lifecycle.end(order, Order.Status.CANCELLED, at=at, reason="Paid after the goods were gone.")
    outbox.enqueue(emails.paid_too_late(order), to=order.email, at=at)
    outbox.alert_staff(emails.staff_review(order, "paid late, refunded in full"), at=at)


def _tell(order: Order, intent: Intent, *, at: datetime) -> None:
    """Write on the timeline that the payment waits for somebody, or was cancelled at Stripe."""
    words = {
        "requires_action": "The bank asks the customer to confirm the payment.",
        "processing": "The bank is processing the payment.",
        "canceled": "The payment was cancelled at Stripe.",
    }.get(intent.status)
    if words:
        lifecycle.note(order, f"payment_{intent.status}", words, at=at, intent=intent.id)


def _processing(order: Order, *, at: datetime) -> None:
    if order.status != Order.Status.PENDING:
        return
    until = at + PROCESSING_HOLD
    inventory.renew_hold(order.stock_reference, until=until)
    lifecycle.mark_processing(order, hold_until=until)


def _cancelled(order: Order, *, at: datetime) -> None:
    """The intent was cancelled, by us or in Stripe's dashboard: this order can no longer be paid.

    A refill's order is ended by the refill engine, which decides what becomes of its cycles.
    """
    lifecycle.mark_unpaid(order)
    if order.origin == Order.Origin.CHECKOUT and order.status == Order.Status.PENDING:
        reason = "Its payment was cancelled."
        lifecycle.end(order, Order.Status.CANCELLED, at=at, reason=reason)
        inventory.release(order.stock_reference, at=at)


def _declined(order: Order, intent: Intent, refill: Refill | None, *, at: datetime) -> None:
    lifecycle.mark_unpaid(order)
    code = intent.decline_code or intent.error_code
    told = order.events.filter(kind="declined", data__charge=intent.charge_id).exists()
    if told:
        return
    lifecycle.note(order, "declined", f"Card declined: {code}.", at=at, code=code, charge=intent.charge_id)
    card_testing.note_decline(order, at=at)
    if refill is not None:
        dunning.apply_declined(refill, code=intent.error_code, decline_code=intent.decline_code, at=at)
    elif order.status == Order.Status.PENDING:
        letter = emails.payment_failed(order)
        outbox.enqueue(letter, to=order.email, at=at, not_before=at + REMIND_AFTER)
