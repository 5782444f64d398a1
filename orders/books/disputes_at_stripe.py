"""Stripe's disputes beside ours, both ways: one that is not known here stops no parcel."""

from collections import Counter
from collections.abc import Iterator

from orders import stripe_gateway, stripe_reads
from orders.books.at_stripe import by_intent, early, pages
from orders.books.findings import GRACE, Finding, Kind, Scope
from orders.models import Dispute, Payment
from orders.stripe_reads import Dispute as DisputeAtStripe
from shop.money import format_money


def disputes(scope: Scope, count: Counter[str]) -> Iterator[Finding]:
    """Compare every dispute: there and here, its amount, its currency, how it stands."""
    seen: set[str] = set()
    for page in pages(stripe_reads.list_disputes_since(early(scope)), count, "disputes"):
        seen.update(found.id for found in page)
        rows = Dispute.objects.select_related("payment").in_bulk(
            [found.id for found in page], field_name="stripe_dispute_id"
        )
        payments = by_intent(found.payment_intent_id for found in page)
        for found in page:
            if scope.at - found.opened_at <= GRACE:
                continue
            if found.id in rows:
                yield from _of_row(rows[found.id], found)
            else:
                yield from _not_here(found, payments.get(found.payment_intent_id))
    yield from _not_listed(scope, seen)


def _of_row(row: Dispute, found: DisputeAtStripe) -> Iterator[Finding]:
    if _says(row) == _says(found):
        return
    row.refresh_from_db()
    fresh = stripe_reads.retrieve_dispute(found.id)
    if _says(row) != _says(fresh):
        there = f"{format_money(fresh.amount, fresh.currency)}, {fresh.status}"
        here = f"{format_money(row.amount, row.currency)}, {row.status}"
        words = f"The dispute is {there} at Stripe and {here} here."
        order_id = row.payment.order_id
        yield Finding(Kind.DISPUTE, found.id, words, order_id, row.currency, row.amount, fresh.amount)


def _says(dispute: Dispute | DisputeAtStripe) -> tuple[int, str, str]:
    return dispute.amount, dispute.currency, dispute.status[:32]


def _not_here(found: DisputeAtStripe, payment: Payment | None) -> Iterator[Finding]:
    amounts = (found.currency, None if payment is None else 0, found.amount)
    if payment is None:
        words = "A dispute of money that no payment here received."
        yield Finding(Kind.FOREIGN_MONEY, found.id, words, None, *amounts)
        return
    words = f"A dispute ({found.status}) of order {payment.order.reference} has no row here."
    yield Finding(Kind.DISPUTE_AT_STRIPE_ONLY, found.id, words, payment.order_id, *amounts)


def _not_listed(scope: Scope, seen: set[str]) -> Iterator[Finding]:
    """Our disputes that Stripe did not list: open ones however old, or not there at all."""
    rows = Dispute.objects.select_related("payment").exclude(stripe_dispute_id__in=seen)
    if scope.since is not None:
        rows = rows.filter(closed_at__isnull=True) | rows.filter(opened_at__gte=scope.since)
    for row in rows.iterator(chunk_size=1000):
        try:
            yield from _of_row(row, stripe_reads.retrieve_dispute(row.stripe_dispute_id))
        except stripe_gateway.Refused as refusal:
            words = f"Stripe does not know this dispute: {refusal.code}."
            order_id = row.payment.order_id
            subject = row.stripe_dispute_id
            yield Finding(Kind.DISPUTE_NOT_AT_STRIPE, subject, words, order_id, row.currency, row.amount, 0)
