"""Bundles in the admin: what a set is made of, how many can be promised, how its price splits."""

from datetime import datetime

from django.conf import settings
from unfold.admin import TabularInline

from catalog import inventory, pricing
from catalog.models import BundleComponent, Variant
from shop.admin import Table, counted
from shop.money import format_money


class BundleComponentInline(TabularInline):
    """What a set is made of. Orders keep what they were agreed on; carts and pages follow at once."""

    model = BundleComponent
    fk_name = "bundle"
    extra = 1
    verbose_name = "component"
    verbose_name_plural = "made of"
    autocomplete_fields = ("variant",)


def bundle_tables(bundle: Variant, *, at: datetime) -> list[Table]:
    """Return how many sets can be promised and why not more, and how each price splits over the parts."""
    loaded = inventory.with_stock(Variant.objects.select_related("product")).get(pk=bundle.pk)
    parts = list(loaded.components.all())
    shelf = [
        (
            part.variant.sku,
            part.quantity,
            stock.available if (stock := getattr(part.variant, "stock", None)) else 0,
            "yes" if part.variant.is_sold else "no: so the set is not sold either",
        )
        for part in parts
    ]
    title = f"{counted(max(0, inventory.available_of(loaded)), 'set')} can be promised now"
    if not parts:
        title = "A set without components is not sold: enter what it is made of"
    tables = [Table(title, ("component", "in one set", "units available", "sold"), shelf)]
    for currency in settings.SUPPORTED_CURRENCIES:
        tables += _split_table(loaded, currency, at)
    return tables


def _split_table(bundle: Variant, currency: str, at: datetime) -> list[Table]:
    parts = [part.variant for part in bundle.components.all()]
    offers = pricing.offers_for([bundle, *parts], currency, at)
    if not parts or bundle.pk not in offers:
        return []
    amount = offers[bundle.pk].amount
    try:
        shares = pricing.component_shares(bundle, amount, offers)
    except pricing.NotPriced as refusal:
        return [Table(f"{format_money(amount, currency)} a set", ("problem",), [(refusal.detail,)])]
    alone = sum(offers[part.pk].amount * pieces for part, pieces, _ in shares)
    rows = []
    for part, pieces, share in shares:
        unit = pricing.unit_price(share, currency, part, pieces=pieces)
        own = format_money(offers[part.pk].amount * pieces, currency)
        rows.append((part.sku, pieces, own, format_money(share, currency), unit.label if unit else "–"))
    title = f"{format_money(amount, currency)} a set; its parts one by one {format_money(alone, currency)}"
    return [Table(title, ("component", "pieces", "by itself", "share of the price", "unit price"), rows)]
