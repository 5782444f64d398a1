"""Products and estimates as JSON. Plain dictionaries: a list page builds hundreds of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from catalog import inventory, pictures, pricing, usage
from catalog.cautions import cautions_for
from catalog.models import BundleComponent, Product, Variant
from catalog.pricing import Offer
from shop.api.fields import money
from shop.images import api as images

Offers = Mapping[int, Offer]

BEST_FIRST = ("in_stock", "low", "out")


def loaded(products: "QuerySet[Product]") -> "QuerySet[Any]":
    """Load products with all that their representation looks at: three queries whatever their number."""
    variants = inventory.with_stock(Variant.objects.filter(archived_at__isnull=True))
    whole = products.select_related("category").prefetch_related(Prefetch("variants", variants))
    return whole.annotate(picture_list=pictures.riding_along())


def offers_of(products: Sequence[Product], currency: str, at: datetime) -> Offers:
    """Return the offers of all variants of loaded products, and of the components of bundles. One query."""
    variants = [variant for product in products for variant in product.variants.all()]
    parts = [part.variant for variant in variants for part in variant.components.all()]
    return pricing.offers_for([*variants, *parts], currency, at)


def product_item(product: Any, offers: Offers) -> dict[str, Any]:
    """Return a product as a list shows it. Variants without a price in the currency are left out."""
    priced = [variant for variant in product.variants.all() if variant.pk in offers]
    variants = [variant_of(variant, offers) for variant in priced]
    lowest = min(priced, key=lambda variant: offers[variant.pk].amount)
    return {
        "slug": product.slug,
        "name": product.name,
        "summary": product.summary,
        "kind": product.kind,
        "category": product.category.slug,
        "price_from": money(offers[lowest.pk].amount, offers[lowest.pk].currency),
        "availability": min((row["availability"] for row in variants), key=BEST_FIRST.index),
        "images": [images.as_json(row) for row in product.picture_list],
        "variants": variants,
    }


def product_detail(product: Any, offers: Offers) -> dict[str, Any]:
    """Return a product with everything that its own page shows."""
    return {
        **product_item(product, offers),
        "description": product.description,
        "attributes": _attributes(product),
        "magnesium": _magnesium(product),
        "usage": [_guide(guide) for guide in usage.guides_for(product)],
        "cautions": [asdict(caution) for caution in cautions_for(product.caution_codes)],
        "storage": product.storage,
        "return_rule": product.return_rule,
        "pairs_with": [
            {"slug": other.slug, "name": other.name}
            for other in product.pairs_with.all()
            if other.is_published
        ],
    }


def variant_of(variant: Variant, offers: Offers) -> dict[str, Any]:
    """Return a variant with its offer and the state of its shelf."""
    offer = offers[variant.pk]
    currency, prior = offer.currency, offer.lowest_prior_amount
    return {
        "sku": variant.sku,
        "gtin": variant.gtin,
        "name": variant.name,
        "net_content": {"value": variant.net_content, "unit": variant.net_unit},
        "gross_weight_g": variant.gross_weight_g,
        "dimensions_mm": _dimensions(variant),
        "min_remaining_life_days": variant.min_remaining_life_days if variant.is_lot_tracked else None,
        "is_subscribable": variant.is_subscribable,
        "price": money(offer.amount, currency),
        "list_price": money(offer.list_amount, currency),
        "unit_price": _unit_price(offer.amount, currency, variant),
        "lowest_prior_price": None if prior is None else money(prior, currency),
        "reduction_percent": offer.reduction_percent,
        "refill": _refill(variant, offer),
        "availability": inventory.stock_state(inventory.available_of(variant)),
        "components": _components(variant, offers),
    }


def _dimensions(variant: Variant) -> dict[str, int] | None:
    sides = {"length": variant.length_mm, "width": variant.width_mm, "height": variant.height_mm}
    known = {name: side for name, side in sides.items() if side is not None}
    return known if len(known) == len(sides) else None


def _unit_price(amount: int, currency: str, variant: Variant, pieces: int = 1) -> dict[str, Any] | None:
    found = pricing.unit_price(amount, currency, variant, pieces=pieces)
    if found is None:
        return None
    return {**money(found.amount, currency), "unit": found.unit, "label": found.label}


def _refill(variant: Variant, offer: Offer) -> dict[str, Any] | None:
    if offer.refill_amount is None:
        return None
    usual = usage.default_refill(variant)
    return {
        "price": money(offer.refill_amount, offer.currency),
        "unit_price": _unit_price(offer.refill_amount, offer.currency, variant),
        "interval": _interval(usual.interval_days) if usual else None,
        "quantity": usual.quantity if usual else None,
    }


def _interval(days: int) -> dict[str, Any]:
    """Return a cadence as subscriptions take it; all cadences are whole weeks."""
    return {"unit": "week", "count": days // 7}


def _components(variant: Variant, offers: Offers) -> list[dict[str, Any]]:
    """Return what a bundle is made of; the shares are unknown while a part has no price in the currency."""
    parts = list(variant.components.all())
    offer = offers[variant.pk]
    shares: dict[int, int] = {}
    if all(part.variant_id in offers for part in parts) and parts:
        split = pricing.component_shares(variant, offer.amount, offers)
        shares = {part.pk: share for part, _, share in split}
    return [_component(part, offers, shares.get(part.variant_id), offer.currency) for part in parts]


def _component(part: BundleComponent, offers: Offers, share: int | None, currency: str) -> dict[str, Any]:
    alone = offers.get(part.variant_id)
    return {
        "sku": part.variant.sku,
        "product": part.variant.product.slug,
        "name": f"{part.variant.product.name}, {part.variant.name}",
        "quantity": part.quantity,
        "in_refill": part.in_refill,
        "price": money(alone.amount, currency) if alone else None,
        "share": None if share is None else money(share, currency),
        "unit_price": None if share is None else _unit_price(share, currency, part.variant, part.quantity),
    }


def _attributes(product: Product) -> dict[str, Any]:
    names = (
        "inci", "form", "scent", "fragrance_allergens", "material", "origin_country", "origin_note", "grade",
        "durability_months", "pao_months", "hs_code",
    )  # fmt: skip
    share = product.mgcl2_percent
    return {
        **{name: getattr(product, name) for name in names},
        "mgcl2_percent": None if share is None else float(share),
        "vegan": product.is_vegan,
    }


def _magnesium(product: Product) -> dict[str, Any] | None:
    content = usage.magnesium_of(product)
    if content is None:
        return None
    spray = content.mg_per_spray
    return {
        "percent": float(content.percent),
        "mg_per_ml": content.mg_per_ml,
        "mg_per_spray": None if spray is None else float(spray),
    }


def _guide(guide: usage.UsageGuide) -> dict[str, Any]:
    doses = {name: float(getattr(guide, name)) for name in ("dose_low", "dose_high", "dose_default")}
    return {
        "method": guide.method.value,
        "title": guide.title,
        "unit": guide.unit,
        **doses,
        "sessions_per_week": guide.sessions_per_week,
        "water_litres": guide.water_litres,
        "temperature_max_c": guide.temperature_max_c,
        "minutes": guide.minutes and list(guide.minutes),
        "frequency": guide.frequency,
        "steps": list(guide.steps),
        "cautions": [asdict(caution) for caution in guide.cautions],
    }


def estimate_line(found: usage.LineEstimate) -> dict[str, Any]:
    """Return what the estimator says of one line."""
    refill = found.recommendation
    return {
        "sku": found.variant.sku,
        "method": found.method.value,
        "days": asdict(found.days),
        "usable_days": found.usable_days,
        "recommendation": {"interval": _interval(refill.interval_days), **asdict(refill)} if refill else None,
        "reason": asdict(found.reason) if found.reason else None,
        "alternative_sku": found.alternative.sku if found.alternative else None,
        "assumptions": found.assumptions,
        "first_refill_on": found.first_refill_on.isoformat(),
        "label_dose_exceeded": found.label_dose_exceeded,
        "warnings": found.warnings,
    }
