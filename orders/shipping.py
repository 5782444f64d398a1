"""Where we ship, how, and for how much."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Exists, OuterRef

from orders.models import SellerIdentity, ShippingMethod, ShippingRate, ShippingZone
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


@dataclass(frozen=True, slots=True)
class Destination:
    """A zone with its methods and their weight bands, lightest first, and whether we may sell there."""

    zone: ShippingZone
    methods: Sequence[tuple[ShippingMethod, Sequence[ShippingRate]]]
    has_seller: bool

    @property
    def name(self) -> str:
        return self.zone.name

    @property
    def currency(self) -> str:
        return self.zone.currency

    @property
    def prices_include_tax(self) -> bool:
        return self.zone.prices_include_tax

    def options(self, *, weight_g: int, items_total: int) -> list[ShippingOption]:
        """Return the ways to ship a parcel of this weight and value, in the zone's own order."""
        found = []
        for method, bands in self.methods:
            amount = next((band.amount for band in bands if weight_g <= band.max_weight_g), None)
            if amount is not None:
                free = method.free_over is not None and items_total >= method.free_over
                found.append(_option(self.zone, method, 0 if free else amount))
        return found


def zone_for(*, country: str, postal_code: str = "", region: str = "") -> Destination:
    """Return the zone of a destination, the most particular first, with everything that prices a parcel.

    One query. :raises NotShippedThere: if no active zone covers it.
    """
    return among(zones_of(country), postal_code=postal_code, region=region)


def zones_of(country: str) -> list[Destination]:
    """Return the active zones that cover any part of a country, the most particular first. One query."""
    rates = (
        ShippingRate.objects.select_related("method__zone")
        .filter(method__zone__is_active=True, method__zone__countries__contains=[country])
        .annotate(
            has_seller=Exists(
                SellerIdentity.objects.filter(region=OuterRef("method__zone__regulatory_region"))
            )
        )
        .order_by(
            "method__zone__position", "method__zone_id", "method__position", "method_id", "max_weight_g"
        )
    )
    found = []
    for _, rows in groupby(rates, key=lambda rate: rate.method.zone_id):
        bands = list(rows)
        methods = [(group[0].method, group) for group in _by_method(bands)]
        found.append(Destination(zone=bands[0].method.zone, methods=methods, has_seller=bands[0].has_seller))
    return found


def among(zones: Iterable[Destination], *, postal_code: str, region: str) -> Destination:
    """Return the first of a country's zones that covers a part of it.

    :raises NotShippedThere: if none does.
    """
    code = postal_code.replace(" ", "").upper()
    for destination in zones:
        if _covers(destination.zone, code, region.upper()):
            return destination
    raise NotShippedThere("We do not ship to this address yet.", fields={"country": ["Not shipped there."]})


def currency_of(country: str) -> str | None:
    """Return the currency in which orders to a country are paid, or None where we do not ship."""
    zones = ShippingZone.objects.filter(is_active=True, countries__contains=[country])
    return zones.values_list("currency", flat=True).first()


def pick(options: Iterable[ShippingOption], code: str) -> ShippingOption | None:
    """Return the option with this code, or None."""
    return next((option for option in options if option.code == code), None)


def _by_method(bands: Iterable[ShippingRate]) -> list[list[ShippingRate]]:
    return [list(rows) for _, rows in groupby(bands, key=lambda rate: rate.method_id)]


def _option(zone: ShippingZone, method: ShippingMethod, amount: int) -> ShippingOption:
    return ShippingOption(
        zone=zone,
        code=method.code,
        name=method.name,
        amount=amount,
        free_over=method.free_over,
        transit_days_min=method.transit_days_min,
        transit_days_max=method.transit_days_max,
    )


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
