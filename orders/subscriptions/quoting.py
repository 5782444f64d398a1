"""What a refill comes to. The last quote that was told is the ceiling of what is charged."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import prefetch_related_objects

from catalog import pricing
from orders import discounts, shipping, taxes, totals
from orders.discounts import Buyer
from orders.models import Refill, RefillItem, Subscription
from orders.subscriptions.facts import Facts
from orders.totals import PricedLine, Quote
from shop.exceptions import Conflict


class NotChargeable(Conflict):
    code = "refill_not_chargeable"
    title = "This refill cannot be charged as it is"


# What keeps a refill from being quoted: somebody has to change something first.
REFUSALS = (NotChargeable, shipping.NotShippedThere)


def price_of(subscription: Subscription, offer: pricing.Offer | None) -> int:
    """Return what one piece costs in a refill, in minor units: the locked price, or today's lower one."""
    if offer is None or offer.refill_amount is None:
        return subscription.unit_price
    return min(subscription.unit_price, offer.refill_amount)


def quote(refill: Refill, *, at: datetime) -> Quote:
    """Return the totals of a refill's items with shipping and tax as they are now.

    :raises shipping.NotShippedThere: if its address lies in no zone.
    :raises NotChargeable: if another currency is paid there by now, no method takes its weight, or Stripe
        would not take its total.
    """
    items = list(refill.items.select_related("variant__product", "cycle__subscription"))
    bundles = [item.variant for item in items if item.variant.product.is_bundle]
    prefetch_related_objects(bundles, "components__variant__product")
    return quote_items(refill, items, facts=Facts(at))


def quote_items(refill: Refill, items: Sequence[RefillItem], *, facts: Facts) -> Quote:
    """Do what `quote` does for a refill and items that need not be saved, from facts read for many."""
    lines = _priced(items, facts.offers([item.variant for item in items], refill.currency))
    address = refill.shipping_address
    zone = facts.destination(address)
    if zone.currency != refill.currency:
        raise NotChargeable(f"Parcels to this address are paid in {zone.currency} by now.")
    options = zone.options(weight_g=totals.weight_of(lines), items_total=totals.items_total(lines))
    if not options:
        raise NotChargeable("The parcel is too heavy for every way to ship there.")
    # A method that is no longer offered gives way to the cheapest one; the ceiling still holds.
    chosen = shipping.pick(options, refill.shipping_method) or min(options, key=lambda o: o.amount)
    began = [item.cycle.subscription.started_by_id for item in items if item.cycle]
    buyer = Buyer(refill.customer.user_id, refill.customer.email)
    rules = facts.repeating(began, currency=refill.currency, buyer=buyer)
    applied = discounts.apply(rules, lines, currency=refill.currency, shipping=chosen)
    codes = {line.variant.product.tax_code for line in lines} | {taxes.SHIPPING_TAX_CODE}
    found = totals.quote(
        lines,
        currency=refill.currency,
        tax_included=zone.prices_include_tax,
        tax_rates=facts.rates(address, codes),
        shipping=chosen,
        reductions=applied.reductions,
    )
    if found.total:
        _refuse_too_small(found)
    else:
        _refuse_unless_free(found)
    return found


def _refuse_too_small(found: Quote) -> None:
    if found.total < totals.minimum_charge(found.currency):
        raise NotChargeable("The total is under what a card can pay.")


def _refuse_unless_free(found: Quote) -> None:
    """Nothing is given away by mistake: only a discount makes a parcel free."""
    if any(line.priced.unit_price == 0 for line in found.lines) or not found.reductions:
        raise NotChargeable("It comes to nothing, and no discount says so.")


def _priced(items: Sequence[RefillItem], offers: Mapping[int, pricing.Offer]) -> list[PricedLine]:
    return [
        PricedLine(
            variant=item.variant,
            quantity=item.quantity,
            list_unit_price=max(item.unit_price, _list_amount(offers.get(item.variant_id))),
            unit_price=item.unit_price,
            refill_unit=item.cycle.subscription.interval_unit if item.cycle else None,
            refill_count=item.cycle.subscription.interval_count if item.cycle else None,
        )
        for item in items
    ]


def _list_amount(offer: pricing.Offer | None) -> int:
    return offer.list_amount if offer else 0
