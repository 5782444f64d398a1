"""Signed links: the proof that a guest holds an order, without a password.

Tokens name one order, expire, and are compared in constant time by Django's signing.
"""

from typing import Protocol

from django.conf import settings
from django.core import signing

from shop.exceptions import NotFound

_ORDER_SALT = "orders.order"


class Referred(Protocol):
    """Whatever knows an order's reference."""

    @property
    def reference(self) -> str: ...


def order_token(order: Referred) -> str:
    """Return a token that opens this order until SIGNED_LINK_MAX_AGE has passed."""
    return signing.dumps(order.reference, salt=_ORDER_SALT)


def order_url(order: Referred) -> str:
    """Return the absolute address of the order's page, for a mail."""
    return f"{settings.BASE_URL}/o/{order_token(order)}"


def reference_of(token: str) -> str:
    """Return the order reference that a token names.

    :raises NotFound: if it was not signed by us, or has expired.
    """
    try:
        return signing.loads(token, salt=_ORDER_SALT, max_age=settings.SIGNED_LINK_MAX_AGE)
    except signing.BadSignature as error:
        raise NotFound("This link is not valid any more. Use the one in your latest mail.") from error
