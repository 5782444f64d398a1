"""What one product's page shows: sizes with prices, refills, guides, facts and what a bundle holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch

from catalog import cautions, inventory, pictures, pricing, usage
from catalog.cautions import Caution
from catalog.models import BundleComponent, Product, Variant
from catalog.pricing import Offer
from catalog.usage import MagnesiumContent, Recommendation, UsageGuide
from shop.exceptions import NotFound
from shop.images.showing import Shown, shown
from shop.storefront import markets


@dataclass(frozen=True, slots=True)
class Size:
    """One variant as a choice; amounts in minor units."""

    variant: Variant
    offer: Offer
    unit_price: str
    refill_unit_price: str
    stock: str
    available: int
    usual_refill: Recommendation | None


@dataclass(frozen=True, slots=True)
class Part:
    """What a bundle holds, with its unit price at its share of the bundle's price."""

    variant: Variant
    quantity: int
    unit_price: str
    in_refill: bool


@dataclass(frozen=True, slots=True)
class ProductPage:
    product: Product
    sizes: list[Size]
    parts: list[Part]
    guides: list[UsageGuide]
    cautions: list[Caution]
    magnesium: MagnesiumContent | None
    pairs: list[Product]
    origin: str
    pictures: list[Shown]

    @property
    def sold_out(self) -> list[Size]:
        """The sizes that one may ask to be told about."""
        return [size for size in self.sizes if not size.available]


def product_with_slug(slug: str) -> Any:
    """Return a product that customers may see.

    :raises NotFound: if there is none.
    """
    visible = Product.objects.visible().select_related("category")
    product = visible.annotate(picture_list=pictures.riding_along()).filter(slug=slug).first()
    if product is None:
        raise NotFound("There is no such product.")
    return product


def page_of(product: Any, *, currency: str, at: datetime) -> ProductPage:
    """Return everything that the page of a product shows, priced in a currency."""
    variants = _variants_of(product)
    parts = [part for variant in variants for part in variant.components.all()]
    offers = pricing.offers_for([*variants, *(part.variant for part in parts)], currency, at)
    available = inventory.available_for(variants)
    sizes = [_size(variant, offers[variant.pk], available) for variant in variants if variant.pk in offers]
    codes = [*product.caution_codes, *(c for part in parts for c in part.variant.product.caution_codes)]
    return ProductPage(
        product=product,
        sizes=sizes,
        parts=_parts(sizes, offers, currency),
        guides=usage.guides_for(product) or _guides_of_parts(parts),
        cautions=cautions.cautions_for(dict.fromkeys(codes)),
        magnesium=usage.magnesium_of(product),
        pairs=list(product.pairs_with.visible().order_by("position")),
        origin=markets.country_name(product.origin_country) if product.origin_country else "",
        pictures=[shown(row) for row in product.picture_list],
    )


def _variants_of(product: Product) -> list[Variant]:
    components = BundleComponent.objects.select_related("variant__product")
    variants = list(
        product.variants.filter(archived_at__isnull=True).prefetch_related(Prefetch("components", components))
    )
    for variant in variants:
        variant.product = product
    return variants


def _size(variant: Variant, offer: Offer, available: Mapping[int, int]) -> Size:
    now = pricing.unit_price(offer.amount, offer.currency, variant)
    refill = offer.refill_amount
    on_refill = pricing.unit_price(refill, offer.currency, variant) if refill is not None else None
    return Size(
        variant=variant,
        offer=offer,
        unit_price=now.label if now else "",
        refill_unit_price=on_refill.label if on_refill else "",
        stock=inventory.stock_state(available[variant.pk]),
        available=max(0, available[variant.pk]),
        usual_refill=usage.default_refill(variant),
    )


def _parts(sizes: Sequence[Size], offers: Mapping[int, Offer], currency: str) -> list[Part]:
    """Return what the bundle is made of; a bundle has one size. Empty if a component is not sold here."""
    if not sizes or not sizes[0].variant.product.is_bundle:
        return []
    bundle, amount = sizes[0].variant, sizes[0].offer.amount
    try:
        shares = pricing.component_shares(bundle, amount, offers)
    except pricing.NotPriced:
        shares = []
    share_of = {variant.pk: share for variant, _, share in shares}
    return [_part(part, share_of.get(part.variant_id), currency) for part in bundle.components.all()]


def _part(part: BundleComponent, share: int | None, currency: str) -> Part:
    label = None
    if share is not None:
        label = pricing.unit_price(share, currency, part.variant, pieces=part.quantity)
    return Part(
        variant=part.variant,
        quantity=part.quantity,
        unit_price=label.label if label else "",
        in_refill=part.in_refill,
    )


def _guides_of_parts(parts: Sequence[BundleComponent]) -> list[UsageGuide]:
    """Return the guides of what a bundle holds, one for each method."""
    found = {guide.method: guide for part in parts for guide in usage.guides_for(part.variant.product)}
    return list(found.values())
