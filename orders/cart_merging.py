"""One person, one cart: what a visitor and their account had put aside, joined when they sign in."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from orders.carts import MAX_LINES, MAX_QUANTITY
from orders.models import Cart, Order
from shop.accounts.models import User


def latest_open(user: User) -> Cart | None:
    """Return the cart that a user filled last and did not order, if there is one."""
    return Cart.objects.filter(user=user, order__isnull=True).order_by("-updated_at", "-pk").first()


@transaction.atomic(durable=True)
def merge(token: str, user: User, *, at: datetime) -> Cart | None:
    """Join the cart of a visitor who signed in with the open carts of their account; return the one left.

    Quantities of the same variant on the same refill add up, to `MAX_QUANTITY` at most. The visitor's cart
    stays, since its token is what they hold. A cart of somebody else, or one that was ordered, stays out.
    """
    mine = Q(user=user) | Q(token=token, user__isnull=True)
    locked = list(
        Cart.objects.select_for_update(of=("self",)).filter(mine, order__isnull=True).order_by("pk")
    )
    # Asked once more under the lock: what was ordered while we waited is out.
    ordered = set(Order.objects.filter(cart__in=locked).values_list("cart_id", flat=True))
    carts = [cart for cart in locked if cart.pk not in ordered]
    if not carts:
        return None
    kept = next((cart for cart in carts if cart.token == token), None) or max(
        carts, key=lambda cart: (cart.updated_at, cart.pk)
    )
    for cart in carts:
        if cart.pk != kept.pk:
            _pour(cart, kept)
            kept.discount_codes = kept.discount_codes or cart.discount_codes
            cart.delete()
    kept.user = user
    kept.email = kept.email or user.email
    kept.updated_at = at
    kept.save(update_fields=["user", "email", "discount_codes", "updated_at"])
    return kept


def _pour(source: Cart, target: Cart) -> None:
    lines = {(line.variant_id, line.refill_unit, line.refill_count): line for line in target.lines.all()}
    for line in source.lines.order_by("pk"):
        twin = lines.get((line.variant_id, line.refill_unit, line.refill_count))
        if twin is not None:
            twin.quantity = min(MAX_QUANTITY, twin.quantity + line.quantity)
            twin.save(update_fields=["quantity"])
        elif len(lines) < MAX_LINES:
            line.cart = target
            line.save(update_fields=["cart"])
            lines[line.variant_id, line.refill_unit, line.refill_count] = line
