"""What every page of the storefront knows."""

from functools import partial

from django.conf import settings
from django.http import HttpRequest

from shop.storefront import baskets


def storefront(request: HttpRequest) -> dict[str, object]:
    """Return the shop's name, whether money here is test money, and the cart's count once a page asks."""
    return {
        "shop_name": settings.SHOP_NAME,
        "is_test_mode": "_test_" in settings.STRIPE_SECRET_KEY,
        "mail_page_enabled": settings.MAIL_PAGE_ENABLED,
        "cart_pieces": partial(baskets.pieces_in, request),
        "market": partial(baskets.market_of, request),
    }
