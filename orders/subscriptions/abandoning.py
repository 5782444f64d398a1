"""Refills that have ended while their order still waits for money: the order ends too, at Stripe first."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from catalog import inventory
from orders import attempts, lifecycle, payments, stripe_gateway
from orders.models import Order, Refill
from orders.stripe_gateway import Intent

Status = Refill.Status
# Orders that one sweep looks at.
AT_ONCE = 100


@transaction.atomic
def take(*, at: datetime) -> list[int]:
    """Return ids of the refills whose orders a sweep ends now, and write down that their turn was now.

    Those whose turn never came go first, then whose turn was longest ago: what cannot be ended now, however
    much of it there is, holds up nothing else.
    """
    ended = Refill.objects.filter(
        status__in=[Status.SKIPPED, Status.FAILED], order__status=Order.Status.PENDING
    )
    in_turn = ended.order_by(F("rests_until").asc(nulls_first=True), "pk")
    ids = list(in_turn.values_list("pk", flat=True)[:AT_ONCE])
    Refill.objects.filter(pk__in=ids).update(rests_until=at)
    return ids


def abandon(refill_id: int, *, at: datetime) -> Intent | None:
    """End the order of a refill that ended: first its intent at Stripe, then the order and its hold.

    Returns the intent if money arrived after all; the caller hands it to settlement.
    :raises payments.PaymentUnavailable: if Stripe does not answer; the next sweep tries again.
    """
    order = Order.objects.get(refill=refill_id)
    intent = payments.cancel_intent(order, at=at, mood=stripe_gateway.BACKGROUND)
    if intent is not None and intent.status != "canceled":
        return intent
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order.pk)
        if order.is_paid or not lifecycle.can_end(order, Order.Status.CANCELLED):
            return None
        attempts.refuse_another_intent(order.payment, than=intent)
        lifecycle.end(order, Order.Status.CANCELLED, at=at, reason="The refill was not charged.")
        inventory.release(order.stock_reference, at=at)
    return None
