"""Taking a number and writing the document down. Callers hold the order's lock."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from catalog import inventory
from orders import addresses, lifecycle
from orders.invoices import figures
from orders.models import Invoice, InvoiceSeries, Order, SellerIdentity, ShippingZone, StripeRefund
from shop.exceptions import Conflict
from shop.money import format_money

Kind = InvoiceSeries.Kind
_SELLER_FIELDS = ("region", "legal_name", "address", "email", "vat_id", "company_number")


class NoSeller(Conflict):
    code = "no_seller"
    title = "Nobody is named as the seller"


def issue_invoice(order: Order, *, at: datetime) -> Invoice:
    """Issue the invoice of a paid order, or return the one that it has. In the caller's transaction.

    :raises NoSeller: if no seller identity is filled in for where it goes.
    """
    existing = order.invoices.filter(kind=Kind.INVOICE).first()
    if existing is not None:
        return existing
    seller = _seller_of(order)
    lines = figures.lines_of(order)
    facts = {"buyer": _buyer_of(order), "seller": seller, "lines": lines}
    invoice = _issue(order, Kind.INVOICE, figures.sums_by_rate(lines), facts, at=at)
    lifecycle.note(order, "invoiced", f"Invoice {invoice.code} issued.", at=at, invoice=invoice.code)
    return invoice


def issue_credit_note(refund: StripeRefund, *, at: datetime) -> Invoice | None:
    """Issue the credit note of a refund that went through, or return the one that it has. In the caller's
    transaction.

    None if its order has no invoice: what was never invoiced is not credited. Its seller and buyer are the
    invoice's, whatever has changed since.
    """
    existing = Invoice.objects.filter(refund=refund).first()
    order = refund.payment.order
    invoice = order.invoices.filter(kind=Kind.INVOICE).first()
    if existing is not None or invoice is None:
        return existing
    notes = order.invoices.filter(kind=Kind.CREDIT_NOTE, cancellation__isnull=True)
    before = [part for note in notes for part in figures.read_sums(note.taxes)]
    lines, by_rate = _refunded(refund, invoice)
    sums = figures.credit(figures.read_sums(invoice.taxes), before, by_rate=by_rate, amount=refund.amount)
    facts = {
        "buyer": invoice.buyer,
        "seller": invoice.seller,
        "lines": lines,
        "refund": refund,
        "layout": invoice.layout,
    }
    note = _issue(order, Kind.CREDIT_NOTE, sums, facts, at=at)
    amount = format_money(refund.amount, refund.currency)
    said = f"Credit note {note.code} of {amount} issued."
    lifecycle.note(order, "credited", said, at=at, invoice=note.code)
    return note


def cancel_credit_note(refund: StripeRefund, *, at: datetime) -> Invoice | None:
    """Issue what cancels the credit note of a refund that failed after all, or return what does so already.
    In the caller's transaction.

    A number that was given away is not taken back: the note stays, and this document takes its sums back, so
    that what was invoiced stands again. None if no note was issued.
    """
    note = Invoice.objects.filter(refund=refund).select_related("cancellation", "order").first()
    if note is None or hasattr(note, "cancellation"):
        return note and note.cancellation
    facts = {name: getattr(note, name) for name in ("buyer", "seller", "lines", "layout")}
    sums = figures.read_sums(note.taxes)
    done = _issue(note.order, Kind.CANCELLATION, sums, {**facts, "cancels": note}, at=at)
    said = f"{done.code} cancels credit note {note.code}: its refund did not go through."
    lifecycle.note(note.order, "credit_cancelled", said, at=at, invoice=done.code)
    return done


def missing_ids(*, limit: int = 1000) -> list[int]:
    """Return ids of paid orders that stand and have no invoice, a refund without credit note, or a credit
    note whose refund failed and that nothing cancels.
    """
    paid = Order.objects.filter(status=Order.Status.PLACED, paid_at__isnull=False)
    without = paid.exclude(invoices__kind=Kind.INVOICE).order_by("pk").values_list("pk", flat=True)
    uncredited = StripeRefund.objects.filter(
        status=StripeRefund.Status.SUCCEEDED,
        credit_note__isnull=True,
        payment__order__invoices__kind=Kind.INVOICE,
    )
    refunded = uncredited.order_by("pk").values_list("payment__order_id", flat=True)
    wrong = Invoice.objects.filter(refund__status=StripeRefund.Status.FAILED, cancellation__isnull=True)
    failed = wrong.order_by("pk").values_list("order_id", flat=True)
    return list(dict.fromkeys([*without[:limit], *refunded[:limit], *failed[:limit]]))


@transaction.atomic(durable=True)
def issue_missing(order_id: int, *, at: datetime) -> list[Invoice]:
    """Issue what an order lacks: its invoice, a credit note for each refund that went through, and what
    cancels the note of one that failed after it.

    :raises NoSeller: if no seller identity is filled in for where it goes.
    """
    order = Order.objects.select_for_update().get(pk=order_id)
    before = set(order.invoices.values_list("pk", flat=True))
    issue_invoice(order, at=at)
    done = StripeRefund.objects.filter(payment__order=order, status=StripeRefund.Status.SUCCEEDED)
    for refund in done.select_related("payment__order").order_by("pk"):
        issue_credit_note(refund, at=at)
    for refund in StripeRefund.objects.filter(payment__order=order, status=StripeRefund.Status.FAILED):
        cancel_credit_note(refund, at=at)
    return list(order.invoices.exclude(pk__in=before).order_by("pk"))


def _issue(
    order: Order, kind: str, sums: list[figures.RateSum], facts: Mapping[str, Any], *, at: datetime
) -> Invoice:
    series = _locked_series(facts["seller"]["region"], kind, order.is_test, at)
    series.last_number += 1
    series.save(update_fields=["last_number"])
    net, tax = sum(part.net for part in sums), sum(part.tax for part in sums)
    return Invoice.objects.create(
        series=series,
        number=series.last_number,
        code=series.code_of(series.last_number),
        kind=kind,
        order=order,
        currency=order.currency,
        net=net,
        tax=tax,
        gross=net + tax,
        tax_included=order.tax_included,
        taxes=[part.as_row() for part in sums],
        issued_at=at,
        **facts,
    )


def _locked_series(region: str, kind: str, is_test: bool, at: datetime) -> InvoiceSeries:
    """Return the series of a day, its row locked until the caller's commit."""
    named: dict[str, Any] = {
        "region": region,
        "kind": kind,
        "year": inventory.shop_date(at).year,
        "is_test": is_test,
    }
    rows = InvoiceSeries.objects.select_for_update().filter(**named)
    found = rows.first()
    if found is None:
        InvoiceSeries.objects.get_or_create(**named)
        found = rows.get()
    return found


