"""Postal addresses as frozen copies: the one shape that carts, orders and refills keep."""

import re
from collections.abc import Mapping

from babel import Locale, UnknownLocaleError

from shop.exceptions import InvalidInput

FIELDS = ("name", "company", "line1", "line2", "city", "region", "postal_code", "country", "phone")
REQUIRED = ("name", "line1", "city", "country")
# Countries of our zones whose parcels cannot be routed without one.
WITHOUT_POSTAL_CODE = frozenset({"IE"})

_GB_POSTCODE = re.compile(r"^(GIR ?0AA|[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2})\Z")
_US_POSTCODE = re.compile(r"^[0-9]{5}(-[0-9]{4})?\Z")
_PATTERNS = {"GB": (_GB_POSTCODE, "SW1A 1AA"), "US": (_US_POSTCODE, "10001")}


def normalise(address: Mapping[str, str]) -> dict[str, str]:
    """Return an address with every field present, trimmed, country and postcode in upper case."""
    cleaned = {field: " ".join(str(address.get(field, "")).split()) for field in FIELDS}
    cleaned["country"] = cleaned["country"].upper()
    cleaned["postal_code"] = cleaned["postal_code"].upper()
    return cleaned


def check(address: Mapping[str, str], *, where: str) -> None:
    """Refuse an address that no carrier could deliver to.

    :raises InvalidInput: naming each missing or malformed field as `where.field`.
    """
    errors = {f"{where}.{field}": ["This field is required."] for field in REQUIRED if not address.get(field)}
    code, country = address.get("postal_code", ""), address.get("country", "")
    if not code and country not in WITHOUT_POSTAL_CODE:
        errors[f"{where}.postal_code"] = ["This field is required."]
    elif country in _PATTERNS and not _PATTERNS[country][0].match(code):
        example = _PATTERNS[country][1]
        errors[f"{where}.postal_code"] = [f"This is not a postcode of {country}, such as {example}."]
    if errors:
        raise InvalidInput("The address is not complete.", code="address_incomplete", fields=errors)


def country_name(code: str, *, locale: str = "en-gb") -> str:
    """Return a country's name in the language of a locale, or its code where there is none. Source: CLDR."""
    try:
        names = Locale.parse(locale, sep="-").territories
    except (UnknownLocaleError, ValueError):
        names = Locale("en", "GB").territories
    return names.get(code, code)


def lines(address: Mapping[str, str], *, locale: str = "en-gb") -> list[str]:
    """Return the address as it is written on a parcel, without empty lines, its country by name."""
    town = " ".join(part for part in (address.get("city"), address.get("postal_code")) if part)
    parts = [address.get(key, "") for key in ("name", "company", "line1", "line2")]
    country = country_name(address.get("country", ""), locale=locale)
    return [part for part in [*parts, town, address.get("region", ""), country] if part]
