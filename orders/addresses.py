"""Postal addresses as frozen copies: the one shape that carts, orders and refills keep."""

import re
from collections.abc import Mapping
from functools import lru_cache

from babel import Locale, UnknownLocaleError

from orders import address_rules
from shop.characters import one_line
from shop.exceptions import InvalidInput

FIELDS = ("name", "company", "line1", "line2", "city", "region", "postal_code", "country", "phone")
REQUIRED = ("name", "line1", "city", "country")
# Where zone or tax hang on a part of the address, it must be right: a guess would cost somebody money.
# Everywhere else an odd postcode or region is a hint (see orders.address_hints), and staff may override it.
ZONED_BY_POSTAL_CODE = frozenset({"GB"})
ZONED_BY_REGION = frozenset({"US"})

_GB_POSTCODE = re.compile(r"^(GIR ?0AA|[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2})\Z")


def normalise(address: Mapping[str, str]) -> dict[str, str]:
    """Return an address with every field present, on one line each and without hidden characters.

    Country and postcode in upper case, a British postcode with its space, a known state by its code, a valid
    phone number in E.164; whatever else was typed stays as it was typed.
    """
    cleaned = {field: one_line(str(address.get(field, ""))) for field in FIELDS}
    country = cleaned["country"] = cleaned["country"].upper()
    cleaned["postal_code"] = _spaced(cleaned["postal_code"].upper(), country)
    if cleaned["region"]:
        cleaned["region"] = address_rules.area_code(country, cleaned["region"]) or cleaned["region"]
    if cleaned["phone"]:
        cleaned["phone"] = address_rules.international(cleaned["phone"], country) or cleaned["phone"]
    return cleaned


def check(address: Mapping[str, str], *, where: str) -> None:
    """Refuse an address that no carrier could deliver to, or that leaves zone or tax open.

    :raises InvalidInput: naming each missing or malformed field as `where.field`.
    """
    errors = {f"{where}.{field}": ["This field is required."] for field in REQUIRED if not address.get(field)}
    code, country = address.get("postal_code", ""), address.get("country", "")
    if not code and address_rules.requires(country, "postal_code"):
        errors[f"{where}.postal_code"] = ["This field is required."]
    elif country in ZONED_BY_POSTAL_CODE and not _GB_POSTCODE.match(code):
        errors[f"{where}.postal_code"] = ["This is not a British postcode, such as SW1A 1AA."]
    if country in ZONED_BY_REGION and not address_rules.area_code(country, address.get("region", "")):
        errors[f"{where}.region"] = ["Name the state, such as CA."]
    if errors:
        raise InvalidInput("The address is not complete.", code="address_incomplete", fields=errors)


def _spaced(code: str, country: str) -> str:
    """Return a British postcode as it is written: LS14AB is LS1 4AB."""
    if country == "GB" and _GB_POSTCODE.match(code):
        bare = code.replace(" ", "")
        return f"{bare[:-3]} {bare[-3:]}"
    return code


@lru_cache(maxsize=1024)
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
