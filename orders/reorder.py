"""Ordering again: a new cart with what an earlier order held and is still sold."""

from dataclasses import dataclass, field
from datetime import datetime

from catalog.models import Variant
from orders import carts
from orders.carts import Problem
from orders.models import Cart, Order
from shop.accounts.models import User
from shop.exceptions import Conflict, InvalidInput


class NothingToReorder(Conflict):
    code = "nothing_to_reorder"
    title = "Nothing of this order is sold any more"


@dataclass(frozen=True, slots=True)
class Reordered:
    """The cart, and what could not go into it."""

    cart: Cart
    left_out: list[Problem] = field(default_factory=list)


def order_again(order: Order, *, user: User | None, at: datetime, into: Cart | None = None) -> Reordered:
    """Put what an order held into a cart, at today's prices: a new one, or the open one that the caller has.

    Each SKU comes once: what was on refill goes on by itself, and must not begin a second time.
    :raises NothingToReorder: if none of it is sold any more; nothing is written then.
    """
    wanted: dict[str, int] = {}
    for line in order.lines.order_by("position"):
        wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    sold = set(Variant.objects.sellable().filter(sku__in=wanted).values_list("sku", flat=True))
    if not sold:
        raise NothingToReorder(f"Nothing of order {order.reference} is sold any more.", order=order.reference)
    left_out = [Problem("not_sold", "No longer sold.", sku) for sku in wanted if sku not in sold]
    cart = into or _cart_like(order, user=user, at=at)
    for sku in wanted:
        if sku in sold:
            left_out += _add(cart, sku, wanted[sku], at=at)
    return Reordered(cart, left_out)


def _cart_like(order: Order, *, user: User | None, at: datetime) -> Cart:
    """Return a new cart that is sent where the order went, in its currency."""
    cart = carts.create(at=at, user=user, country=order.country, currency=order.currency)
    is_billed_elsewhere = order.billing_address != order.shipping_address
    changes = {
        "email": order.email,
        "locale": order.locale,
        "currency": order.currency,
        "shipping_address": order.shipping_address,
        "billing_address": order.billing_address if is_billed_elsewhere else None,
        "shipping_method": order.shipping_method,
    }
    return carts.set_details(cart, changes, at=at)


def _add(cart: Cart, sku: str, quantity: int, *, at: datetime) -> list[Problem]:
    """Add to the cart; return why not, if not."""
    try:
        carts.add_line(cart, sku=sku, quantity=min(quantity, carts.MAX_QUANTITY), refill=None, at=at)
    except (InvalidInput, Conflict) as refusal:
        return [Problem(refusal.problem_code, refusal.detail, sku)]
    return []
