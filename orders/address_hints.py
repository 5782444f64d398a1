"""What looks odd about an address, said before it costs a parcel. Never a refusal."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from orders import address_rules, addresses


@dataclass(frozen=True, slots=True)
class Hint:
    """One field that somebody should look at once more, and why."""

    field: str
    code: str
    detail: str


def hints(address: Mapping[str, str]) -> list[Hint]:
    """Return what looks odd about an address, in the order of its fields; nothing for an empty one."""
    if not address or address_rules.rules(address.get("country", "")) is None:
        return []
    return [*_of_region(address), *_of_postal_code(address), *_of_phone(address)]


def fingerprint(address: Mapping[str, str]) -> str:
    """Return a digest of an address: whoever says "use it anyway" means this one and no other."""
    return hashlib.sha256(json.dumps(dict(address), sort_keys=True).encode()).hexdigest()[:32]


def _of_region(address: Mapping[str, str]) -> Iterator[Hint]:
    country, region = address["country"], address.get("region", "")
    facts = {"country": addresses.country_name(country), "region": region}
    known = address_rules.rules(country)
    if not region and address_rules.area_word(country):
        words = _("An address in %(country)s usually names its state or province.")
        yield Hint("region", "region_missing", words % facts)
    elif region and known and known.country_area_choices and not address_rules.area_code(country, region):
        words = _("“%(region)s” is no state or province of %(country)s that we know.")
        yield Hint("region", "region_unknown", words % facts)


def _of_postal_code(address: Mapping[str, str]) -> Iterator[Hint]:
    country, code = address["country"], address.get("postal_code", "")
    known = address_rules.rules(country)
    if not code or known is None or not known.postal_code_matchers:
        return
    facts = {"code": code, "country": addresses.country_name(country)}
    bare = code.removeprefix(known.postal_code_prefix) if known.postal_code_prefix else code
    if not known.postal_code_matchers[0].match(bare):
        facts["example"] = known.postal_code_examples[0] if known.postal_code_examples else ""
        words = _("“%(code)s” does not look like a postcode of %(country)s, such as %(example)s.")
        yield Hint("postal_code", "postal_code_unusual", words % facts)
        return
    area = address_rules.area_code(country, address.get("region", ""))
    narrower = address_rules.rules(country, area) if area else None
    if narrower and not all(matcher.match(bare) for matcher in narrower.postal_code_matchers):
        facts["region"] = address["region"]
        yield Hint("postal_code", "postal_code_elsewhere", _("“%(code)s” is not in %(region)s.") % facts)


def _of_phone(address: Mapping[str, str]) -> Iterator[Hint]:
    phone = address.get("phone", "")
    if phone and address_rules.international(phone, address["country"]) is None:
        words = _("“%(phone)s” does not look like a phone number. The courier may not reach you.")
        yield Hint("phone", "phone_unusual", words % {"phone": phone})
