"""Writing an order down: a frozen copy of everything agreed, its stock held, its payment row opened.

Serves the till and the refill engine alike; both call it inside their own transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction

from catalog import inventory, pricing
from catalog.models import Variant
from orders import lifecycle, payments, redemptions, stripe_gateway
from orders.models import Cart, Customer, Order, OrderLine, OrderLineComponent
from orders.totals import Quote, QuotedLine, minimum_charge
from shop.accounts.models import User
from shop.exceptions import Conflict


class TotalTooSmall(Conflict):
    code = "total_too_small"
    title = "The total is too small to charge"


@dataclass(frozen=True, slots=True)
class Draft:
    """An order about to be placed: who, where to and what was quoted."""

    quote: Quote
    origin: str
    email: str
    country: str
    locale: str
    shipping_address: Mapping[str, str]
    billing_address: Mapping[str, str]
    saves_card: bool
    cart: Cart | None = None
    user: User | None = None
    customer: Customer | None = None


@transaction.atomic(savepoint=False)
def place_order(draft: Draft, *, hold_until: datetime, at: datetime) -> Order:
    """Write the order with its lines, take its discounts, hold its stock and open its payment.

    A total of nothing needs no payment: see `settlement.settle_free`.
    :raises catalog.inventory.OutOfStock: naming the SKU and what is left.
    :raises redemptions.DiscountUsedUp: or DiscountUsedBefore, if a discount is gone meanwhile.
    :raises TotalTooSmall: if Stripe would not take the amount.
    """
    if 0 < draft.quote.total < minimum_charge(draft.quote.currency):
        raise TotalTooSmall("Add something to your cart: the total is under what a card can pay.")
    held = redemptions.lock(draft.quote.reductions)
    order = Order.objects.create(**_order_fields(draft), hold_expires_at=hold_until, placed_at=at)
    redemptions.take(order, draft.quote.reductions, held, at=at)
    demand = _write_lines(order, draft.quote, at=at)
    inventory.reserve(reference=order.stock_reference, quantities=demand, until=hold_until, at=at)
    payments.start(order, saves_card=draft.saves_card, at=at)
    lifecycle.note(order, "placed", "Order written, stock held, waiting for payment.", at=at)
    return order


def demand_of(order: Order) -> dict[int, int]:
    """Return the units of each stocked variant that an order takes."""
    demand: dict[int, int] = {}
    components = OrderLineComponent.objects.filter(line__order=order)
    for variant_id, quantity in components.values_list("variant_id", "quantity"):
        demand[variant_id] = demand.get(variant_id, 0) + quantity
    return demand


def _order_fields(draft: Draft) -> dict[str, object]:
    quote, shipping = draft.quote, draft.quote.shipping
    if shipping is None:
        raise ValueError("an order is placed with a shipping option")
    return {
        "cart": draft.cart,
        "origin": draft.origin,
        "user": draft.user,
        "customer": draft.customer,
        "email": draft.email,
        "locale": draft.locale,
        "is_test": not stripe_gateway.is_live(),
        "currency": quote.currency,
        "items_total": quote.items_total,
        "discount_total": quote.discount_total,
        "shipping_total": quote.shipping_amount,
        "shipping_discount": quote.shipping_discount,
        "shipping_tax": quote.shipping_tax,
        "shipping_tax_rate": quote.shipping_tax_rate,
        "tax_total": quote.tax_total,
        "total": quote.total,
        "tax_included": quote.tax_included,
        "country": draft.country,
        "shipping_address": dict(draft.shipping_address),
        "billing_address": dict(draft.billing_address),
        "shipping_zone": shipping.zone.code,
        "shipping_method": shipping.code,
        "shipping_method_name": shipping.name,
        "transit_days_min": shipping.transit_days_min,
        "transit_days_max": shipping.transit_days_max,
        "terms_version": settings.TERMS_VERSION,
    }


def _write_lines(order: Order, quote: Quote, *, at: datetime) -> dict[int, int]:
    lines = OrderLine.objects.bulk_create(
        _line(order, position, line) for position, line in enumerate(quote.lines, start=1)
    )
    demand: dict[int, int] = {}
    components = []
    for line, quoted in zip(lines, quote.lines, strict=True):
        for variant, quantity, share in _components(quoted, quote.currency, at=at):
            components.append(
                OrderLineComponent(
                    line=line, variant=variant, sku=variant.sku, quantity=quantity, gross_share=share
                )
            )
            demand[variant.pk] = demand.get(variant.pk, 0) + quantity
    OrderLineComponent.objects.bulk_create(components)
    return demand


def _line(order: Order, position: int, quoted: QuotedLine) -> OrderLine:
    priced, variant = quoted.priced, quoted.priced.variant
    label = pricing.unit_price(quoted.amount, order.currency, variant, pieces=priced.quantity)
    return OrderLine(
        order=order,
        position=position,
        variant=variant,
        sku=variant.sku,
        product_name=variant.product.name,
        variant_name=variant.name,
        net_content=variant.net_content,
        net_unit=variant.net_unit,
        gross_weight_g=variant.gross_weight_g,
        hs_code=variant.product.hs_code,
        origin_country=variant.product.origin_country,
        quantity=priced.quantity,
        list_unit_price=priced.list_unit_price,
        unit_price=priced.unit_price,
        unit_price_label=label.label if label else "",
        discount=quoted.discount,
        tax_name=quoted.tax_name,
        tax_rate=quoted.tax_rate,
        net=quoted.net,
        tax=quoted.tax,
        gross=quoted.gross,
        refill_unit=priced.refill_unit,
        refill_count=priced.refill_count,
    )


def _components(quoted: QuotedLine, currency: str, *, at: datetime) -> list[tuple[Variant, int, int]]:
    """Return (variant, units for the whole line, share of its gross) of what a line takes from stock."""
    variant, quantity = quoted.priced.variant, quoted.priced.quantity
    if not variant.product.is_bundle:
        return [(variant, quantity, quoted.gross)]
    parts = [component.variant for component in variant.components.all()]
    offers = pricing.offers_for(parts, currency, at)
    shares = pricing.component_shares(variant, quoted.gross, offers)
    return [(part, each * quantity, share) for part, each, share in shares]
