"""Sample data for development and demos: a catalogue of invented prices and lots.

What is missing is created, what exists is left alone, so a second run changes nothing and staff's edits stay.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.db import transaction

from catalog import inventory, pricing
from catalog.models import (
    BundleComponent,
    Category,
    Lot,
    Price,
    Product,
    RawLot,
    StockMovement,
    Synonym,
    Variant,
)
from shop.money import percent_of

_FIXTURES = Path(__file__).parent / "fixtures"
FIXTURE = _FIXTURES / "catalog.json"
PRICES_START_BEFORE = timedelta(days=60)
REFILL_DISCOUNT_PERCENT = 10
# Lots that the fixture does not name: packed lately, this many times the reorder point of them.
PACKED_DAYS_BEFORE = 30
STOCK_PER_REORDER_POINT = 3
DAYS_PER_MONTH = 30.4375
SET_CATEGORY = "sets"

PLAIN_FIELDS = (
    "code", "slug", "name", "summary", "description", "kind", "regulatory_class", "inci", "mgcl2_percent",
    "density_g_per_ml", "ml_per_spray", "form", "scent", "fragrance_allergens", "material", "origin_country",
    "origin_note", "grade", "is_vegan", "label_dose", "usage_defaults", "caution_codes", "durability_months",
    "pao_months", "hs_code", "tax_code", "return_rule",
)  # fmt: skip


@lru_cache(maxsize=1)
def facts() -> dict[str, Any]:
    """Return the fixture as it is written, dates not yet shifted."""
    return json.loads(FIXTURE.read_text(encoding="utf-8"))


@transaction.atomic
def load(*, at: datetime) -> dict[str, int]:
    """Create what is missing of the sample catalogue and return how many rows each kind gained.

    Dates move so that the fixture's reference date becomes the date of `at`. Stock arrives through the
    inventory verbs, each lot under the cause "sample:<code>".
    """
    before = _counts()
    _load_categories(facts()["categories"])
    _load_sayings()
    _load_products([*facts()["products"], *map(_product_of_bundle, facts()["bundles"])])
    _load_variants([*facts()["variants"], *map(_variant_of_bundle, facts()["bundles"])])
    variants = {variant.sku: variant for variant in Variant.objects.select_related("product")}
    _load_components(facts()["bundles"], variants)
    _load_prices([*facts()["variants"], *facts()["bundles"]], variants, at)
    _load_refill_prices(facts()["bundles"], variants, at)
    shift = inventory.shop_date(at) - date.fromisoformat(facts()["reference_date"])
    _load_raw_lots(facts()["raw_lots"], shift)
    _load_lots(facts()["lots"], variants, shift, at)
    _fill_the_rest(variants, at)
    return {name: n - before[name] for name, n in _counts().items()}


def _counts() -> dict[str, int]:
    kinds = (Category, Product, Variant, Price, RawLot, Lot, StockMovement)
    return {kind._meta.model_name or "": kind._default_manager.count() for kind in kinds}


def _load_sayings() -> None:
    """What shoppers call things, where there is nothing: a migration brings it, tests empty all tables."""
    if not Synonym.objects.exists():
        Synonym.objects.bulk_create(
            Synonym(saying=saying, means=means)
            for saying, means in json.loads((_FIXTURES / "sayings.json").read_text(encoding="utf-8")).items()
        )


def _load_categories(rows: Iterable[Mapping[str, Any]]) -> None:
    known = set(Category.objects.values_list("slug", flat=True))
    Category.objects.bulk_create(
        Category(position=position, **row) for position, row in enumerate(rows, 1) if row["slug"] not in known
    )


def _product_of_bundle(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("slug", "name", "summary", "description", "pairs_with")
    rest = {"code": row["sku"], "category": SET_CATEGORY, "kind": Product.Kind.BUNDLE}
    return {**{name: row[name] for name in names}, **rest, "return_rule": "sealed_hygiene"}


def _variant_of_bundle(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("sku", "gtin", "gross_weight_g", "is_subscribable", "prices")
    rest = {"product": row["sku"], "name": "Set", "net_content": 1, "net_unit": Variant.Unit.EACH}
    return {**{name: row[name] for name in names}, **rest, "is_lot_tracked": False}


def _load_products(rows: Iterable[Mapping[str, Any]]) -> None:
    known = set(Product.objects.values_list("code", flat=True))
    categories = {category.slug: category for category in Category.objects.all()}
    fresh = [(place, row) for place, row in enumerate(rows, 1) if row["code"] not in known]
    Product.objects.bulk_create(
        Product(
            category=categories[row["category"]],
            is_published=True,
            position=place,
            directions={way: facts()["directions"][key] for way, key in row.get("directions", {}).items()},
            storage=facts()["storage"].get(row.get("storage"), ""),
            **{name: row[name] for name in PLAIN_FIELDS if name in row},
        )
        for place, row in fresh
    )
    products = {product.code: product for product in Product.objects.all()}
    for _, row in fresh:
        products[row["code"]].pairs_with.add(*(products[code] for code in row["pairs_with"]))


def _load_variants(rows: Iterable[Mapping[str, Any]]) -> None:
    known = set(Variant.objects.values_list("sku", flat=True))
    products = {product.code: product for product in Product.objects.all()}
    skipped = {"product", "prices", "dimensions_mm"}
    for place, row in enumerate(rows, 1):
        if row["sku"] in known:
            continue
        length, width, height = row.get("dimensions_mm", (None, None, None))
        Variant.objects.create(
            product=products[row["product"]],
            length_mm=length,
            width_mm=width,
            height_mm=height,
            position=place,
            refill_discount_percent=REFILL_DISCOUNT_PERCENT if row["is_subscribable"] else 0,
            **{name: value for name, value in row.items() if name not in skipped},
        )


def _load_components(bundles: Iterable[Mapping[str, Any]], variants: Mapping[str, Variant]) -> None:
    known = set(BundleComponent.objects.values_list("bundle__sku", flat=True))
    BundleComponent.objects.bulk_create(
        BundleComponent(
            bundle=variants[bundle["sku"]],
            variant=variants[part["sku"]],
            quantity=part["quantity"],
            in_refill=part["in_refill"],
        )
        for bundle in bundles
        if bundle["sku"] not in known
        for part in bundle["components"]
    )


def _load_prices(rows: Iterable[Mapping[str, Any]], variants: Mapping[str, Variant], at: datetime) -> None:
    known = set(Price.objects.filter(kind=Price.Kind.LIST).values_list("variant__sku", "currency"))
    Price.objects.bulk_create(
        Price(
            variant=variants[row["sku"]],
            currency=currency,
            amount=amount,
            starts_at=at - PRICES_START_BEFORE,
        )
        for row in rows
        for currency, amount in row["prices"].items()
        if (row["sku"], currency) not in known
    )


def _load_refill_prices(
    bundles: Iterable[Mapping[str, Any]], variants: Mapping[str, Variant], at: datetime
) -> None:
    """Price refills of bundles that leave a part out: the shares of what comes again, less the discount."""
    known = set(Price.objects.filter(kind=Price.Kind.REFILL).values_list("variant__sku", "currency"))
    for row in bundles:
        kept = {part["sku"] for part in row["components"] if part["in_refill"]}
        if not row["is_subscribable"] or len(kept) == len(row["components"]):
            continue
        for currency, amount in row["prices"].items():
            if (row["sku"], currency) in known:
                continue
            offers = pricing.offers_for(variants.values(), currency, at)
            shares = pricing.component_shares(variants[row["sku"]], amount, offers)
            again = sum(share for variant, _, share in shares if variant.sku in kept)
            Price.objects.create(
                variant=variants[row["sku"]],
                currency=currency,
                kind=Price.Kind.REFILL,
                amount=again - percent_of(again, variants[row["sku"]].refill_discount_percent),
                starts_at=at - PRICES_START_BEFORE,
            )


def _load_raw_lots(rows: Iterable[Mapping[str, Any]], shift: timedelta) -> None:
    known = set(RawLot.objects.values_list("code", flat=True))
    RawLot.objects.bulk_create(
        RawLot(**{**row, "received_on": date.fromisoformat(row["received_on"]) + shift})
        for row in rows
        if row["code"] not in known
    )


def _load_lots(
    rows: Iterable[Mapping[str, Any]], variants: Mapping[str, Variant], shift: timedelta, at: datetime
) -> None:
    known = set(Lot.objects.values_list("variant__sku", "code"))
    raw = {lot.code: lot for lot in RawLot.objects.all()}
    for row in rows:
        if (row["sku"], row["code"]) in known:
            continue
        lot = inventory.receive_lot(
            variant=variants[row["sku"]],
            code=row["code"],
            quantity=row["quantity"],
            best_before_on=date.fromisoformat(row["best_before_on"]) + shift,
            packed_on=date.fromisoformat(row["packed_on"]) + shift,
            raw_lots=[raw[code] for code in row["raw_lots"]],
            note=row.get("note", ""),
            cause=f"sample:{row['code']}",
            at=at,
            release=True,
        )
        if row["status"] == Lot.Status.RECALLED:
            reason = row.get("note", "")
            inventory.recall(lot, actor=None, cause=f"sample:{row['code']}", at=at, reason=reason)


def _fill_the_rest(variants: Mapping[str, Variant], at: datetime) -> None:
    """Give every variant of the fixture that names no lot some stock to sell."""
    named = {row["sku"] for row in facts()["lots"]}
    causes = set(StockMovement.objects.filter(cause__startswith="sample:").values_list("cause", flat=True))
    for row in facts()["variants"]:
        variant = variants[row["sku"]]
        code = f"S-{variant.sku}"
        if variant.sku in named or f"sample:{code}" in causes:
            continue
        quantity = STOCK_PER_REORDER_POINT * row["reorder_point"]
        if variant.is_lot_tracked:
            _receive_generated(variant, code, quantity, at)
        else:
            inventory.receive_count(variant, quantity, cause=f"sample:{code}", at=at)


def _receive_generated(variant: Variant, code: str, quantity: int, at: datetime) -> None:
    packed_on = inventory.shop_date(at) - timedelta(days=PACKED_DAYS_BEFORE)
    months = variant.product.durability_months or 0
    inventory.receive_lot(
        variant=variant,
        code=code,
        quantity=quantity,
        packed_on=packed_on,
        best_before_on=packed_on + timedelta(days=int(months * DAYS_PER_MONTH)) if months else None,
        cause=f"sample:{code}",
        at=at,
        release=True,
    )
