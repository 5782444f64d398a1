"""Stripe's refunds beside ours, both ways."""

from collections import Counter
from collections.abc import Iterator

from orders import stripe_gateway
from orders.books.at_stripe import by_intent, early, pages
from orders.books.findings import GRACE, PATIENCE, Finding, Kind, Scope
from orders.models import Payment, StripeRefund
from orders.stripe_gateway import Refund
from shop.money import format_money

# In our row's words: what we asked for and Stripe has not told of yet is on its way there already.
_SAME = {"requires_action": "pending"}


def refunds(scope: Scope, count: Counter[str]) -> Iterator[Finding]:
    """Compare every refund: there and here, its amount, its currency, how it stands."""
    seen: set[str] = set()
    for page in pages(stripe_gateway.list_refunds_since(early(scope)), count, "refunds"):
        seen.update(found.id for found in page)
        rows = _ours([found.id for found in page])
        payments = by_intent(found.payment_intent_id for found in page)
        for found in page:
            if scope.at - found.created_at <= GRACE:
                continue
            if found.id in rows:
                yield from _of_row(rows[found.id], found)
            else:
                yield from _not_here(found, payments.get(found.payment_intent_id))
    yield from _not_listed(scope, seen)
    yield from _waiting(scope)


def _ours(ids: list[str]) -> dict[str | None, StripeRefund]:
    rows = StripeRefund.objects.select_related("payment").filter(stripe_refund_id__in=ids)
    return {row.stripe_refund_id: row for row in rows}


def _of_row(row: StripeRefund, found: Refund) -> Iterator[Finding]:
    order_id = row.payment.order_id
    if (row.amount, row.currency) != (found.amount, found.currency):
        said = format_money(found.amount, found.currency)
        words = f"Stripe refunded {said}, the row says {format_money(row.amount, row.currency)}."
        yield Finding(Kind.REFUND_AMOUNT, found.id, words, order_id, row.currency, row.amount, found.amount)
    if row.status == _SAME.get(found.status, found.status):
        return
    row.refresh_from_db(fields=["status"])
    fresh = stripe_gateway.retrieve_refund(found.id)
    if row.status != _SAME.get(fresh.status, fresh.status):
        words = f"The refund is {fresh.status} at Stripe and {row.status} here."
        yield Finding(Kind.REFUND_STATUS, found.id, words, order_id, row.currency, row.amount, found.amount)


def _not_here(found: Refund, payment: Payment | None) -> Iterator[Finding]:
    if payment is None:
        words = "A refund of money that no payment here received."
        yield Finding(Kind.FOREIGN_MONEY, found.id, words, None, found.currency, None, found.amount)
        return
    words = f"A refund ({found.status}) that was made at Stripe has no row here."
    yield Finding(
        Kind.REFUND_AT_STRIPE_ONLY, found.id, words, payment.order_id, found.currency, 0, found.amount
    )


def _not_listed(scope: Scope, seen: set[str]) -> Iterator[Finding]:
    """Our refunds that Stripe did not list: older than the list, or not there at all."""
    rows = StripeRefund.objects.select_related("payment").filter(stripe_refund_id__isnull=False)
    if scope.since is not None:
        rows = rows.filter(requested_at__gte=scope.since)
    for row in rows.iterator(chunk_size=1000):
        refund_id = row.stripe_refund_id or ""
        if refund_id in seen:
            continue
        try:
            yield from _of_row(row, stripe_gateway.retrieve_refund(refund_id))
        except stripe_gateway.Refused as refusal:
            words = f"Stripe does not know this refund: {refusal.code}."
            yield Finding(
                Kind.REFUND_NOT_AT_STRIPE, refund_id, words, row.payment.order_id, row.currency, row.amount, 0
            )


def _waiting(scope: Scope) -> Iterator[Finding]:
    """Refunds that nobody at Stripe has answered, and old ones that never arrive."""
    asked = StripeRefund.objects.select_related("payment").filter(requested_at__lte=scope.at - PATIENCE)
    for row in asked.filter(status=StripeRefund.Status.REQUESTED):
        words = f"A refund that was asked for at {row.requested_at:%d %b %H:%M} UTC has no answer."
        yield Finding(
            Kind.REFUND_WAITS, f"refund {row.pk}", words, row.payment.order_id, row.currency, row.amount
        )
