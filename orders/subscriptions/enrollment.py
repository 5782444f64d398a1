"""From a paid order to its refills: the card is kept, each item gets its own schedule."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from catalog import pricing
from catalog.models import Variant
from orders import lifecycle
from orders.models import Consent, Customer, Order, OrderLine, SavedCard, Subscription
from orders.stripe_gateway import Card
from orders.subscriptions import cycles, guards, schedule


@dataclass(frozen=True, slots=True)
class _Item:
    """What comes back: a variant, how many, and what one costs in minor units."""

    line: OrderLine
    variant: Variant
    quantity: int
    unit_price: int


@transaction.atomic(savepoint=False)
def enroll(order: Order, card: Card, *, at: datetime) -> list[Subscription]:
    """Save the card of a paid order and begin one subscription for each of its items on refill.

    A bundle begins one for each component that is used up, at that component's refill price. Safe to repeat:
    an item that has its subscription keeps it. Without a recorded consent nothing is saved and nothing begun.
    """
    lines = order.lines.filter(refill_unit__isnull=False).select_related("variant__product")
    customer = order.customer
    if order.origin != Order.Origin.CHECKOUT or customer is None or not lines:
        return []
    if not Consent.objects.filter(order=order, kind=Consent.Kind.REFILL).exists():
        lifecycle.note(order, "refill_refused", "No consent to refills: no card kept, none begun.", at=at)
        return []
    guards.record_deployment(at=at)
    saved = save_card(customer, card, at=at)
    items = [item for line in lines for item in _items(line, order, at=at)]
    return [_begin(order, customer, item, saved, at=at) for item in items]


def save_card(customer: Customer, card: Card, *, at: datetime) -> SavedCard:
    """Keep a card's name, last digits and expiry; the card itself stays at Stripe."""
    shown = {
        "brand": card.brand,
        "last4": card.last4,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
    }
    saved, _ = SavedCard.objects.update_or_create(
        stripe_payment_method_id=card.payment_method_id,
        defaults=shown,
        create_defaults={**shown, "customer": customer, "created_at": at},
    )
    return saved


def _items(line: OrderLine, order: Order, *, at: datetime) -> Iterator[_Item]:
    if not line.variant.product.is_bundle:
        yield _Item(line, line.variant, line.quantity, line.unit_price)
        return
    parts = list(line.variant.components.filter(in_refill=True).select_related("variant"))
    offers = pricing.offers_for([part.variant for part in parts], order.currency, at)
    for part in parts:
        offer = offers.get(part.variant_id)
        if offer is not None:
            price = offer.amount if offer.refill_amount is None else offer.refill_amount
            yield _Item(line, part.variant, part.quantity * line.quantity, price)


def _begin(order: Order, customer: Customer, item: _Item, card: SavedCard, *, at: datetime) -> Subscription:
    subscription, created = Subscription.objects.get_or_create(
        started_by=item.line,
        started_sku=item.variant.sku,
        defaults={
            "variant": item.variant,
            "customer": customer,
            "quantity": item.quantity,
            "interval_unit": item.line.refill_unit or "",
            "interval_count": item.line.refill_count or 1,
            "anchor_on": schedule.local_day(at, customer.timezone),
            "timezone": customer.timezone,
            "unit_price": item.unit_price,
            "currency": order.currency,
            "card": card,
            "shipping_address": order.shipping_address,
            "shipping_method": order.shipping_method,
            "last_paid_at": at,
            "created_at": at,
            "terms_told_at": at,
            "is_test": order.is_test,
        },
    )
    if created:
        cycles.open_first(subscription)
    return subscription
