"""One-off items: they travel with a subscription's next parcel, are charged once, and are gone after."""

from datetime import datetime

from django.db import transaction

from catalog import inventory, pricing
from catalog.models import Variant
from orders import carts
from orders.models import RefillExtra, Subscription
from orders.subscriptions import consents, holding, membership, tags
from orders.subscriptions.holding import Held
from shop.exceptions import Conflict, InvalidInput, NotFound
from shop.money import format_money

Status = RefillExtra.Status
# Different one-off items that may wait for one parcel.
MOST = 20


class TooManyExtras(Conflict):
    code = "too_many_items"
    title = "The next refill holds enough already"


@transaction.atomic(durable=True)
def add(
    subscription: Subscription,
    *,
    sku: str,
    quantity: int,
    at: datetime,
    ip_address: str | None = None,
    seen: str = "",
) -> Subscription:
    """Add any product once to the next refill. What is announced is quoted again and waits for its notice.

    With no refill planned it waits for the next one. The same product adds up. `seen`: the tag of the refill
    as the caller knows it.
    :raises orders.carts.UnknownSku: if it is not sold. :raises catalog.pricing.NotPriced: in this currency.
    :raises catalog.inventory.OutOfStock: if there is not that much of it now.
    :raises holding.AppliesFromNextRefill: if the coming refill is claimed or its order is fixed.
    """
    variant = carts.sellable(sku)
    held = _hold(subscription, seen)
    row = _put(held, variant, quantity, at=at)
    if held.open_refill is not None:
        membership.join_extras(held.open_refill, at=at)
        membership.requote(held.open_refill, at=at)
    price = format_money(row.unit_price, held.subscription.currency)
    name = f"{variant.product.name}, {variant.name}"
    what = f"Once, with your next refill: {row.quantity} × {name}, {price} each."
    consents.record(held.subscription, what, ip_address=ip_address, at=at)
    return holding.tell(held, what, at=at)


@transaction.atomic(durable=True)
def remove(subscription: Subscription, *, reference: str, at: datetime, seen: str = "") -> Subscription:
    """Take a one-off item out of the next refill, and quote what is left.

    :raises NotFound: if no such item waits.
    :raises holding.AppliesFromNextRefill: if the coming refill is claimed or its order is fixed.
    """
    held = _hold(subscription, seen)
    row = held.subscription.extras.filter(reference=reference, status=Status.WAITING).first()
    if row is None:
        raise NotFound("No such item waits for your next refill.", code="item_not_found")
    row.items.filter(refill=row.refill, refill__isnull=False).delete()
    row.status, row.ended_at, row.refill = Status.REMOVED, at, None
    row.save(update_fields=["status", "ended_at", "refill"])
    if held.open_refill is not None:
        membership.requote(held.open_refill, at=at)
    name = f"{row.variant.product.name}, {row.variant.name}"
    return holding.tell(held, f"Taken out of your next refill: {name}.", at=at)


def drop_all(subscription: Subscription, *, at: datetime) -> None:
    """Nothing of a locked subscription that ends comes any more, not even once."""
    subscription.extras.filter(status=Status.WAITING).update(status=Status.REMOVED, ended_at=at, refill=None)


def _hold(subscription: Subscription, seen: str) -> Held:
    held = holding.hold(subscription)
    if held.refill is not None:
        tags.check(seen, tags.of_refill(held.refill))
    holding.refuse_ordered(held)
    return held


def _put(held: Held, variant: Variant, quantity: int, *, at: datetime) -> RefillExtra:
    """Write the item down at today's price, or add to the one that waits, and return it."""
    waiting = held.subscription.extras.filter(status=Status.WAITING)
    row = waiting.filter(variant=variant).first() or RefillExtra(
        subscription=held.subscription, variant=variant, quantity=0, added_at=at
    )
    row.quantity += quantity
    if not 1 <= quantity <= row.quantity <= carts.MAX_QUANTITY:
        raise InvalidInput(
            f"A refill holds 1 to {carts.MAX_QUANTITY} pieces.",
            fields={"quantity": [f"A whole number from 1 to {carts.MAX_QUANTITY}."]},
        )
    if row.pk is None and waiting.count() >= MOST:
        raise TooManyExtras(f"At most {MOST} different items join one refill.")
    offer = pricing.offer_of(variant, held.subscription.currency, at)
    available = inventory.available_for([variant])[variant.pk]
    if available < row.quantity:
        raise inventory.OutOfStock(
            f"Only {available} of {variant.sku} left.", sku=variant.sku, available=available
        )
    row.unit_price = offer.amount if row.pk is None else min(row.unit_price, offer.amount)
    row.save()
    row.items.filter(refill=row.refill, refill__isnull=False).update(quantity=row.quantity)
    return row
