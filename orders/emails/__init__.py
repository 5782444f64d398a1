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

__all__ = [
    "order_confirmation",
    "paid_too_late",
    "payment_failed",
    "recall_notice",
    "refund_sent",
    "shipped",
    "staff_books",
    "staff_review",
]
