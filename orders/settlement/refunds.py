"""Money that goes back: refunds of ours, and those made in Stripe's dashboard."""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from orders import attempts, emails, invoices, lifecycle, stripe_gateway
from orders.models import Order, Payment, StripeRefund
from orders.settlement import intents
from orders.stripe_gateway import Refund
from shop.mail import outbox
from shop.money import format_money

logger = logging.getLogger(__name__)

# Stripe refuses these because the money went back another way, such as its dashboard: told, nothing stops.
ALREADY_BACK = frozenset({"amount_too_large", "charge_already_refunded"})


def observe_refund(found: Refund, *, at: datetime) -> Order | None:
    """Apply what a freshly read refund says: ours, or one made in Stripe's dashboard."""
    payment = (
        Payment.objects.select_related("order")
        .filter(stripe_payment_intent_id=found.payment_intent_id)
        .first()
    )
    if payment is None:
        logger.warning("refund %s belongs to no payment of ours", found.id)
        return None
    if payment.succeeded_at is None:
        # News of a refund may overtake the news of the payment.
        intents.observe_by_id(found.payment_intent_id, mood=stripe_gateway.BACKGROUND, at=at)
    with transaction.atomic(durable=True):
        payment = attempts.lock(payment)
        order = payment.order
        refund = _refund_row(payment, found, at=at)
        before = refund.status
        refund.stripe_refund_id = found.id
        if not (before == StripeRefund.Status.SUCCEEDED and found.status == "pending"):
            refund.status = _refund_status(found)
        refund.failure_reason = found.failure_reason
        if refund.status == StripeRefund.Status.SUCCEEDED and refund.settled_at is None:
            refund.settled_at = at
        refund.save(update_fields=["stripe_refund_id", "status", "failure_reason", "settled_at"])
        if refund.status != before:
            _refund_changed(order, payment, refund, at=at)
    return order


def refund_refused(refund_id: int, code: str, *, at: datetime) -> None:
    """Stripe will not make a refund that was written down: say so to staff, who promised it."""
    with transaction.atomic(durable=True):
        payment_id = StripeRefund.objects.values_list("payment_id", flat=True).get(pk=refund_id)
        order = Order.objects.select_for_update().get(payment=payment_id)
        refund = StripeRefund.objects.select_for_update().get(pk=refund_id)
        if refund.status != StripeRefund.Status.REQUESTED:
            return
        refund.status = StripeRefund.Status.FAILED
        refund.failure_reason = code[:64]
        refund.save(update_fields=["status", "failure_reason"])
        amount = format_money(refund.amount, refund.currency)
        lifecycle.note(order, "refund_refused", f"Stripe refused the refund of {amount}: {code}.", at=at)
        if code not in ALREADY_BACK:
            lifecycle.flag_for_review(order, f"refund of {amount} refused: {code}", at=at)
        reason = f"Stripe refused a refund of {amount}: {code}"
        outbox.alert_staff(emails.staff_review(order, reason), at=at)


def _refund_row(payment: Payment, found: Refund, *, at: datetime) -> StripeRefund:
    """Return our row of a refund; one that was made at Stripe gets a row here."""
    rows = StripeRefund.objects.select_for_update().filter(payment=payment)
    row = rows.filter(stripe_refund_id=found.id).first()
    if row is None and found.our_refund_id.isascii() and found.our_refund_id.isdigit():
        row = rows.filter(pk=int(found.our_refund_id), stripe_refund_id__isnull=True).first()
    if row is None:
        row = StripeRefund.objects.create(
            payment=payment,
            stripe_refund_id=found.id,
            amount=found.amount,
            currency=found.currency,
            reason="Made at Stripe.",
            requested_at=at,
        )
    return row


def _refund_status(found: Refund) -> str:
    known = {status.value for status in StripeRefund.Status}
    return found.status if found.status in known else StripeRefund.Status.PENDING


def _refund_changed(order: Order, payment: Payment, refund: StripeRefund, *, at: datetime) -> None:
    moved = payment.refunds.filter(status__in=[StripeRefund.Status.PENDING, StripeRefund.Status.SUCCEEDED])
    payment.amount_refunded = moved.aggregate(sum=Sum("amount"))["sum"] or 0
    payment.save(update_fields=["amount_refunded"])
    if order.is_paid:
        lifecycle.mark_refunded(order, refunded=payment.amount_refunded, received=payment.amount_received)
    amount = format_money(refund.amount, refund.currency)
    lifecycle.note(order, "refund", f"Refund of {amount}: {refund.status}.", at=at, refund=refund.pk)
    if refund.status == StripeRefund.Status.SUCCEEDED:
        refund.payment = payment
        payment.order = order
        invoices.issue_credit_note(refund, at=at)
        outbox.enqueue(emails.refund_sent(order, refund), to=order.email, at=at)
    elif refund.status == StripeRefund.Status.FAILED:
        undone = invoices.cancel_credit_note(refund, at=at)
        said = f"; {undone.code} cancels its credit note" if undone is not None else ""
        outbox.alert_staff(emails.staff_review(order, f"a refund of {amount} failed{said}"), at=at)
