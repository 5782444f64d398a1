"""What may be chosen for a refill: another size or scent in its place, or anything once beside it."""

from collections.abc import Sequence
from datetime import datetime

from catalog import inventory, pricing
from catalog.models import Variant
from orders.models import Subscription
from orders.subscriptions import swaps
from shop.money import format_money


def to_swap(row: Subscription, *, at: datetime) -> list[dict[str, object]]:
    """Return what may take the place of a subscription's variant, with its refill price and stock."""
    found = list(swaps.choices(row))
    offers = pricing.offers_for(found, row.currency, at)
    available = inventory.available_for(found)
    return [
        {
            "variant": variant,
            "price": offer.amount if offer.refill_amount is None else offer.refill_amount,
            "is_there": available[variant.pk] >= row.quantity,
        }
        for variant in found
        if (offer := offers.get(variant.pk)) is not None
    ]


def to_add(row: Subscription, *, at: datetime) -> Sequence[tuple[Variant, str]]:
    """Return everything that is sold and in stock, each with its price today in words."""
    rows = Variant.objects.sellable().select_related("product")
    found = list(rows.order_by("product__position", "product__name", "net_content"))
    offers = pricing.offers_for(found, row.currency, at)
    available = inventory.available_for(found)
    return [
        (variant, format_money(offer.amount, row.currency))
        for variant in found
        if (offer := offers.get(variant.pk)) is not None and available[variant.pk] > 0
    ]
