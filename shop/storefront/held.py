"""Signed links: whoever has one holds the order that it names."""

from django.http import Http404

from orders import links
from orders.models import Order
from shop.exceptions import NotFound


def held_order(token: str) -> Order:
    """Return the order that a signed link names, with its payment.

    :raises Http404: for a forged or expired link, in the same words.
    """
    try:
        reference = links.reference_of(token)
    except NotFound as error:
        raise Http404(error.detail) from error
    order = Order.objects.select_related("payment").filter(reference=reference).first()
    if order is None:
        raise Http404("This link is not valid any more. Use the one in your latest mail.")
    return order
