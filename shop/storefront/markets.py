"""Where a visitor wants the parcel to go, and so in which currency the pages speak."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from orders import addresses, shipping
from orders.models import SellerIdentity, ShippingZone
from orders.shipping import NotShippedThere

COOKIE = "market"
COOKIE_SALT = "storefront.market"
COOKIE_AGE_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Market:
    """A country and the currency that orders to it are paid in."""

    country: str
    currency: str

    @property
    def country_name(self) -> str:
        return country_name(self.country)


def chosen(request: HttpRequest) -> Market:
    """Return the market that the visitor chose, or the shop's own. No query."""
    kept = request.get_signed_cookie(COOKIE, default="", salt=COOKIE_SALT, max_age=COOKIE_AGE_S) or ""
    country, _, currency = kept.partition(":")
    if currency in settings.SUPPORTED_CURRENCIES:
        return Market(country, currency)
    return Market(settings.DEFAULT_COUNTRY, settings.DEFAULT_CURRENCY)


def market_of(country: str) -> Market:
    """Return the market of a country.

    :raises NotShippedThere: if no active zone covers it.
    """
    return Market(country, shipping.zone_for(country=country).currency)


def remember(response: HttpResponse, market: Market) -> None:
    """Keep the visitor's choice in a signed cookie."""
    response.set_signed_cookie(
        COOKIE,
        f"{market.country}:{market.currency}",
        salt=COOKIE_SALT,
        max_age=COOKIE_AGE_S,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def countries() -> list[tuple[str, str]]:
    """Return the countries that we ship to, as (code, name) by name. One query."""
    lists = ShippingZone.objects.filter(is_active=True).values_list("countries", flat=True)
    codes = {code for found in lists for code in found}
    return sorted(((code, country_name(code)) for code in codes), key=lambda pair: pair[1])


def country_name(code: str) -> str:
    """Return a country's English name, or its code where there is none."""
    return addresses.country_name(code)


def seller_in(country: str) -> SellerIdentity | None:
    """Return who sells, and who answers for the goods, in a country; None where we may not sell yet."""
    try:
        zone = shipping.zone_for(country=country).zone
    except NotShippedThere:
        return None
    return SellerIdentity.objects.filter(region=zone.regulatory_region).first()
