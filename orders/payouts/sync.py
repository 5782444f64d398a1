"""Copying payouts from Stripe: the payout, its balance transactions, and the order behind each of them."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from orders import stripe_lists
from orders.models import Order, Payment, Payout, PayoutLine, StripeRefund
from orders.stripe_lists import BalanceTransaction, PayoutAtStripe

logger = logging.getLogger(__name__)

# A bank may send a payout back days after it was called paid.
LOOK_BACK = timedelta(days=30)
# What moves money of one order; a fee or an adjustment belongs to none.
OF_AN_ORDER = ("charge", "payment", "refund", "payment_refund", "refund_failure")


@dataclass(frozen=True, slots=True)
class PayoutDifference:
    """A payout that failed, does not add up, or holds money of no order of ours."""

    kind: str
    subject: str
    payout: Payout
    here: int | None
    there: int | None
    explanation: str


def sync(*, at: datetime, since: datetime | None = None, everything: bool = False) -> int:
    """Copy every payout since a moment (30 days ago unless told), and those that were not final; return how
    many were read. Safe to repeat.

    :raises stripe_gateway.OutcomeUnknown: if Stripe does not answer; what was copied stays.
    """
    start = None if everything else since or at - LOOK_BACK
    seen = set()
    for found in stripe_lists.payouts_since(start):
        _copy(found, at=at)
        seen.add(found.id)
    unfinished = Payout.objects.filter(Q(status__in=["pending", "in_transit"]) | _awaits_lines())
    for payout_id in list(unfinished.values_list("stripe_payout_id", flat=True)):
        if payout_id not in seen:
            seen.add(payout_id)
            sync_one(payout_id, at=at)
    return len(seen)


def sync_one(payout_id: str, *, at: datetime) -> Payout:
    """Read one payout at Stripe and copy it: what an event about it triggers."""
    return _copy(stripe_lists.retrieve_payout(payout_id), at=at)


def differences() -> list[PayoutDifference]:
    """Return every payout that failed or differs from its lines, and every line whose order is not known."""
    return [*_failed(), *_sums(), *_without_order()]


def _awaits_lines() -> Q:
    return Q(is_automatic=True, is_complete=False, status="paid")


def _copy(found: PayoutAtStripe, *, at: datetime) -> Payout:
    """Write a payout with its lines. The network comes first: no call is made inside the transaction."""
    moved = list(stripe_lists.balance_transactions_of(found.id)) if found.is_automatic else []
    orders = _orders_of(moved)
    with transaction.atomic():
        payout, _ = Payout.objects.update_or_create(
            stripe_payout_id=found.id, defaults={**_fields(found), "synced_at": at}
        )
        PayoutLine.objects.bulk_create(
            [_line(payout, row, orders.get(row.id)) for row in moved],
            update_conflicts=True,
            unique_fields=["stripe_transaction_id"],
            update_fields=["payout", "type", "category", "amount", "fee", "net", "order", "description"],
        )
    return payout


def _fields(found: PayoutAtStripe) -> dict[str, object]:
    return {
        "status": found.status,
        "amount": found.amount,
        "currency": found.currency,
        "arrives_on": found.arrives_on,
        "is_automatic": found.is_automatic,
        "is_complete": found.is_complete,
        "failure_code": found.failure_code[:64],
        "failure_message": found.failure_message[:300],
        "created_at": found.created_at,
    }


def _line(payout: Payout, row: BalanceTransaction, order_id: int | None) -> PayoutLine:
    return PayoutLine(
        payout=payout,
        stripe_transaction_id=row.id,
        type=row.type,
        category=row.category,
        amount=row.amount,
        fee=row.fee,
        net=row.net,
        currency=row.currency,
        exchange_rate=row.exchange_rate,
        source_id=row.source_id,
        description=row.description[:300],
        order_id=order_id,
        created_at=row.created_at,
        available_at=row.available_at,
    )


def _orders_of(moved: Sequence[BalanceTransaction]) -> dict[str, int]:
    """Return the order behind each movement, by its id: found by intent, by refund, then by metadata."""
    intents = {row.payment_intent_id for row in moved if row.payment_intent_id}
    sources = {row.source_id for row in moved if row.source_id}
    names = {row.order_reference for row in moved if row.order_reference}
    payments = Payment.objects.filter(stripe_payment_intent_id__in=intents)
    by_intent = dict(payments.values_list("stripe_payment_intent_id", "order_id"))
    refunds = StripeRefund.objects.filter(stripe_refund_id__in=sources)
    by_source = dict(refunds.values_list("stripe_refund_id", "payment__order_id"))
    by_name = dict(Order.objects.filter(reference__in=names).values_list("reference", "pk"))
    found = {
        row.id: by_intent.get(row.payment_intent_id)
        or by_source.get(row.source_id)
        or by_name.get(row.order_reference)
        for row in moved
    }
    return {transaction_id: order_id for transaction_id, order_id in found.items() if order_id}


def _failed() -> Iterator[PayoutDifference]:
    for payout in Payout.objects.filter(status__in=["failed", "canceled"]):
        why = payout.failure_message or payout.failure_code or "no reason given"
        said = f"The payout of {payout.arrives_on} did not reach the bank ({payout.status}): {why}"
        yield PayoutDifference("payout_failed", payout.stripe_payout_id, payout, None, payout.amount, said)


def _sums() -> Iterator[PayoutDifference]:
    """Σ net of what is in a payout is its amount; the payout's own movement is no part of it."""
    parts = Sum("lines__net", filter=~Q(lines__source_id=F("stripe_payout_id")))
    complete = Payout.objects.filter(is_automatic=True, is_complete=True)
    for payout in complete.annotate(parts=Coalesce(parts, 0)).exclude(parts=F("amount")):
        yield PayoutDifference(
            "payout_sum",
            payout.stripe_payout_id,
            payout,
            payout.parts,
            payout.amount,
            f"The balance transactions of the payout of {payout.arrives_on} do not sum to its amount.",
        )


def _without_order() -> Iterator[PayoutDifference]:
    rows = PayoutLine.objects.filter(order__isnull=True, type__in=OF_AN_ORDER).select_related("payout")
    for line in rows.iterator():
        yield PayoutDifference(
            "payout_line_without_order",
            line.stripe_transaction_id,
            line.payout,
            None,
            line.net,
            f"A {line.type} ({line.source_id}) in payout {line.payout} belongs to no order here.",
        )
