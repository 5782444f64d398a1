"""Sending money back. The row is written first, its sum checked under lock; Stripe is asked afterwards."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from orders import attempts, lifecycle, stripe_gateway, units
from orders.models import Dispute, Order, OrderLine, Payment, RefundLine, StripeRefund
from orders.stripe_gateway import Mood, Refund
from shop.accounts import roles
from shop.accounts.models import User
from shop.exceptions import Conflict, Forbidden, InvalidInput
from shop.money import format_money, split_by_weight

Status = StripeRefund.Status


class NothingToRefund(Conflict):
    code = "nothing_to_refund"
    title = "There is nothing to refund"


class RefundedMeanwhile(Conflict):
    code = "refunded_meanwhile"
    title = "Something was refunded meanwhile"


class AboveYourLimit(Forbidden):
    code = "refund_above_limit"
    title = "More than your role may refund"


class RefundTooLarge(InvalidInput):
    code = "refund_too_large"
    title = "More than can be refunded"


def refundable(payment: Payment) -> int:
    """Return what may still be refunded, in minor units: received less everything sent or on its way, and
    less what a bank has taken back by a dispute: that money would be paid twice.
    """
    counted = payment.refunds.filter(status__in=StripeRefund.COUNTED)
    taken = payment.disputes.exclude(status__in=Dispute.LEAVE_MONEY)
    gone = [rows.aggregate(sum=Sum("amount"))["sum"] or 0 for rows in (counted, taken)]
    return max(0, payment.amount_received - sum(gone))


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
    shipping_at_most: int | None = None,
    expected_left: int | None = None,
    reason: str,
    actor: User | None,
    at: datetime,
) -> StripeRefund:
    """Write down a refund; `send` asks Stripe for it afterwards. A refund never implies a restock, but pieces
    of `lines` that are in no parcel yet are not sent any more.

    Give `amount` (minor units), or `lines` ({order line id: quantity}), shipping or both, or none of them
    for everything that is left. `shipping_at_most` caps the shipping, as where a dearer way than the standard
    one was chosen. `expected_left` is what the asker saw as refundable, so that a form sent
    twice refunds once.
    :raises RefundTooLarge: if it exceeds what is left. :raises NothingToRefund: if nothing is.
    :raises RefundedMeanwhile: if what is left is not what was expected.
    :raises AboveYourLimit: if a member of staff asks for more of one order than their role allows.
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
    shipping = _shipping_amount(order, payment, shipping_at_most) if with_shipping else 0
    by_part = lines is not None or with_shipping
    wanted = amount if amount is not None else (sum(shares.values()) + shipping if by_part else left)
    if not 0 < wanted <= left:
        words = f"At most {format_money(left, payment.currency)} can be refunded."
        raise RefundTooLarge(words, fields={"amount": [words]})
    _check_limit(payment, wanted, actor)
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
    _send_no_more(order, lines or {}, at=at)
    money = format_money(wanted, payment.currency)
    lifecycle.note(order, "refund_requested", f"Refund of {money}: {reason}", at=at, actor=actor)
    return refund


def _send_no_more(order: Order, lines: Mapping[int, int], *, at: datetime) -> None:
    """Pieces that are paid back before they were packed are not sent: those in no parcel come first."""
    unsent = units.to_pack(order) if lines and order.status == Order.Status.PLACED else {}
    dropped = {line_id: min(n, unsent.get(line_id, 0)) for line_id, n in lines.items()}
    if any(dropped.values()):
        units.cancel_units(order, {line_id: n for line_id, n in dropped.items() if n}, at=at)


def _check_limit(payment: Payment, wanted: int, actor: User | None) -> None:
    """Under the payment's lock. What this person refunded of the order before counts along."""
    limit = roles.refund_limit(actor, payment.currency) if actor is not None and actor.is_staff else None
    if actor is None or limit is None:
        return
    mine = payment.refunds.filter(requested_by=actor, status__in=StripeRefund.COUNTED)
    done = mine.aggregate(sum=Sum("amount"))["sum"] or 0
    if done + wanted > limit:
        left = format_money(max(0, limit - done), payment.currency)
        raise AboveYourLimit(f"You may refund {left} of this order. Ask somebody whose role may do more.")


class RefundRefused(Conflict):
    code = "refund_refused"
    title = "Stripe refuses the refund"


def send(refund_id: int, *, mood: Mood, at: datetime) -> Refund | None:
    """Ask Stripe for a refund that was written down, and return its answer for settlement.

    Returns None if it was answered before, or if the outcome is unknown: then it is asked again under the
    same key. Once keys may have been forgotten, the refund is looked for at Stripe first.
    :raises RefundRefused: with Stripe's code.
    """
    refund = StripeRefund.objects.select_related("payment__order").get(pk=refund_id)
    if refund.status != Status.REQUESTED or not refund.idempotency_key:
        return None
    intent_id = refund.payment.stripe_payment_intent_id or ""
    try:
        if at - refund.requested_at > attempts.KEY_HOLDS_FOR:
            for known in stripe_gateway.list_refunds(intent_id):
                if known.our_refund_id == str(refund.pk):
                    return known
        return stripe_gateway.create_refund(
            payment_intent_id=intent_id,
            amount=refund.amount,
            our_refund_id=str(refund.pk),
            order_reference=refund.payment.order.reference,
            key=refund.idempotency_key,
            mood=mood,
        )
    except stripe_gateway.Refused as refusal:
        raise RefundRefused(refusal.message, code=refusal.code) from refusal
    except stripe_gateway.OutcomeUnknown:
        return None


def waiting_ids(*, limit: int = 100) -> list[int]:
    """Return ids of refunds that Stripe has not answered yet."""
    waiting = StripeRefund.objects.filter(status=Status.REQUESTED, idempotency_key__isnull=False)
    return list(waiting.order_by("pk").values_list("pk", flat=True)[:limit])


def _shipping_amount(order: Order, payment: Payment, at_most: int | None) -> int:
    """Return what the customer paid for shipping, tax included, less what went back already."""
    paid = order.shipping_total + (0 if order.tax_included else order.shipping_tax)
    counted = payment.refunds.filter(status__in=StripeRefund.COUNTED)
    whole = paid if at_most is None else min(paid, at_most)
    return max(0, whole - (counted.aggregate(sum=Sum("shipping_amount"))["sum"] or 0))


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
