"""The tables under an order: what was bought, what was paid and what happened."""

from collections.abc import Callable, Sequence
from typing import Any

from django.urls import reverse

from orders import advice
from orders.admin import desk, looks
from orders.models import Order, OrderLine, OrderLineComponent, Payment, StripeRefund
from shop.admin import Table, badges, when
from shop.money import format_money

Show = Callable[[int], str]


def tables(order: Order) -> list[Table]:
    """Return everything that hangs on an order, newest last as it happened."""

    def show(amount: int) -> str:
        return format_money(amount, order.currency)

    payment = Payment.objects.filter(order=order).first()
    found = [_lines(order, show), _discounts(order, show), _parcels(order)]
    if payment is not None:
        found += [*_taken_back(payment), attempts(payment), _refunds(payment, show)]
    return [*(table for table in found if table.rows), _consents(order), _timeline(order)]


def _lines(order: Order, show: Show) -> Table:
    lines = order.lines.prefetch_related("components")
    headers = ("SKU", "product", "units", "each", "discount", "tax", "total", "refill", "taken from stock")
    rows = [
        (
            line.sku,
            f"{line.product_name}, {line.variant_name}",
            line.quantity,
            show(line.unit_price),
            show(line.discount) if line.discount else "–",
            f"{line.tax_name} {line.tax_rate.normalize():f} %: {show(line.tax)}",
            show(line.gross),
            looks.interval(line.refill_count, line.refill_unit),
            _from_stock(line),
        )
        for line in lines
    ]
    return Table("Lines", headers, rows)


def _discounts(order: Order, show: Show) -> Table:
    rows = [
        (
            taken.label,
            taken.code or "by itself",
            show(taken.amount) if taken.amount else "–",
            show(taken.shipping_amount) if taken.shipping_amount else "–",
            when(taken.returned_at) if taken.returned_at else "counts",
        )
        for taken in order.discounts.all()
    ]
    headers = ("discount", "code", "off the goods", "off shipping", "given back")
    return Table("Discounts", headers, rows)


def _from_stock(line: OrderLine) -> str:
    return ", ".join(_units(part) for part in line.components.all())


def _units(part: OrderLineComponent) -> str:
    dropped = f", {part.cancelled} of them not sent" if part.cancelled else ""
    return f"{part.quantity} × {part.sku}{dropped}"


def _parcels(order: Order) -> Table:
    headers = ("parcel", "status", "goods and lots", "carrier", "tracking number", "packed", "left")
    rows = [
        (
            desk.link(reverse("admin:orders_shipment_change", args=[parcel.pk]), parcel.reference),
            badges((parcel.status, looks.PARCEL[parcel.status])),
            ", ".join(
                f"{line.quantity} × {line.sku} {line.lot.code if line.lot else ''}".strip()
                for line in parcel.lines.all()
            ),
            parcel.carrier or "–",
            parcel.tracking_number or "–",
            when(parcel.packed_at),
            when(parcel.dispatched_at),
        )
        for parcel in order.shipments.prefetch_related("lines__lot").order_by("pk")
    ]
    return Table("Parcels", headers, rows)


def _taken_back(payment: Payment) -> list[Table]:
    disputes = [
        (
            format_money(row.amount, row.currency),
            looks.words(row.reason),
            badges((looks.words(row.status), looks.DISPUTE.get(row.status, "warning"))),
            when(row.evidence_due_at) if row.is_open else "–",
            advice.for_dispute(row),
        )
        for row in payment.disputes.order_by("pk")
    ]
    warnings = [
        (looks.words(row.fraud_type), when(row.raised_at), advice.for_warning(row))
        for row in payment.warnings.order_by("pk")
    ]
    return [
        Table(
            "Disputes", ("amount", "the bank's reason", "status", "answer until", "what to do next"), disputes
        ),
        Table("Early fraud warnings", ("type", "raised", "what to do next"), warnings),
    ]


def attempts(payment: Payment) -> Table:
    """Return a payment's calls to Stripe, in order, with what each outcome means."""
    headers = ("no.", "call", "outcome", "code", "what Stripe said", "started", "answered", "what it means")
    rows = [
        (
            attempt.number,
            looks.words(attempt.kind),
            badges((attempt.outcome, looks.OUTCOME[attempt.outcome])),
            attempt.decline_code or attempt.error_code or "–",
            attempt.message or "–",
            when(attempt.started_at),
            when(attempt.finished_at),
            advice.for_attempt(attempt),
        )
        for attempt in payment.attempts.order_by("number")
    ]
    return Table("Calls to Stripe", headers, rows)


def _refunds(payment: Payment, show: Show) -> Table:
    headers = ("amount", "status", "for", "reason", "asked by", "asked", "settled")
    found = payment.refunds.select_related("requested_by").prefetch_related("lines__order_line")
    rows = [
        (
            show(refund.amount),
            badges((refund.status, looks.REFUND[refund.status])),
            _refunded(refund),
            " ".join(part for part in (refund.reason, refund.failure_reason) if part),
            refund.requested_by or "the shop",
            when(refund.requested_at),
            when(refund.settled_at),
        )
        for refund in found.order_by("pk")
    ]
    return Table("Refunds", headers, rows)


def _refunded(refund: StripeRefund) -> str:
    parts = [f"{part.quantity} × {part.order_line.sku}" for part in refund.lines.all()]
    if refund.shipping_amount:
        parts.append("shipping")
    return ", ".join(parts) or "an amount"


def _consents(order: Order) -> Table:
    rows: Sequence[Sequence[Any]] = [
        (consent.kind, consent.text, consent.ip_address or "–", when(consent.given_at))
        for consent in order.consents.order_by("pk")
    ]
    return Table("Consents", ("kind", "words as shown", "address", "given"), rows)


def _timeline(order: Order) -> Table:
    rows = [
        (when(event.at), event.message, event.actor or "the shop")
        for event in order.events.select_related("actor").order_by("pk")
    ]
    return Table("Timeline", ("when", "what", "who"), rows)
