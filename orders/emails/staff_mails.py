"""Mails to staff about money that may be taken back."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format

from orders import advice
from orders.models import Dispute, FraudWarning, Order, RefillBreaker
from shop.mail.outbox import Letter
from shop.money import format_money


def dispute_changed(order: Order, dispute: Dispute) -> Letter:
    """A dispute was opened, or its status has changed: how much, why, until when, and what to do."""
    amount = format_money(dispute.amount, dispute.currency)
    due = dispute.evidence_due_at if dispute.is_open else None
    context: dict[str, object] = {
        "amount": amount,
        "reason": _words(dispute.reason),
        "status": _words(dispute.status),
        "deadline": _in_the_shops_time(due) if due else "",
        "is_open": dispute.is_open,
        "advice": advice.for_dispute(dispute),
    }
    said = "is disputed" if dispute.is_open else f"dispute {_words(dispute.status)}"
    subject = f"Order [{order.reference}]: {amount} {said}"
    occasion = f"{dispute.stripe_dispute_id[:40]}-{dispute.status[:24]}"
    return _letter(order, "staff_dispute", subject, context, occasion=occasion)


def fraud_warning(order: Order, warning: FraudWarning) -> Letter:
    """A card network warns that a charge was fraud: the parcel waits."""
    context: dict[str, object] = {"reason": _words(warning.fraud_type), "advice": advice.for_warning(warning)}
    subject = f"Order [{order.reference}]: fraud warning, do not ship"
    return _letter(order, "staff_fraud_warning", subject, context, occasion=warning.stripe_warning_id[:64])


def refills_stopped(breaker: RefillBreaker) -> Letter:
    """Too many charges of refills went wrong: none is made until one that is tried goes well."""
    opened = breaker.tripped_at
    return Letter(
        kind="staff_refills_stopped",
        subject_key="refill-breaker",
        occasion=opened.isoformat() if opened else "",
        subject=f"Refills are not charged: {breaker.reason}",
        template="orders/mail/staff_refills_stopped",
        context={
            "title": "Refills are not charged at the moment",
            "words": [
                f"{breaker.reason} within half an hour, so nothing more is planned or claimed.",
                "Every ten minutes one refill is tried, and all go on as soon as that is answered well. If "
                "you know the reason and it is gone, let them go on in the admin.",
            ],
            "go": "Open in the admin",
            "url": f"{settings.BASE_URL}/admin/orders/refillbreaker/",
        },
    )


def _letter(order: Order, kind: str, subject: str, context: dict[str, object], *, occasion: str) -> Letter:
    return Letter(
        kind=kind,
        subject_key=f"order:{order.reference}",
        occasion=occasion,
        subject=subject,
        template=f"orders/mail/{kind}",
        context={"order": order, "is_test": order.is_test, **context},
    )


def _in_the_shops_time(moment: datetime) -> str:
    return date_format(timezone.localtime(moment, ZoneInfo(settings.SHOP_TIME_ZONE)), "j F Y, H:i T")


def _words(value: str) -> str:
    return value.replace("_", " ")
