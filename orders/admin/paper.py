"""Invoices and credit notes: a list to look them up in, and the sheets themselves."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from orders import paper
from orders.admin import looks
from orders.admin.books import order_link
from orders.models import Invoice, InvoiceSeries, Order, Shipment
from shop.admin import ReadOnlyAdmin, Table, key_of, money_column, register, time_column
from shop.api.downloads import pdf
from shop.clock import reading
from shop.money import format_money

KIND = {"invoice": "success", "credit_note": "warning", "cancellation": "danger"}


@register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    list_display = (
        "code", "issued", "kind_badge", "order_reference", "buyer_name", "net_column", "tax_column",
        "gross_column",
    )  # fmt: skip
    list_filter = ("kind", "series__region", "series__year", "currency", "series__is_test")
    list_select_related = ("order", "series")
    search_prefixes = {"code__startswith": str.upper, "order__reference__startswith": str.upper}
    search_help_text = "The beginning of a number or of an order's reference"
    fields = (
        ("code", "kind_badge"), ("issued", "order_reference"), "seller_words", "buyer_words",
        ("net_column", "tax_column", "gross_column"),
    )  # fmt: skip
    readonly_fields = (
        "kind_badge", "issued", "order_reference", "seller_words", "buyer_words", "net_column", "tax_column",
        "gross_column",
    )  # fmt: skip
    actions_detail = ("download",)

    issued = time_column("issued_at", "issued")
    net_column = money_column("net", "net")
    tax_column = money_column("tax", "tax")
    gross_column = money_column("gross", "with tax")

    def get_tables(self, request: HttpRequest, obj: Invoice) -> Sequence[Table]:
        def show(amount: int) -> str:
            return format_money(amount, obj.currency)

        lines = [(line["name"], line["quantity"], show(line["gross"])) for line in obj.lines]
        taxes = [
            (f"{part['name']} {part['rate']} %", show(part["net"]), show(part["tax"]), show(part["gross"]))
            for part in obj.taxes
        ]
        return [
            Table("Lines", ("what", "units", "with tax"), lines),
            Table("By tax rate", ("tax", "net", "tax amount", "with tax"), taxes),
        ]

    @display(description="kind", ordering="kind", label=KIND)
    def kind_badge(self, invoice: Invoice) -> tuple[str, str]:
        return invoice.kind, looks.words(invoice.kind)

    @admin.display(description="order")
    def order_reference(self, invoice: Invoice) -> SafeString | str:
        return order_link(invoice.order)

    @admin.display(description="billed to")
    def buyer_name(self, invoice: Invoice) -> str:
        return next(iter(invoice.buyer["billing"]), "–")

    @admin.display(description="seller")
    def seller_words(self, invoice: Invoice) -> str:
        parts = [
            invoice.seller["legal_name"],
            *invoice.seller["address"].splitlines(),
            invoice.seller["vat_id"],
        ]
        return ", ".join(part for part in parts if part)

    @admin.display(description="billed to")
    def buyer_words(self, invoice: Invoice) -> str:
        return ", ".join(invoice.buyer["billing"])

    @action(description="PDF", icon="picture_as_pdf", permissions=["view"])
    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rows = Invoice.objects.select_related("order")
        invoice = get_object_or_404(rows, pk=key_of(object_id))
        return pdf(paper.invoice_pdf(invoice), invoice.code)


@register(InvoiceSeries)
class InvoiceSeriesAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "region", "kind", "year", "last_number", "is_test")
    list_filter = ("kind", "year", "is_test")
    fields = ("region", "kind", "year", "is_test", "last_number")


class OrderPaper(ModelAdmin):
    """The sheets of an order, as buttons of its page."""

    def has_bill_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("orders.view_invoice")

    @action(description="Invoice", icon="picture_as_pdf", permissions=["bill"])
    def invoice(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rows = Invoice.objects.select_related("order").filter(kind=Invoice.Kind.INVOICE)
        invoice = get_object_or_404(rows, order_id=key_of(object_id))
        return pdf(paper.invoice_pdf(invoice), invoice.code)

    @action(description="Packing slip", icon="package_2", permissions=["view"])
    def packing_slip(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = get_object_or_404(Order, pk=key_of(object_id))
        return pdf(paper.packing_slip_pdf(order, at=reading.now()), f"packing-slip-{order.reference}")


class ParcelPaper(ModelAdmin):
    """The slip that lies in a parcel, as a button of its page and for many parcels of the list."""

    actions = ("print_slips",)

    @admin.action(description="Print packing slips", permissions=["view"])
    def print_slips(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> HttpResponse | None:
        """One file, oldest parcel first."""
        parcels = list(queryset.order_by("pk")[: paper.SLIPS_AT_ONCE + 1])
        try:
            return pdf(paper.parcel_slips_pdf(parcels, at=reading.now()), f"packing-slips-{len(parcels)}")
        except paper.TooManySlips as refusal:
            messages.error(request, refusal.detail)
            return None

    @action(description="Packing slip", icon="print", permissions=["view"])
    def slip(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rows = Shipment.objects.select_related("order")
        shipment = get_object_or_404(rows, pk=key_of(object_id))
        return pdf(paper.parcel_slip_pdf(shipment), f"packing-slip-{shipment.reference}")


def possible(order: Order) -> set[str]:
    """Return the names of the sheets that an order has."""
    has_invoice = order.invoices.filter(kind=Invoice.Kind.INVOICE).exists()
    found: dict[str, Any] = {"invoice": has_invoice, "packing_slip": order.is_paid}
    return {name for name, there in found.items() if there}
