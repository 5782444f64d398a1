"""Orders: the list, and everything about one of them on a page."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from orders import address_hints, advice
from orders.admin import looks, order_tables
from orders.admin.order_buttons import OrderButtons
from orders.models import Order, Payment
from shop.admin import ReadOnlyAdmin, Table, badges, money_column, register, time_column, when
from shop.money import format_money


class ReviewFilter(admin.SimpleListFilter):
    title = "review"
    parameter_name = "review"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("waiting", "waits for review"), ("none", "does not")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        if self.value() == "waiting":
            return queryset.exclude(review_reason="")
        return queryset.filter(review_reason="") if self.value() == "none" else queryset


@register(Order)
class OrderAdmin(OrderButtons, ReadOnlyAdmin):
    list_display = (
        "reference",
        "placed",
        "email",
        "country",
        "status_badge",
        "payment_badge",
        "fulfilment_badge",
        "total_column",
        "flags",
    )
    list_filter = (
        "status",
        "payment_status",
        "fulfilment_status",
        ReviewFilter,
        "is_disputed",
        "is_test",
        "origin",
    )
    search_prefixes = {"reference__startswith": str.upper, "email__istartswith": str}
    search_help_text = "The beginning of a reference or of an e-mail address"
    readonly_fields = (
        "statuses", "flags", "next_step", "review", "placed", "paid", "closed", "hold", "sums", "received",
        "stripe", "ship_to", "bill_to", "way",
    )  # fmt: skip

    placed = time_column("placed_at", "placed")
    paid = time_column("paid_at", "paid")
    closed = time_column("closed_at", "cancelled or expired")
    hold = time_column("hold_expires_at", "stock held until")
    total_column = money_column("total", "total")

    def get_fieldsets(self, request: HttpRequest, obj: Order | None = None) -> Any:
        """Facts that an order does not have take no room."""
        when_true = {
            "next_step": obj and (obj.review_reason or obj.is_disputed),
            "review": obj and obj.review_reason,
            "closed": obj and obj.closed_at,
            "hold": obj and obj.hold_expires_at,
        }
        occasional = [name for name, value in when_true.items() if value]
        people = [name for name in ("user", "customer") if obj and getattr(obj, f"{name}_id")]
        return (
            ("Order", {"fields": (("statuses", "flags"), ("placed", "paid"), *occasional)}),
            ("Customer", {"fields": (("email", "locale"), *people)}),
            ("Money", {"fields": ("sums", "received", "stripe")}),
            ("Delivery", {"fields": (("ship_to", "bill_to"), "way")}),
        )

    def get_tables(self, request: HttpRequest, obj: Order) -> Sequence[Table]:
        return order_tables.tables(obj)

    @display(description="status", ordering="status", label=looks.STATUS)
    def status_badge(self, order: Order) -> str:
        return order.status

    @display(description="payment", ordering="payment_status", label=looks.PAYMENT)
    def payment_badge(self, order: Order) -> tuple[str, str]:
        return order.payment_status, looks.words(order.payment_status)

    @display(description="fulfilment", ordering="fulfilment_status", label=looks.FULFILMENT)
    def fulfilment_badge(self, order: Order) -> str:
        return order.fulfilment_status

    @admin.display(description="flags")
    def flags(self, order: Order) -> SafeString | str:
        return badges(*looks.flags(order)) or "–"

    @admin.display(description="status")
    def statuses(self, order: Order) -> SafeString:
        return badges(
            (order.status, looks.STATUS[order.status]),
            (looks.words(order.payment_status), looks.PAYMENT[order.payment_status]),
            (order.fulfilment_status, looks.FULFILMENT[order.fulfilment_status]),
        )

    @admin.display(description="what to do next")
    def next_step(self, order: Order) -> str:
        payment = Payment.objects.filter(order=order).first()
        return advice.for_payment(payment) if payment is not None else "–"

    @admin.display(description="why a review")
    def review(self, order: Order) -> str:
        return order.review_reason or "–"

    @admin.display(description="total")
    def sums(self, order: Order) -> str:
        def show(amount: int) -> str:
            return format_money(amount, order.currency)

        parts = [f"{show(order.items_total)} items"]
        if order.discount_total:
            parts.append(f"− {show(order.discount_total)} discount")
        parts.append(f"+ {show(order.shipping_total)} shipping")
        if order.shipping_discount:
            parts.append(f"({show(order.shipping_discount)} of shipping discounted)")
        if not order.tax_included:
            parts.append(f"+ {show(order.tax_total)} tax")
        note = f", {show(order.tax_total)} tax in it" if order.tax_included else ""
        return f"{show(order.total)} = {' '.join(parts)}{note}"

    @admin.display(description="received")
    def received(self, order: Order) -> str:
        payment = Payment.objects.filter(order=order).first()
        if payment is None or payment.succeeded_at is None:
            return "nothing yet"
        said = format_money(payment.amount_received, payment.currency)
        if payment.amount_refunded:
            said += f", of which {format_money(payment.amount_refunded, payment.currency)} went back"
        if payment.amount_lost:
            said += f", {format_money(payment.amount_lost, payment.currency)} lost to a dispute"
        return said

    @admin.display(description="at Stripe")
    def stripe(self, order: Order) -> str:
        payment = Payment.objects.filter(order=order).first()
        if payment is None or not payment.stripe_payment_intent_id:
            return "no payment was opened"
        declined = f", last declined: {payment.last_decline_code}" if payment.last_decline_code else ""
        status = looks.words(payment.intent_status) or "not heard of yet"
        return f"{payment.stripe_payment_intent_id}: {status}{declined}; read {when(payment.checked_at)}"

    @admin.display(description="ship to")
    def ship_to(self, order: Order) -> SafeString | str:
        odd = [hint.detail for hint in address_hints.hints(order.shipping_address)]
        shown = looks.address(order.shipping_address)
        return format_html("{}{}", shown, format_html_join("", "<br>⚠ {}", ((words,) for words in odd)))

    @admin.display(description="bill to")
    def bill_to(self, order: Order) -> SafeString | str:
        same = order.billing_address == order.shipping_address
        return "the same" if same else looks.address(order.billing_address)

    @admin.display(description="way")
    def way(self, order: Order) -> str:
        days = f"{order.transit_days_min}–{order.transit_days_max} days"
        return f"{order.shipping_method_name} ({order.shipping_zone}), {days}"
