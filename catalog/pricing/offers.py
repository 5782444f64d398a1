"""What variants cost at a moment."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Q, QuerySet, Subquery

from catalog.models import Price, Product, Variant
from catalog.pricing.reductions import lowest_prior, percent_off
from shop.exceptions import Conflict
from shop.money import percent_of


class NotPriced(Conflict):
    code = "not_priced"
    title = "There is no price in that currency"


@dataclass(frozen=True, slots=True)
class Offer:
    """The price of one variant at one moment; minor units.

    `list_amount` is the regular price, `amount` the price now, `refill_amount` the price of a refill (None
    if the variant cannot be subscribed to). `lowest_prior_amount` and `reduction_percent` are given only
    while the price is reduced, and only if there was a price before.
    """

    variant_id: int
    currency: str
    list_amount: int
    amount: int
    refill_amount: int | None
    lowest_prior_amount: int | None = None
    reduction_percent: int | None = None


def offers_for(variants: Iterable[Variant], currency: str, at: datetime) -> dict[int, Offer]:
    """Return the offers of variants in a currency, by variant id; those without a price are left out.

    One query. The lower of list and sale price holds.
    """
    taken = list(variants)
    rows: dict[int, list[Price]] = defaultdict(list)
    for price in Price.objects.filter(
        variant_id__in=[variant.pk for variant in taken], currency=currency, starts_at__lte=at
    ):
        rows[price.variant_id].append(price)
    found = (_offer(variant, currency, rows[variant.pk], at) for variant in taken)
    return {offer.variant_id: offer for offer in found if offer is not None}


def offer_of(variant: Variant, currency: str, at: datetime) -> Offer:
    """Return the offer of one variant.

    :raises NotPriced: if it has no price in that currency at that moment.
    """
    offer = offers_for([variant], currency, at).get(variant.pk)
    if offer is None:
        raise NotPriced(f"{variant.sku} has no price in {currency}.", sku=variant.sku, currency=currency)
    return offer


def with_current_price(products: "QuerySet[Product]", currency: str, at: datetime) -> "QuerySet[Product]":
    """Annotate products with `price_from`, the lowest price now among their variants; leave out the unpriced.

    The price that holds is the lower of list and sale, so the lowest row that holds is the answer.
    """
    lowest = (
        Price.objects.filter(
            _holds(at),
            variant__product=OuterRef("pk"),
            variant__archived_at__isnull=True,
            currency=currency,
            kind__in=(Price.Kind.LIST, Price.Kind.SALE),
        )
        .order_by("amount")
        .values("amount")[:1]
    )
    return products.annotate(price_from=Subquery(lowest)).filter(price_from__isnull=False)


def _holds(at: datetime) -> Q:
    return Q(starts_at__lte=at) & (Q(ends_at__isnull=True) | Q(ends_at__gt=at))


def _offer(variant: Variant, currency: str, rows: Sequence[Price], at: datetime) -> Offer | None:
    now = {price.kind: price for price in rows if price.ends_at is None or price.ends_at > at}
    regular, sale = now.get(Price.Kind.LIST), now.get(Price.Kind.SALE)
    amounts = [price.amount for price in (regular, sale) if price is not None]
    if not amounts:
        return None
    amount = min(amounts)
    list_amount = regular.amount if regular else amount
    prior = None
    if sale is not None and amount < list_amount:
        prior = lowest_prior(sale, rows)
    return Offer(
        variant_id=variant.pk,
        currency=currency,
        list_amount=list_amount,
        amount=amount,
        refill_amount=_refill_amount(variant, amount, now.get(Price.Kind.REFILL)),
        lowest_prior_amount=prior,
        reduction_percent=percent_off(prior, amount),
    )


def _refill_amount(variant: Variant, amount: int, explicit: Price | None) -> int | None:
    if not variant.is_subscribable:
        return None
    discounted = amount - percent_of(amount, variant.refill_discount_percent)
    return min(discounted, explicit.amount) if explicit else discounted
