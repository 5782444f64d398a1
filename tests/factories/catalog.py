"""Goods for tests: rows by factories, stock only through the inventory verbs."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import factory
from factory.django import DjangoModelFactory

from catalog import inventory
from catalog.models import BundleComponent, Category, Lot, Price, Product, Variant

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PRICES_SINCE = AT - timedelta(days=90)
BEST_BEFORE = date(2029, 9, 30)
DEFAULT_PRICES = {"GBP": 1250, "EUR": 1450, "USD": 1595}


class CategoryFactory(DjangoModelFactory):
    class Meta:
        model = Category
        django_get_or_create = ("slug",)

    slug = "bath-flakes"
    name = factory.LazyAttribute(lambda row: row.slug.replace("-", " ").capitalize())


class ProductFactory(DjangoModelFactory):
    class Meta:
        model = Product

    code = factory.Sequence(lambda n: f"FLK-T{n}")
    slug = factory.Sequence(lambda n: f"test-flakes-{n}")
    name = factory.Sequence(lambda n: f"Test flakes {n}")
    category = factory.SubFactory(CategoryFactory)
    kind = Product.Kind.FLAKES
    is_published = True
    mgcl2_percent = Decimal("46.80")
    label_dose = factory.LazyFunction(
        lambda: {"bath_g": [250, 500], "foot_g": [100, 250], "max_sessions_per_week": 7}
    )
    usage_defaults = factory.LazyFunction(
        lambda: {"bath_g": 300, "foot_g": 150, "minutes": [20, 30], "sessions_per_week": 3}
    )
    caution_codes = factory.LazyFunction(lambda: ["EXT_ONLY", "NUMB_FEET"])
    durability_months = 36


class VariantFactory(DjangoModelFactory):
    class Meta:
        model = Variant

    product = factory.SubFactory(ProductFactory)
    sku = factory.Sequence(lambda n: f"FLK-T{n}-1000")
    name = "1 kg pouch"
    net_content = 1000
    net_unit = Variant.Unit.GRAM
    gross_weight_g = 1045
    is_subscribable = True
    refill_discount_percent = Decimal("10.00")


class PriceFactory(DjangoModelFactory):
    class Meta:
        model = Price

    variant = factory.SubFactory(VariantFactory)
    currency = "GBP"
    kind = Price.Kind.LIST
    amount = 1250
    starts_at = PRICES_SINCE


def put_in_stock(
    variant: Variant, quantity: int, *, best_before_on: date = BEST_BEFORE, code: str = "", at: datetime = AT
) -> Lot | None:
    """Receive and release units of a variant; return their lot, None for goods without lots."""
    number = variant.movements.count() + 1
    cause = f"test:{variant.sku}:{number}"
    if not variant.is_lot_tracked:
        inventory.receive_count(variant, quantity, cause=cause, at=at)
        return None
    return inventory.receive_lot(
        variant=variant, code=code or f"L-{variant.sku}-{number}", quantity=quantity,
        best_before_on=best_before_on, cause=cause, at=at, release=True,
    )  # fmt: skip


def make_variant(
    *, stock: int = 10, prices: dict[str, int] | None = None, at: datetime = AT, **fields: Any
) -> Variant:
    """Return a published variant with list prices (minor units by currency) and sellable stock."""
    variant = VariantFactory.create(**fields)
    for currency, amount in (DEFAULT_PRICES if prices is None else prices).items():
        PriceFactory.create(variant=variant, currency=currency, amount=amount)
    if stock:
        put_in_stock(variant, stock, at=at)
    return variant


def make_oil(**fields: Any) -> Variant:
    """Return a variant of a brine: 100 ml at 31 % unless told otherwise."""
    product = ProductFactory.create(
        kind=Product.Kind.OIL,
        category__slug="magnesium-oil",
        mgcl2_percent=Decimal("31.00"),
        density_g_per_ml=Decimal("1.280"),
        ml_per_spray=Decimal("0.15"),
        label_dose={"sprays_per_day": [3, 20]},
        usage_defaults={"sprays_per_day": 10, "days_per_week": 7},
        durability_months=24,
    )
    return make_variant(
        **{"product": product, "name": "100 ml", "net_content": 100, "net_unit": "ml", **fields}
    )


def make_bundle(
    components: list[tuple[Variant, int]], *, prices: dict[str, int] | None = None, **fields: Any
) -> Variant:
    """Return the variant of a virtual bundle; it has no stock of its own."""
    product = ProductFactory.create(
        kind=Product.Kind.BUNDLE, mgcl2_percent=None, label_dose={}, usage_defaults={}, caution_codes=[]
    )
    defaults = {"product": product, "name": "set", "net_content": 1, "net_unit": Variant.Unit.EACH}
    bundle = make_variant(stock=0, prices=prices or {"GBP": 2250}, **{**defaults, **fields})
    for variant, quantity in components:
        BundleComponent.objects.create(bundle=bundle, variant=variant, quantity=quantity)
    return bundle
