"""Product boxes: a product in an article, with its price, unit price and stock as they are now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from catalog import inventory, pricing, usage
from catalog.models import Product, Variant
from catalog.pricing import Offer, UnitPrice
from content.models import Article
from shop.money import Money

STOCK_LABELS = {"in_stock": "In stock", "low": "Few left", "out": "Sold out for now"}


@dataclass(frozen=True, slots=True)
class Box:
    """What a product box shows. `stock` is in_stock, low or out; `usage` one short line for each method."""

    product: Product
    variant: Variant
    offer: Offer
    unit_price: UnitPrice | None
    stock: str
    usage: tuple[str, ...]

    @property
    def stock_label(self) -> str:
        return STOCK_LABELS[self.stock]

    @property
    def price(self) -> Money:
        return Money(self.offer.amount, self.offer.currency)

    @property
    def regular_price(self) -> Money | None:
        """The price without the present reduction; None while there is none."""
        if self.offer.list_amount == self.offer.amount:
            return None
        return Money(self.offer.list_amount, self.offer.currency)

    @property
    def lowest_prior_price(self) -> Money | None:
        """The lowest price of the 30 days before the present reduction."""
        if self.offer.lowest_prior_amount is None:
            return None
        return Money(self.offer.lowest_prior_amount, self.offer.currency)


def boxes_for(article: Article, currency: str, at: datetime) -> list[Box]:
    """Return the boxes of an article's products that are on sale in a currency, in the article's order.

    Four queries at most, whatever the number of products.
    """
    rows = (
        article.articleproduct_set.filter(product__is_published=True, variant__archived_at__isnull=True)
        .select_related("product", "variant__product")
        .order_by("position", "id")
    )
    variants = [row.variant for row in rows]
    if not variants:
        return []
    offers = pricing.offers_for(variants, currency, at)
    available = inventory.available_for(variants)
    priced = [variant for variant in variants if variant.pk in offers]
    return [_box(variant, offers[variant.pk], available[variant.pk]) for variant in priced]


def _box(variant: Variant, offer: Offer, available: int) -> Box:
    return Box(
        product=variant.product,
        variant=variant,
        offer=offer,
        unit_price=pricing.unit_price(offer.amount, offer.currency, variant),
        stock=inventory.stock_state(available),
        usage=_usage_lines(usage.guides_for(variant.product)),
    )


def _usage_lines(guides: Sequence[usage.UsageGuide]) -> tuple[str, ...]:
    return tuple(f"{guide.title}: {_range(guide)} {guide.unit}" for guide in guides)


def _range(guide: usage.UsageGuide) -> str:
    low, high = f"{guide.dose_low:f}", f"{guide.dose_high:f}"
    return low if low == high else f"{low} to {high}"
