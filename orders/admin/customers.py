"""Who pays, with which cards, and what they agreed to."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from orders.admin import looks
from orders.models import Consent, Customer, SavedCard
from shop.admin import ReadOnlyAdmin, Table, register, time_column, when
from shop.money import format_money


@register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    list_display = ("email", "name", "user", "locale", "timezone", "created")
    list_select_related = ("user",)
    search_prefixes = {"email__istartswith": str, "stripe_customer_id__startswith": str}
    search_help_text = "The beginning of an e-mail address or of a customer's id at Stripe"
    fields = ("email", "name", "user", "locale", "timezone", "stripe_customer_id", "created")
    readonly_fields = ("created",)

    created = time_column("created_at", "since")

    def get_tables(self, request: HttpRequest, obj: Customer) -> Sequence[Table]:
        cards = [
            (str(card), _expiry(card), when(card.created_at), when(card.removed_at))
            for card in obj.cards.all()
        ]
        orders = [
            (order.reference, when(order.placed_at), format_money(order.total, order.currency), order.status)
            for order in obj.orders.all()[:50]
        ]
        return [
            Table("Saved cards", ("card", "expires", "saved", "removed"), cards),
            Table("Latest orders", ("reference", "placed", "total", "status"), orders),
        ]


@register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = ("order", "kind", "customer", "ip_address", "given")
    list_filter = ("kind",)
    list_select_related = ("order", "customer")
    search_prefixes = {"order__reference__startswith": str.upper}
    search_help_text = "The beginning of an order's reference"
    fields = ("order", "kind", "customer", "text", "text_sha256", "agreed", "ip_address", "given")
    readonly_fields = ("agreed", "given")

    given = time_column("given_at", "given")

    @admin.display(description="as shown then")
    def agreed(self, consent: Consent) -> str:
        if consent.kind == Consent.Kind.TERMS:
            return f"version {consent.terms.get('version', '–')}"
        return "; ".join(_item(item) for item in consent.terms.get("items", [])) or "–"


def _expiry(card: SavedCard) -> str:
    return f"{card.exp_month:02d}/{card.exp_year}"


def _item(item: dict[str, Any]) -> str:
    every = item["interval"]
    price = format_money(item["unit_price"], item["currency"])
    return f"{item['quantity']} × {item['sku']} at {price}, {looks.interval(every['count'], every['unit'])}"
