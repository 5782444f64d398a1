"""Builders of every order mail: one function a kind, returning words. Sending is the outbox's business."""

from orders.emails.books import staff_books
from orders.emails.order_mails import (
    order_confirmation,
    paid_too_late,
    payment_failed,
    refund_sent,
    staff_review,
)
from orders.emails.parcels import recall_notice, shipped
from orders.emails.returns import order_cancelled, return_expected, return_received, withdrawal_receipt

__all__ = [
    "order_cancelled",
    "order_confirmation",
    "paid_too_late",
    "payment_failed",
    "recall_notice",
    "refund_sent",
    "return_expected",
    "return_received",
    "shipped",
    "staff_books",
    "staff_review",
    "withdrawal_receipt",
]
