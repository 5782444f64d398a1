"""Where we ship, how, and for how much."""

from collections.abc import Iterable
from dataclasses import dataclass

from orders.models import ShippingMethod, ShippingZone
from shop.exceptions import Conflict


class NotShippedThere(Conflict):
    code = "not_shipped_there"
    title = "We do not ship there"


@dataclass(frozen=True, slots=True)
class ShippingOption:
    """One way to ship a given parcel. `amount` in minor units of the zone's currency."""

    zone: ShippingZone
    code: str
    name: str
    amount: int
    free_over: int | None
    transit_days_min: int
    transit_days_max: int


def zone_for(*, country: str, postal_code: str = "", region: str = "") -> ShippingZone:
    """Return the zone of a destination, the most particular first, with methods and rates loaded.

    :raises NotShippedThere: if no active zone covers it.
    """
    zones = ShippingZone.objects.filter(is_active=True, countries__contains=[country])
    for zone in zones.prefetch_related("methods__rates"):
        if _covers(zone, postal_code.replace(" ", "").upper(), region.upper()):
            return zone
    raise NotShippedThere("We do not ship to this address yet.", fields={"country": ["Not shipped there."]})


def options_for(zone: ShippingZone, *, weight_g: int, items_total: int) -> list[ShippingOption]:
    """Return the ways to ship a parcel of this weight and value, in the zone's own order."""
    options = []
    for method in zone.methods.all():
        amount = _rate(method, weight_g)
        if amount is None:
            continue
        if method.free_over is not None and items_total >= method.free_over:
            amount = 0
        options.append(
            ShippingOption(
                zone=zone,
                code=method.code,
                name=method.name,
                amount=amount,
                free_over=method.free_over,
                transit_days_min=method.transit_days_min,
                transit_days_max=method.transit_days_max,
            )
        )
    return options


def pick(options: Iterable[ShippingOption], code: str) -> ShippingOption | None:
    """Return the option with this code, or None."""
    return next((option for option in options if option.code == code), None)


def _rate(method: ShippingMethod, weight_g: int) -> int | None:
    bands = sorted(method.rates.all(), key=lambda rate: rate.max_weight_g)
    return next((band.amount for band in bands if weight_g <= band.max_weight_g), None)


def _covers(zone: ShippingZone, postal_code: str, region: str) -> bool:
    includes, excludes = zone.include_postcode_prefixes, zone.exclude_postcode_prefixes
    if includes and not any(_has_prefix(postal_code, prefix) for prefix in includes):
        return False
    if any(_has_prefix(postal_code, prefix) for prefix in excludes):
        return False
    if zone.include_regions and region not in zone.include_regions:
        return False
    return region not in zone.exclude_regions


def _has_prefix(postal_code: str, prefix: str) -> bool:
    """A prefix of letters is a whole postcode area: "BT" covers BT1, not a code that merely begins so."""
    if not postal_code.startswith(prefix):
        return False
    return not prefix.isalpha() or not postal_code[len(prefix) : len(prefix) + 1].isalpha()
