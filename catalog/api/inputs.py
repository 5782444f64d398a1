"""What the catalogue's addresses take: shapes and ranges only."""

from decimal import Decimal

from django.conf import settings
from rest_framework import serializers

from catalog import search
from catalog.models import Product
from catalog.usage import Method
from shop.api.fields import NamingChoiceField, StrictCharField, StrictIntegerField, StrictSerializer

ORDERINGS = ("position", "name", "-name", "price", "-price")
SEARCH_ORDERINGS = ("relevance", *ORDERINGS)


class CurrencyQuery(serializers.Serializer):
    currency = NamingChoiceField(
        choices=settings.SUPPORTED_CURRENCIES,
        default=settings.DEFAULT_CURRENCY,
        help_text="Prices are given in this currency; products without a price in it are left out.",
    )


class ProductListQuery(CurrencyQuery):
    category = serializers.SlugField(required=False, max_length=120, help_text="Slug of a category.")
    kind = NamingChoiceField(
        choices=[kind.value for kind in Product.Kind],
        required=False,
        help_text="Without it, everything but bundles; a search finds them too.",
    )
    q = serializers.CharField(
        required=False,
        max_length=search.MAX_LENGTH,
        help_text="Words, sizes or SKUs as a shopper types them: typos and everyday names are understood.",
    )
    in_stock = serializers.BooleanField(required=False, allow_null=True, default=None)
    subscribable = serializers.BooleanField(required=False, allow_null=True, default=None)
    ordering = NamingChoiceField(
        choices=SEARCH_ORDERINGS,
        required=False,
        help_text="Without it, relevance for a search and position for a list.",
    )


class BundleListQuery(CurrencyQuery):
    ordering = NamingChoiceField(choices=ORDERINGS, default="position")


class NoQuery(serializers.Serializer):
    """An address without parameters of its own."""


class RefillEstimateLineInput(StrictSerializer):
    sku = StrictCharField(max_length=32)
    quantity = StrictIntegerField(min_value=1, max_value=100, default=1)
    method = NamingChoiceField(choices=[method.value for method in Method], required=False)
    dose = serializers.DecimalField(
        max_digits=7,
        decimal_places=2,
        min_value=Decimal("0.1"),
        max_value=Decimal(2000),
        required=False,
        help_text="g per session; ml per day of a roll-on.",
    )
    sessions_per_week = StrictIntegerField(min_value=1, max_value=7, required=False)
    sprays_per_day = StrictIntegerField(min_value=3, max_value=40, required=False)
    ml_per_spray = serializers.DecimalField(
        max_digits=4,
        decimal_places=2,
        min_value=Decimal("0.10"),
        max_value=Decimal("0.20"),
        required=False,
    )
    people = StrictIntegerField(min_value=1, max_value=12, default=1)
    on_hand = StrictIntegerField(
        min_value=0, max_value=100_000, default=0, help_text="g or ml that are at home already."
    )


class RefillEstimateInput(StrictSerializer):
    lines = RefillEstimateLineInput(many=True, allow_empty=False, max_length=20)  # type: ignore[call-arg]


class BackInStockInput(StrictSerializer):
    sku = StrictCharField(max_length=32)
    email = serializers.EmailField(max_length=254)
