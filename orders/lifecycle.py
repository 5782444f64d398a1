"""The only writer of an order's statuses, and of its timeline. Callers hold the order's row lock, unless a
verb says that it takes it.
"""

from datetime import datetime
from typing import Any

from django.db import transaction

from orders import redemptions
from orders.models import Order, OrderEvent
from shop.accounts.models import User
from shop.exceptions import Conflict
from shop.mail import outbox
from shop.transitions import advance, allowed

Status = Order.Status
PaymentStatus = Order.PaymentStatus


class NothingToReview(Conflict):
    code = "nothing_to_review"
    title = "There is nothing to review"


def note(
    order: Order, kind: str, message: str, *, at: datetime, actor: User | None = None, **data: Any
) -> OrderEvent:
    """Write a fact on the order's timeline."""
    return OrderEvent.objects.create(
        order=order, kind=kind, message=message[:300], data=data, actor=actor, at=at
    )


def mark_paid(order: Order, *, at: datetime) -> None:
    """The money is here: the order is paid. Whether its goods are too is `confirm`'s business."""
    advance(
        order,
        field="payment_status",
        table=Order.PAYMENT_STEPS,
        target=PaymentStatus.PAID,
        paid_at=at,
    )
    _call_off_reminder(order, "It is paid.")


def confirm(order: Order, *, at: datetime) -> None:
    """The order stands: its stock is allocated and it may be packed. Also reinstates one that had ended."""
    late = order.status != Status.PENDING
    advance(
        order,
        field="status",
        table=Order.STATUS_STEPS,
        target=Status.PLACED,
        hold_expires_at=None,
        closed_at=None,
    )
    if late:
        note(order, "reinstated", "Paid late; stock was still there, so the order stands again.", at=at)
        if not redemptions.take_again(order):
            words = "A discount was used up meanwhile; this customer keeps the price that was agreed."
            note(order, "discount_honoured", words, at=at)


def mark_processing(order: Order, *, hold_until: datetime) -> None:
    """Stripe is waiting for the bank; the hold waits with it. Repeating changes nothing but the hold."""
    order.hold_expires_at = hold_until
    if order.payment_status == PaymentStatus.PROCESSING:
        order.save(update_fields=["hold_expires_at"])
        return
    advance(
        order,
        field="payment_status",
        table=Order.PAYMENT_STEPS,
        target=PaymentStatus.PROCESSING,
        hold_expires_at=hold_until,
    )


def mark_unpaid(order: Order) -> None:
    """A payment that was processing came back; nothing to do for one that never left."""
    if order.payment_status == PaymentStatus.PROCESSING:
        advance(order, field="payment_status", table=Order.PAYMENT_STEPS, target=PaymentStatus.UNPAID)


def mark_refunded(order: Order, *, refunded: int, received: int) -> None:
    """Show how much of the money has gone back, in minor units. Falls back when a refund failed."""
    target = PaymentStatus.PARTIALLY_REFUNDED
    if refunded == 0:
        target = PaymentStatus.PAID
    elif refunded >= received:
        target = PaymentStatus.REFUNDED
    if target != order.payment_status:
        advance(order, field="payment_status", table=Order.PAYMENT_STEPS, target=target)


def mark_fulfilment(order: Order, target: str) -> None:
    """Show how much of an order has left, or come back. Repeating changes nothing."""
    if order.fulfilment_status != target:
        advance(order, field="fulfilment_status", table=Order.FULFILMENT_STEPS, target=target)


def end(order: Order, target: str, *, at: datetime, reason: str, actor: User | None = None) -> None:
    """Cancel or expire an order; others may use its discounts."""
    advance(
        order,
        field="status",
        table=Order.STATUS_STEPS,
        target=target,
        closed_at=at,
        hold_expires_at=None,
    )
    redemptions.give_back(order, at=at)
    note(order, target, reason, at=at, actor=actor)
    _call_off_reminder(order, "The order has ended.")


def _call_off_reminder(order: Order, reason: str) -> None:
    """A mail about a declined card says nothing true any more once the order no longer waits for money.

    Of a refill's order nobody writes that one.
    """
    if order.origin == Order.Origin.REFILL:
        return
    outbox.withdraw(kind="payment_failed", subject_key=f"order:{order.reference}", reason=reason)


def can_end(order: Order, target: str) -> bool:
    """Return whether an order may still be cancelled or expire."""
    return allowed(Order.STATUS_STEPS, order.status, target)


def renew_hold(order: Order, *, until: datetime) -> None:
    """Keep a pending order's hold alive: each request to pay does."""
    order.hold_expires_at = until
    order.save(update_fields=["hold_expires_at"])


def flag_for_review(order: Order, reason: str, *, at: datetime) -> None:
    """What Stripe says and what we agreed differ: stop, and let a person look."""
    if order.review_reason == reason:
        return
    order.review_reason = reason[:200]
    order.save(update_fields=["review_reason"])
    note(order, "review", f"Needs review: {reason}", at=at)


def mark_disputed(order: Order, *, is_disputed: bool) -> None:
    """Show whether a bank asks for the money back: nothing ships while one does."""
    if order.is_disputed != is_disputed:
        order.is_disputed = is_disputed
        order.save(update_fields=["is_disputed"])


def hold_parcel(order: Order, reason: str, *, at: datetime) -> None:
    """One more reason why a person must look before anything ships; those that are there already stay."""
    whole = f"{order.review_reason}; {reason}" if order.review_reason else reason
    flag_for_review(order, whole[:200], at=at)


@transaction.atomic
def finish_review(order: Order, *, finding: str, actor: User | None, at: datetime) -> None:
    """A person has looked and the order may go on. Takes the order's lock itself.

    :raises NothingToReview: if nobody asked for a look.
    """
    order = Order.objects.select_for_update().get(pk=order.pk)
    if not order.review_reason:
        raise NothingToReview(f"Order {order.reference} does not wait for a review.")
    order.review_reason = ""
    order.save(update_fields=["review_reason"])
    note(order, "review_cleared", f"Review finished: {finding}", at=at, actor=actor)
