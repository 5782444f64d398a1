"""The product list: cards with price, unit price and stock, in four queries however many there are."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalog import inventory, pictures, pricing, search
from catalog.models import Category, Product, Variant
from catalog.pricing import Offer
from catalog.search import Understood
from shop.images.showing import Shown, first_shown

MOST_FOUND = 60
ORDERS = {
    "": "As on our shelf",
    "price": "Price, lowest first",
    "-price": "Price, highest first",
    "name": "Name",
}


@dataclass(frozen=True, slots=True)
class Card:
    """A product as the list shows it; amounts in minor units."""

    product: Product
    price_from: int
    price_to: int
    # The lowest price of the 30 days before, while the cheapest size is reduced.
    price_before: int | None
    unit_price: str
    sizes: int
    has_refill: bool
    stock: str
    picture: Shown | None


@dataclass(frozen=True, slots=True)
class Shelf:
    cards: list[Card]
    categories: list[Category]


def shelf(
    *, currency: str, category: str, order: str, at: datetime, wanted: Understood | None = None
) -> Shelf:
    """Return the cards of a category ("" for all), in one of ORDERS, and the categories that hold something.

    With `wanted`, only what fits a search, best first; that costs one query more. Products without a price
    in the currency are left out.
    """
    ranks = None if wanted is None else _ranks(wanted)
    on_shelf = Variant.objects.sellable()
    variants = list(
        (on_shelf if ranks is None else on_shelf.filter(product__in=ranks))
        .select_related("product__category")
        .prefetch_related("components")
        .annotate(picture_list=pictures.riding_along("product_id"))
        .order_by("product__category__position", "product__position", "product__name", "position", "sku")
    )
    offers = pricing.offers_for(variants, currency, at)
    available = inventory.available_for(variants)
    sizes: dict[Product, list[Any]] = defaultdict(list)
    for variant in variants:
        if variant.pk in offers:
            sizes[variant.product].append(variant)
    cards = [_card(product, found, offers, available) for product, found in sizes.items()]
    categories = list({product.category: None for product in sizes})
    chosen = [card for card in cards if category in ("", card.product.category.slug)]
    if ranks is not None:
        chosen.sort(key=lambda card: ranks[card.product.pk])
    return Shelf(cards=_ordered(chosen, order), categories=categories)


def _ranks(wanted: Understood) -> dict[int, int]:
    """Return the places of the products that fit a search, by product id."""
    found = search.matching(Product.objects.visible(), wanted).order_by("-relevance", "position", "pk")
    return {pk: place for place, pk in enumerate(found.values_list("pk", flat=True)[:MOST_FOUND])}


def _card(
    product: Product, sizes: Sequence[Any], offers: Mapping[int, Offer], available: Mapping[int, int]
) -> Card:
    cheapest = min(sizes, key=lambda variant: offers[variant.pk].amount)
    offer = offers[cheapest.pk]
    label = pricing.unit_price(offer.amount, offer.currency, cheapest)
    return Card(
        product=product,
        price_from=offer.amount,
        price_to=max(offers[variant.pk].amount for variant in sizes),
        price_before=offer.lowest_prior_amount if offer.reduction_percent else None,
        unit_price=label.label if label else "",
        sizes=len(sizes),
        has_refill=any(offers[variant.pk].refill_amount is not None for variant in sizes),
        stock=inventory.stock_state(max(available[variant.pk] for variant in sizes)),
        picture=first_shown(cheapest.picture_list),
    )


def _ordered(cards: list[Card], order: str) -> list[Card]:
    if order == "price":
        return sorted(cards, key=lambda card: card.price_from)
    if order == "-price":
        return sorted(cards, key=lambda card: -card.price_from)
    if order == "name":
        return sorted(cards, key=lambda card: card.product.name)
    return cards
