"""The words of an invoice or a credit note, from its own frozen copy: nothing else is looked up."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from django.conf import settings

from orders.models import Invoice
from orders.paper import typesetting
from shop.money import format_money

_TOTALS = {"credit_note": "Paid back", "cancellation": "Not paid back"}
_LETTER_COUNTRIES = frozenset({"US", "CA"})


def invoice_pdf(invoice: Invoice) -> bytes:
    """Return an invoice, a credit note or what cancels one as a PDF: the same record gives the same bytes."""
    return typesetting.pdf(f"invoice_{invoice.layout}", _sheet(invoice), at=invoice.issued_at)


def _sheet(invoice: Invoice) -> dict[str, Any]:
    sheet = {
        "title": f"{invoice.title} {invoice.code}",
        "subtitle": f"Order {invoice.order.reference}",
        "heading": invoice.title,
        "paper": paper_for(invoice.order.country),
        "facts": _facts(invoice),
        "parties": _parties(invoice),
        "intro": "",
        "taxes": [_tax_row(part, invoice) for part in invoice.taxes],
        "tax_columns": ["Tax", "Net", "Tax amount", "With tax"],
        "total": [_TOTALS.get(invoice.kind, "Total"), _show(invoice.gross, invoice)],
        "sums": [["Net", _show(invoice.net, invoice)], ["Tax", _show(invoice.tax, invoice)]],
        "footer": _footer(invoice.seller),
    }
    table = _billed(invoice) if invoice.kind == Invoice.Kind.INVOICE else _credited(invoice)
    banner = "Test order: no real money moved, and this is no tax document." if invoice.order.is_test else ""
    return {**sheet, **table, "banner": banner, "remarks": _remarks(invoice)}


def paper_for(country: str) -> str:
    """Return the sheet that printers of a country hold."""
    return "us-letter" if country in _LETTER_COUNTRIES else "a4"


def day(at: datetime) -> str:
    """Return a moment as a day of the shop's own calendar: 23 November 2026."""
    return format_date(at.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)), "d MMMM y", locale="en_GB")


def _show(amount: int, invoice: Invoice) -> str:
    return format_money(amount, invoice.currency)


def _facts(invoice: Invoice) -> list[list[str]]:
    order = invoice.order
    rows = [["Number", invoice.code], ["Date", day(invoice.issued_at)]]
    if invoice.cancels is not None:
        rows.append(["Cancels credit note", f"{invoice.cancels.code} of {day(invoice.cancels.issued_at)}"])
    if invoice.kind != Invoice.Kind.INVOICE:
        billed = order.invoices.get(kind=Invoice.Kind.INVOICE)
        rows.append(["For invoice", f"{billed.code} of {day(billed.issued_at)}"])
    return [*rows, ["Order", order.reference], ["Ordered on", day(order.placed_at)]]


def _parties(invoice: Invoice) -> list[dict[str, Any]]:
    seller, buyer = invoice.seller, invoice.buyer
    theirs = [seller["legal_name"], *seller["address"].splitlines(), seller["email"]]
    if seller["vat_id"]:
        theirs.append(f"VAT no. {seller['vat_id']}")
    parties = [
        {"title": "Billed to", "lines": buyer["billing"]},
        {"title": "Seller", "lines": theirs},
    ]
    if buyer["shipping"] != buyer["billing"]:
        parties.insert(1, {"title": "Delivered to", "lines": buyer["shipping"]})
    return parties


def _billed(invoice: Invoice) -> dict[str, Any]:
    """Return the table of an invoice: amounts with tax where prices include it, without where they do not."""
    has_discount = any(line["discount"] for line in invoice.lines)
    amount = "Amount" if invoice.tax_included else "Amount before tax"
    columns = ["Item", "Units", "Each", *(["Discount"] if has_discount else []), "Tax", amount]
    return {"columns": columns, "rows": [_billed_row(line, invoice, has_discount) for line in invoice.lines]}


def _billed_row(line: Mapping[str, Any], invoice: Invoice, has_discount: bool) -> dict[str, Any]:
    off = [f"−{_show(line['discount'], invoice)}" if line["discount"] else ""] if has_discount else []
    amount = line["gross"] if invoice.tax_included else line["net"]
    cells = [
        str(line["quantity"]), _show(line["unit_price"], invoice), *off, f"{line['tax_rate']} %",
        _show(amount, invoice),
    ]  # fmt: skip
    return {"name": line["name"], "notes": _notes(line["sku"], line["inside"]), "cells": cells}


def _credited(invoice: Invoice) -> dict[str, Any]:
    rows = [
        {
            "name": line["name"],
            "notes": _notes(line["sku"], ()),
            "cells": [str(line["quantity"]), _show(line["gross"], invoice)],
        }
        for line in invoice.lines
    ]
    what = "Not paid back for" if invoice.is_cancellation else "Paid back for"
    return {"columns": [what, "Units", "Amount with tax"], "rows": rows}


def _notes(sku: str, inside: Sequence[str]) -> list[str]:
    return [*([sku] if sku else []), *inside]


def _tax_row(part: Mapping[str, Any], invoice: Invoice) -> list[str]:
    name = f"{part['name']} {part['rate']} %" if part["name"] else "No tax"
    return [name, *(_show(part[field], invoice) for field in ("net", "tax", "gross"))]


def _remarks(invoice: Invoice) -> list[str]:
    if invoice.cancels is not None:
        return [
            f"The refund of {_show(invoice.gross, invoice)} did not go through, so credit note "
            f"{invoice.cancels.code} no longer holds. We are looking for another way to pay it back."
        ]
    if invoice.is_credit_note:
        return [f"{_show(invoice.gross, invoice)} went back the way it was paid. Nothing is left to do."]
    if not invoice.gross:
        return ["Nothing was to be paid."]
    paid_on = invoice.order.paid_at or invoice.issued_at
    return [f"Paid in full on {day(paid_on)}. Nothing is left to pay."]


def _footer(seller: Mapping[str, str]) -> list[str]:
    number = f"Company no. {seller['company_number']}" if seller["company_number"] else ""
    where = ", ".join(seller["address"].splitlines())
    return [", ".join(part for part in (seller["legal_name"], where) if part), *([number] if number else [])]
