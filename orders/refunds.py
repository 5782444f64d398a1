"""Sending money back. The row is written first, its sum checked under lock; Stripe is asked afterwards."""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from orders import emails, lifecycle, stripe_gateway
from orders.models import Order, OrderLine, Payment, RefundLine, StripeRefund
from orders.stripe_gateway import Mood, Refund
from shop.accounts.models import User
from shop.exceptions import Conflict, InvalidInput
from shop.mail import outbox
from shop.money import format_money, split_by_weight

Status = StripeRefund.Status


class NothingToRefund(Conflict):
    code = "nothing_to_refund"
    title = "There is nothing to refund"


class RefundedMeanwhile(Conflict):
    code = "refunded_meanwhile"
    title = "Something was refunded meanwhile"


class RefundTooLarge(InvalidInput):
    code = "refund_too_large"
    title = "More than can be refunded"


def refundable(payment: Payment) -> int:
    """Return what may still be refunded, in minor units: received less everything sent or on its way."""
    counted = payment.refunds.filter(status__in=StripeRefund.COUNTED)
    return payment.amount_received - (counted.aggregate(sum=Sum("amount"))["sum"] or 0)


def units_refunded(order: Order) -> dict[int, int]:
    """Return how many units of each line went back or are on their way, by line id."""
    counted = RefundLine.objects.filter(order_line__order=order, refund__status__in=StripeRefund.COUNTED)
    return dict(counted.values_list("order_line_id").annotate(Sum("quantity")).order_by())


@transaction.atomic
def request_refund(
    order: Order,
    *,
    amount: int | None = None,
    lines: Mapping[int, int] | None = None,
    with_shipping: bool = False,
    expected_left: int | None = None,
    reason: str,
    actor: User | None,
    at: datetime,
) -> StripeRefund:
    """Write down a refund; `send` asks Stripe for it afterwards. A refund never implies a restock.

    Give `amount` (minor units), or `lines` ({order line id: quantity}), shipping or both, or none of them
    for everything that is left. `expected_left` is what the asker saw as refundable, so that a form sent
    twice refunds once.
    :raises RefundTooLarge: if it exceeds what is left. :raises NothingToRefund: if nothing is.
    :raises RefundedMeanwhile: if what is left is not what was expected.
    """
    order = Order.objects.select_for_update().get(pk=order.pk)
    payment = Payment.objects.select_for_update().get(order=order)
    left = refundable(payment)
    if left <= 0:
        raise NothingToRefund(f"Order {order.reference} has nothing left to refund.")
    if expected_left is not None and expected_left != left:
        now_left = format_money(left, payment.currency)
        raise RefundedMeanwhile(f"Something was refunded meanwhile; {now_left} is left. Look again.")
    shares = _line_amounts(order, lines or {})
    shipping = _shipping_amount(order, payment) if with_shipping else 0
    by_part = lines is not None or with_shipping
    wanted = amount if amount is not None else (sum(shares.values()) + shipping if by_part else left)
    if not 0 < wanted <= left:
        raise RefundTooLarge(
            f"At most {format_money(left, payment.currency)} can be refunded.",
            fields={"amount": ["Between one minor unit and what is left."]},
        )
    refund = StripeRefund.objects.create(
        payment=payment,
        amount=wanted,
        shipping_amount=shipping if amount is None else 0,
        currency=payment.currency,
        reason=reason[:200],
        requested_by=actor,
        requested_at=at,
    )
    refund.idempotency_key = f"{order.reference}-refund-{refund.pk}"
    refund.save(update_fields=["idempotency_key"])
    RefundLine.objects.bulk_create(
        RefundLine(refund=refund, order_line_id=line_id, quantity=(lines or {})[line_id], amount=share)
        for line_id, share in shares.items()
    )
    money = format_money(wanted, payment.currency)
    lifecycle.note(order, "refund_requested", f"Refund of {money}: {reason}", at=at, actor=actor)
    return refund


def send(refund_id: int, *, mood: Mood, at: datetime) -> Refund | None:
    """Ask Stripe for a refund that was written down, and return its answer for settlement.

    Returns None if it was answered before, or refused (then the row says so). Unknown outcomes stay
    requested and are asked again under the same key.
    """
    refund = StripeRefund.objects.select_related("payment__order").get(pk=refund_id)
    if refund.status != Status.REQUESTED or not refund.idempotency_key:
        return None
    try:
        return stripe_gateway.create_refund(
            payment_intent_id=refund.payment.stripe_payment_intent_id or "",
            amount=refund.amount,
            our_refund_id=str(refund.pk),
            order_reference=refund.payment.order.reference,
            key=refund.idempotency_key,
            mood=mood,
        )
    except stripe_gateway.Refused as refusal:
        _refused(refund, refusal, at=at)
        return None
    except stripe_gateway.OutcomeUnknown:
        return None


@transaction.atomic
def _refused(refund: StripeRefund, refusal: stripe_gateway.Refused, *, at: datetime) -> None:
    """Stripe will not refund it: the row says so, the timeline says so, and staff are told, once."""
    rows = StripeRefund.objects.filter(pk=refund.pk, status=Status.REQUESTED)
    if not rows.update(status=Status.FAILED, failure_reason=refusal.code[:64]):
        return
    order = refund.payment.order
    words = f"Stripe refused to refund {format_money(refund.amount, refund.currency)}: {refusal.code}."
    lifecycle.note(order, "refund_refused", words, at=at, refund=refund.pk)
    for address in settings.STAFF_ALERT_EMAILS:
        outbox.enqueue(emails.staff_review(order, words), to=address, at=at)


def waiting_ids(*, limit: int = 100) -> list[int]:
    """Return ids of refunds that Stripe has not answered yet."""
    waiting = StripeRefund.objects.filter(status=Status.REQUESTED, idempotency_key__isnull=False)
    return list(waiting.order_by("pk").values_list("pk", flat=True)[:limit])


def _shipping_amount(order: Order, payment: Payment) -> int:
    """Return what the customer paid for shipping, tax included, less what went back already."""
    paid = order.shipping_total + (0 if order.tax_included else order.shipping_tax)
    counted = payment.refunds.filter(status__in=StripeRefund.COUNTED)
    return paid - (counted.aggregate(sum=Sum("shipping_amount"))["sum"] or 0)


def _line_amounts(order: Order, lines: Mapping[int, int]) -> dict[int, int]:
    """Return the amount of each line's refunded units: unit by unit, so that all units sum to the line."""
    amounts = {}
    back = units_refunded(order)
    found = OrderLine.objects.filter(order=order, pk__in=lines)
    for line in found:
        done = back.get(line.pk, 0)
        wanted = lines[line.pk]
        if not 0 < wanted <= line.quantity - done:
            raise RefundTooLarge(
                f"{line.sku}: {line.quantity - done} of {line.quantity} can still be refunded.",
                fields={"lines": [f"{line.sku}: at most {line.quantity - done}."]},
            )
        per_unit = split_by_weight(line.gross, [1] * line.quantity)
        amounts[line.pk] = sum(per_unit[done : done + wanted])
    if len(amounts) != len(lines):
        raise InvalidInput("A line does not belong to this order.", fields={"lines": ["Unknown line."]})
    return amounts
