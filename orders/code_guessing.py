"""A limit on trying out discount codes, by visitor and by cart. It never fails open (`shop.api.limits`)."""

from collections.abc import Iterable

from orders import discounts
from orders.models import Cart
from shop.api import client_network, limits
from shop.api.limits import Limit


def count(cart: Cart, codes: Iterable[str], *, ip: str | None) -> None:
    """Count codes that are new to a cart, before anybody looks whether they are known.

    Network: no transaction. :raises TooManyRequests: with `retry_after` in seconds.
    """
    new = {discounts.normalise_code(code) for code in codes} - {"", *cart.discount_codes}
    for _ in new:
        limits.spend(Limit("codes_per_ip", client_network(ip)), Limit("codes_per_cart", cart.token))
