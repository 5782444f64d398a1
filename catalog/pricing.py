"""What a variant costs at a moment: offers, unit prices, and how a bundle's price splits."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from catalog.models import Price, Product, Variant
from shop.exceptions import Conflict, InvalidInput
from shop.money import format_money, percent_of, round_half_up, split_by_weight

# Source: Directive 98/6/EC, Article 6a: a reduction names the lowest price of the 30 days before it.
PRIOR_PRICE_WINDOW = timedelta(days=30)

GRAMS_PER_OUNCE = Decimal("28.349523125")
MILLILITRES_PER_FLUID_OUNCE = Decimal("29.5735295625")


class NotPriced(Conflict):
    code = "not_priced"
    title = "There is no price in that currency"


class PriceInThePast(InvalidInput):
    code = "price_in_the_past"
    title = "History is not rewritten"


class PriceOverlaps(Conflict):
    code = "price_overlaps"
    title = "Another price holds then"


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


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """The price of one kilogram, litre, ounce or fluid ounce; minor units."""

    amount: int
    currency: str
    unit: str

    @property
    def label(self) -> str:
        return f"{format_money(self.amount, self.currency)} per {self.unit}"


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
        prior = _lowest_before(_reduction_began(sale, rows), rows)
    return Offer(
        variant_id=variant.pk,
        currency=currency,
        list_amount=list_amount,
        amount=amount,
        refill_amount=_refill_amount(variant, amount, now.get(Price.Kind.REFILL)),
        lowest_prior_amount=prior,
        reduction_percent=_reduction(prior, amount),
    )


def _refill_amount(variant: Variant, amount: int, explicit: Price | None) -> int | None:
    if not variant.is_subscribable:
        return None
    discounted = amount - percent_of(amount, variant.refill_discount_percent)
    return min(discounted, explicit.amount) if explicit else discounted


def _reduction_began(sale: Price, rows: Sequence[Price]) -> datetime:
    """Return when a reduction began: sale prices that follow one another downwards are one reduction.

    Source: Directive 98/6/EC, Article 6a(5), on reductions that increase step by step.
    """
    began, amount = sale.starts_at, sale.amount
    earlier = sorted(
        (price for price in rows if price.kind == Price.Kind.SALE and price.starts_at < began),
        key=lambda price: price.starts_at,
        reverse=True,
    )
    for price in earlier:
        if price.ends_at != began or price.amount < amount:
            break
        began, amount = price.starts_at, price.amount
    return began


def _lowest_before(began: datetime, rows: Sequence[Price]) -> int | None:
    """Return the lowest price that held in the window before `began`.

    The lower of list and sale holds at any time, so the lowest row that overlaps the window is the answer.
    """
    window = began - PRIOR_PRICE_WINDOW
    amounts = [
        price.amount
        for price in rows
        if price.kind != Price.Kind.REFILL
        and price.starts_at < began
        and (price.ends_at is None or price.ends_at > window)
    ]
    return min(amounts, default=None)


def _reduction(prior: int | None, amount: int) -> int | None:
    if prior is None or prior <= amount:
        return None
    return round_half_up(Decimal(100 * (prior - amount)) / prior)


def unit_price(amount: int, currency: str, variant: Variant, *, pieces: int = 1) -> UnitPrice | None:
    """Return the price per kilogram or litre (GBP, EUR) or per ounce or fluid ounce (USD), rounded half-up.

    Units: minor units, for as many `pieces` of the variant. None for goods by the piece and for bundles,
    whose components each show their own, and for what costs nothing.
    """
    base = _unit_base(currency, variant.net_unit)
    if base is None or amount == 0:
        return None
    content, unit = base
    held = variant.net_content * pieces
    return UnitPrice(round_half_up(Decimal(amount) * content / held), currency, unit)


def _unit_base(currency: str, net_unit: str) -> tuple[Decimal, str] | None:
    """Return how many grams or millilitres the market's unit holds, and its name."""
    american = currency == "USD"
    if net_unit == Variant.Unit.GRAM:
        return (GRAMS_PER_OUNCE, "oz") if american else (Decimal(1000), "kg")
    if net_unit == Variant.Unit.MILLILITRE:
        return (MILLILITRES_PER_FLUID_OUNCE, "fl oz") if american else (Decimal(1000), "litre")
    return None


def component_shares(
    bundle: Variant, amount: int, offers: Mapping[int, Offer]
) -> list[tuple[Variant, int, int]]:
    """Split a bundle's price over its components: (component, units in one bundle, share of the amount).

    By list price × units, largest remainder, so the shares sum to `amount` exactly. Minor units.
    :raises NotPriced: if a component has no offer among `offers`.
    """
    components = list(bundle.components.select_related("variant"))
    for component in components:
        if component.variant_id not in offers:
            raise NotPriced(f"{component.variant.sku} has no price.", sku=component.variant.sku)
    weights = [offers[c.variant_id].list_amount * c.quantity for c in components]
    shares = split_by_weight(amount, weights)
    return [(c.variant, c.quantity, share) for c, share in zip(components, shares, strict=True)]


def check_change(
    *, variant: Variant, currency: str, kind: str, starts_at: datetime, ends_at: datetime | None, at: datetime
) -> Price | None:
    """Return the price that a new one would succeed, if there is one.

    :raises PriceInThePast: if the new price would begin before `at`.
    :raises PriceOverlaps: if another begins within it, or a list price would leave a gap behind it.
    """
    if starts_at < at:
        raise PriceInThePast("A price begins now or later.", fields={"starts_at": ["Now or later."]})
    rows = Price.objects.filter(variant=variant, currency=currency, kind=kind)
    within = rows.filter(starts_at__gte=starts_at)
    if ends_at is not None:
        within = within.filter(starts_at__lt=ends_at)
    if later := within.order_by("starts_at").first():
        raise PriceOverlaps(f"A price that begins {later.starts_at:%Y-%m-%d %H:%M} is planned already.")
    succeeded = rows.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=starts_at), starts_at__lt=starts_at
    ).first()
    if succeeded is not None and ends_at is not None and kind == Price.Kind.LIST:
        raise PriceOverlaps("A list price holds until the next one. For a limited time, enter a sale price.")
    return succeeded


@transaction.atomic(savepoint=False)
def change_price(
    *,
    variant: Variant,
    currency: str,
    kind: str,
    amount: int,
    starts_at: datetime,
    at: datetime,
    ends_at: datetime | None = None,
) -> Price:
    """Let a price hold from a moment on; the one before it ends there. Minor units.

    :raises PriceInThePast: see `check_change`.
    :raises PriceOverlaps: see `check_change`.
    """
    Variant.objects.select_for_update(of=("self",)).get(pk=variant.pk)
    before = check_change(
        variant=variant, currency=currency, kind=kind, starts_at=starts_at, ends_at=ends_at, at=at
    )
    if before is not None:
        before.ends_at = starts_at
        before.save(update_fields=["ends_at"])
    return Price.objects.create(
        variant=variant, currency=currency, kind=kind, amount=amount, starts_at=starts_at, ends_at=ends_at
    )


def end_price(price: Price, *, ends_at: datetime, at: datetime) -> Price:
    """Let a price end at a moment, now or later.

    :raises PriceInThePast: if the moment is over, or before the price begins.
    """
    if ends_at < at or ends_at <= price.starts_at:
        raise PriceInThePast("A price ends now or later.", fields={"ends_at": ["Now or later."]})
    price.ends_at = ends_at
    price.save(update_fields=["ends_at"])
    return price