def _seller_of(order: Order) -> dict[str, str]:
    zone = ShippingZone.objects.filter(code=order.shipping_zone).values("regulatory_region")[:1]
    seller = SellerIdentity.objects.filter(region=zone).first()
    if seller is None:
        region = zone.values_list("regulatory_region", flat=True).first()
        raise NoSeller(f"Order {order.reference} has no invoice: no seller is filled in for {region or '?'}.")
    return {field: getattr(seller, field) for field in _SELLER_FIELDS}


def _buyer_of(order: Order) -> dict[str, Any]:
    return {
        "billing": addresses.lines(order.billing_address, locale=order.locale),
        "shipping": addresses.lines(order.shipping_address, locale=order.locale),
        "email": order.email,
    }


def _refunded(refund: StripeRefund, invoice: Invoice) -> tuple[list[dict[str, Any]], dict[figures.Rate, int]]:
    """Return what a refund gives back as lines, and how much of it is known to be of which tax rate."""
    by_line = {line.get("order_line"): line for line in invoice.lines}
    rows: list[dict[str, Any]] = []
    by_rate: dict[figures.Rate, int] = {}
    for part in refund.lines.order_by("pk"):
        line = by_line[part.order_line_id]
        rows.append({**_row(line, part.amount), "sku": line["sku"], "quantity": part.quantity})
        key = (line["tax_name"], line["tax_rate"])
        by_rate[key] = by_rate.get(key, 0) + part.amount
    if refund.shipping_amount:
        line = invoice.lines[-1]
        rows.append(_row(line, refund.shipping_amount))
        key = (line["tax_name"], line["tax_rate"])
        by_rate[key] = by_rate.get(key, 0) + refund.shipping_amount
    rest = refund.amount - sum(row["gross"] for row in rows)
    if rest:
        name = "The whole order" if rest == invoice.gross else "Part of the price"
        rows.append({"kind": "amount", "sku": "", "name": name, "quantity": 1, "gross": rest})
    return rows, by_rate


def _row(line: Mapping[str, Any], gross: int) -> dict[str, Any]:
    return {"kind": line["kind"], "sku": "", "name": line["name"], "quantity": 1, "gross": gross}
