"""What follows when a bank asks for money back, or a card network warns of fraud. Called by `settlement`,
under its locks, with what was read at Stripe just now.
"""

from datetime import datetime

from django.db.models import Sum

from orders import lifecycle
from orders.emails import staff_mails as letters
from orders.models import Dispute, FraudWarning, Order, Payment
from orders.stripe_reads import Dispute as DisputeAtStripe
from orders.stripe_reads import FraudWarning as WarningAtStripe
from shop.mail import outbox
from shop.money import format_money

Status = Dispute.Status
_SHIPPED = (Order.FulfilmentStatus.FULFILLED, Order.FulfilmentStatus.RETURNED)


def record(payment: Payment, found: DisputeAtStripe, *, at: datetime) -> tuple[Dispute, str]:
    """Write a dispute down as it stands and return it, and the status it had before: empty when it is new.

    A decision stands: a read that was made before it and arrives after it changes nothing.
    """
    rows = Dispute.objects.select_for_update()
    dispute = rows.filter(stripe_dispute_id=found.id).first()
    before = dispute.status if dispute is not None else ""
    if dispute is None:
        dispute = Dispute(stripe_dispute_id=found.id, payment=payment, opened_at=found.opened_at)
    elif before in Dispute.FINAL and found.status not in Dispute.FINAL:
        return dispute, before
    dispute.amount = found.amount
    dispute.currency = found.currency
    dispute.reason = found.reason[:64]
    dispute.status = found.status[:32]
    dispute.evidence_due_at = found.evidence_due_at
    dispute.closed_at = None if dispute.is_open else dispute.closed_at or at
    dispute.save()
    return dispute, before


def follow(order: Order, payment: Payment, dispute: Dispute, *, at: datetime) -> None:
    """Draw the consequences of a dispute's new status for its locked order and payment."""
    still_open = payment.disputes.exclude(status__in=Dispute.CLOSED).exists()
    lifecycle.mark_disputed(order, is_disputed=still_open)
    lost = payment.disputes.filter(status=Status.LOST).aggregate(sum=Sum("amount"))["sum"] or 0
    if lost != payment.amount_lost:
        payment.amount_lost = lost
        payment.save(update_fields=["amount_lost"])
    amount = format_money(dispute.amount, dispute.currency)
    said = f"Dispute of {amount} ({_words(dispute.reason)}): {_words(dispute.status)}."
    lifecycle.note(order, "dispute", said, at=at, dispute=dispute.stripe_dispute_id, status=dispute.status)
    if dispute.status == Status.LOST and order.fulfilment_status not in _SHIPPED:
        lifecycle.hold_parcel(order, f"{amount} was lost to a dispute", at=at)
    outbox.alert_staff(letters.dispute_changed(order, dispute), at=at)


def record_warning(payment: Payment, found: WarningAtStripe) -> tuple[FraudWarning, bool]:
    """Write an early fraud warning down as it stands and return it, and whether it is new."""
    return FraudWarning.objects.update_or_create(
        stripe_warning_id=found.id,
        defaults={"is_actionable": found.is_actionable},
        create_defaults={
            "payment": payment,
            "fraud_type": found.fraud_type[:64],
            "is_actionable": found.is_actionable,
            "raised_at": found.raised_at,
        },
    )


def follow_warning(order: Order, warning: FraudWarning, *, at: datetime) -> None:
    """Hold the parcel of a locked order whose card network warns of fraud, and tell staff."""
    said = f"Early fraud warning: {_words(warning.fraud_type)}"
    lifecycle.note(order, "fraud_warning", f"{said}.", at=at, warning=warning.stripe_warning_id)
    if order.fulfilment_status not in _SHIPPED:
        lifecycle.hold_parcel(order, said, at=at)
    outbox.alert_staff(letters.fraud_warning(order, warning), at=at)


def _words(value: str) -> str:
    return value.replace("_", " ")
