"""What every page of the storefront knows."""

from django.conf import settings
from django.http import HttpRequest


def storefront(request: HttpRequest) -> dict[str, object]:
    """Return the shop's name, and whether money here is test money."""
    return {"shop_name": settings.SHOP_NAME, "is_test_mode": "_test_" in settings.STRIPE_SECRET_KEY}
