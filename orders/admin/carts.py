"""Carts, to look at. The token that opens a cart is its key, so it is not shown."""

from collections.abc import Sequence

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from orders import carts
from orders.admin import looks
from orders.models import Cart
from shop.admin import ReadOnlyAdmin, Table, register, time_column
from shop.clock import reading
from shop.money import format_money


@register(Cart)
class CartAdmin(ReadOnlyAdmin):
    list_display = ("number", "email", "country", "currency", "lines", "ordered_as", "created", "updated")
    list_filter = ("currency",)
    list_select_related = ("order",)
    search_prefixes = {"order__reference__startswith": str.upper}
    search_help_text = "The beginning of the reference of the order that it became"
    fields = (
        "email", "user", "country", "currency", "locale", "ship_to", "shipping_method", "ordered_as",
        "created", "updated",
    )  # fmt: skip
    readonly_fields = ("ship_to", "ordered_as", "created", "updated")

    created = time_column("created_at", "begun")
    updated = time_column("updated_at", "changed")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Cart]:
        return super().get_queryset(request).annotate(line_count=Count("lines"))

    def get_tables(self, request: HttpRequest, obj: Cart) -> Sequence[Table]:
        found = carts.view(obj, at=reading.now())
        lines = [
            (
                line.variant.sku,
                line.variant.product.name,
                line.quantity,
                looks.interval(line.refill_count, line.refill_unit),
            )
            for line in found.lines
        ]
        total = format_money(found.quote.total, obj.currency)
        problems = [(problem.sku or "–", problem.detail) for problem in found.problems]
        return [
            Table(f"Lines: {total} at today's prices", ("SKU", "product", "units", "refill"), lines),
            Table("What keeps it from being ordered", ("SKU", "problem"), problems),
        ]

    @admin.display(description="cart", ordering="pk")
    def number(self, cart: Cart) -> str:
        return f"no. {cart.pk}"

    @admin.display(description="lines", ordering="line_count")
    def lines(self, cart: Cart) -> int:
        return cart.line_count  # type: ignore[attr-defined]

    @admin.display(description="ordered as")
    def ordered_as(self, cart: Cart) -> str:
        return cart.order.reference if hasattr(cart, "order") else "–"

    @admin.display(description="ship to")
    def ship_to(self, cart: Cart) -> SafeString | str:
        return looks.address(cart.shipping_address)
