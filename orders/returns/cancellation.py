"""Cancelling an order that is paid and of which nothing is packed: it ends, its stock is free, all its money
goes back, and the refills that it began end with it.

A refill's own order ends alone: the subscription goes on, and the next parcel keeps its day.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from catalog import inventory
from orders import emails, lifecycle, refunds, units
from orders.models import Order, StripeRefund, Subscription
from orders.subscriptions import changes
from shop.accounts.models import User
from shop.exceptions import Conflict
from shop.mail import outbox


class NotCancellable(Conflict):
    code = "not_cancellable"
    title = "This order can no longer be cancelled"


def refusal(order: Order) -> str:
    """Return why a paid order cannot be cancelled, in words; empty if it can."""
    if order.status != Order.Status.PLACED or not order.is_paid:
        return f"it is {order.status} and {order.payment_status.replace('_', ' ')}"
    if order.is_disputed:
        return "its payment is disputed with the bank"
    if not units.is_untouched(order):
        return "its parcel is packed already; send it back when it has arrived"
    return ""


def begun_by(order: Order) -> QuerySet[Subscription]:
    """Return the subscriptions that an order began and that are not cancelled, by primary key."""
    begun = Subscription.objects.filter(started_by__order=order)
    return begun.exclude(status=Subscription.Status.CANCELLED).order_by("pk")


@transaction.atomic(durable=True)
def cancel_paid(
    order: Order, *, reason: str, actor: User | None, at: datetime, by_holder: bool = False
) -> StripeRefund | None:
    """Cancel a paid order and return the refund that was written down, for the caller to send.

    `by_holder`: whoever holds the order cancels it, which is a customer's right: no limit of a role counts,
    though they may be a member of staff who bought something.

    None if all its money went back before. :raises NotCancellable: saying why.
    :raises subscriptions.changes.ChargeInProgress: while a refill that it began is being charged.
    """
    # Subscriptions are locked before the order: see the locking order in the README.
    ended = [
        changes.end(row, reason=f"Order {order.reference} was cancelled.", at=at) for row in begun_by(order)
    ]
    order = Order.objects.select_for_update().get(pk=order.pk)
    why_not = refusal(order)
    if why_not:
        raise NotCancellable(
            f"Order {order.reference} cannot be cancelled: {why_not}.", order=order.reference
        )
    lifecycle.end(order, Order.Status.CANCELLED, at=at, reason=reason, actor=actor)
    inventory.release(order.stock_reference, at=at)
    refund = None
    if refunds.refundable(order.payment) > 0:
        asker = None if by_holder else actor
        refund = refunds.request_refund(order, reason="Order cancelled.", actor=asker, at=at)
    letter = emails.order_cancelled(order, refund, refills_ended=bool(ended))
    outbox.enqueue(letter, to=order.email, at=at)
    return refund
