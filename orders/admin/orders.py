"""Orders: the list, and everything about one of them on a page."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from orders import address_hints, advice
from orders.admin import looks, order_tables
from orders.admin.order_buttons import OrderButtons
from orders.models import Order, OrderLine, Payment, Shipment
from orders.models.order import NAME_TO_FIND, POSTCODE_TO_FIND
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


def _may_be_a_name(term: str) -> bool:
    """Return whether to look through names: an address would find every name that it is made of, and fewer
    than three letters have no trigram, so that the index would be read whole.
    """
    is_address = "@" in term or ("." in term and " " not in term)
    return len(term) >= 3 and not is_address and not any(letter.isdigit() for letter in term)


def _parcels(**known: str) -> QuerySet[Any, Any]:
    return Shipment.objects.filter(**known).order_by().values_list("order", flat=True)


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
    # Drawing a row costs more than finding it: half a page keeps a search within 200 ms.
    list_per_page = 25
    search_prefixes = {"reference__startswith": str.upper, "email__istartswith": str}
    search_help_text = (
        "The beginning of a reference, e-mail address, postcode or tracking number; a part of the name on "
        "the parcel; a whole SKU. Of more than 500 it shows some: type more"
    )
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

    def other_ways_to_find(self, term: str) -> list[QuerySet[Any, Any]]:
        orders, upper = Order.objects.order_by(), term.upper()
        ways: list[QuerySet[Any, Any]] = [
            orders.alias(code=POSTCODE_TO_FIND).filter(code__startswith=upper.replace(" ", "")),
        ]
        if _may_be_a_name(term):
            ways.append(orders.alias(name=NAME_TO_FIND).filter(name__contains=upper))
        return [
            *(way.values_list("pk", flat=True) for way in ways),
            OrderLine.objects.filter(sku=upper).order_by("-order").values_list("order", flat=True),
            _parcels(tracking_number__startswith=upper),
            _parcels(reference__startswith=upper),
        ]

    def get_tables(self, request: HttpRequest, obj: Order) -> Sequence[Table]:
        return order_tables.tables(obj)

    @admin.display(description="status", ordering="status")
    def status_badge(self, order: Order) -> SafeString:
        return badges((order.status, looks.STATUS[order.status]))

    @admin.display(description="payment", ordering="payment_status")
    def payment_badge(self, order: Order) -> SafeString:
        return badges((looks.words(order.payment_status), looks.PAYMENT[order.payment_status]))

    @admin.display(description="fulfilment", ordering="fulfilment_status")
    def fulfilment_badge(self, order: Order) -> SafeString:
        return badges((order.fulfilment_status, looks.FULFILMENT[order.fulfilment_status]))

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
