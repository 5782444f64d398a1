"""Another size or scent instead: a variant of the same family, at its own price, from the next refill on."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from catalog import inventory, pricing
from catalog.models import Variant
from orders import carts
from orders.models import Subscription
from orders.subscriptions import consents, holding, membership, repricing
from shop.exceptions import Conflict
from shop.money import format_money


class NotSwappable(Conflict):
    code = "not_swappable"
    title = "This cannot take its place"


def choices(subscription: Subscription) -> QuerySet[Variant]:
    """Return what may take the place of a subscription's variant: flakes for flakes, oil for oil."""
    now = subscription.variant
    same_family = Variant.objects.sellable().filter(is_subscribable=True, product__kind=now.product.kind)
    return same_family.exclude(pk=now.pk).select_related("product").order_by("product__name", "net_content")


@transaction.atomic(durable=True)
def swap(
    subscription: Subscription, *, sku: str, at: datetime, ip_address: str | None = None
) -> Subscription:
    """Send another variant from the next refill on, at its refill price of today.

    An announced refill is quoted again; if it rose, its owner is told anew and it waits for that notice.
    :raises NotSwappable: if it is of another family or not offered on refill.
    :raises catalog.pricing.NotPriced: in this currency. :raises catalog.inventory.OutOfStock: if it is short.
    :raises holding.AppliesFromNextRefill: if the coming refill is claimed or its order is fixed.
    """
    variant = carts.sellable(sku)
    held = holding.hold(subscription)
    holding.refuse_ordered(held)
    row = held.subscription
    if variant.pk == row.variant_id:
        return row
    if not choices(row).filter(pk=variant.pk).exists():
        raise NotSwappable(f"{variant.sku} is not offered in the place of {row.variant.sku}.")
    offer = pricing.offer_of(variant, row.currency, at)
    _refuse_short(variant, row.quantity)
    row.variant = variant
    row.unit_price = offer.amount if offer.refill_amount is None else offer.refill_amount
    row.save(update_fields=["variant", "unit_price"])
    repricing.withdraw([row.pk], at=at)
    if row.status_reason == Subscription.NOT_SOLD:
        holding.wake(held, at=at)
    if held.open_refill is not None:
        items = held.open_refill.items.filter(cycle=held.cycle)
        items.update(variant=variant, unit_price=row.unit_price)
        membership.requote(held.open_refill, at=at)
    price = format_money(row.unit_price, row.currency)
    what = f"From the next refill on you get {variant.product.name}, {variant.name}, at {price} each."
    consents.record(row, what, ip_address=ip_address, at=at)
    return holding.tell(held, what, at=at)


def _refuse_short(variant: Variant, quantity: int) -> None:
    available = inventory.available_for([variant])[variant.pk]
    if available < quantity:
        raise inventory.OutOfStock(
            f"Only {available} of {variant.sku} left.", sku=variant.sku, available=available
        )
