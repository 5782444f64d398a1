"""What quotes of refills are made from: prices, zones, taxes and discounts, each read once for many."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from catalog import pricing
from catalog.models import Variant
from orders import discounts, shipping, taxes
from orders.discounts import Buyer, Rule
from orders.models import OrderDiscount
from orders.shipping import Destination
from orders.taxes import Tax

_Offers = dict[tuple[int, str], pricing.Offer | None]


@dataclass
class Facts:
    """What holds at one moment, asked of the database when it is first needed. Used in one transaction only,
    so that no quote is made from what was true earlier.
    """

    at: datetime
    _offers: _Offers = field(default_factory=dict)
    _zones: dict[str, list[Destination]] = field(default_factory=dict)
    _rates: dict[tuple, Mapping[str, Tax]] = field(default_factory=dict)
    _codes: dict[int, set[str]] = field(default_factory=dict)
    _known: discounts.Known | None = None

    def offers(self, variants: Iterable[Variant], currency: str) -> dict[int, pricing.Offer]:
        """Return the offers of variants by id, as `pricing.offers_for` does."""
        taken = {variant.pk: variant for variant in variants}
        fresh = [variant for pk, variant in taken.items() if (pk, currency) not in self._offers]
        if fresh:
            read = pricing.offers_for(fresh, currency, self.at)
            self._offers.update({(variant.pk, currency): read.get(variant.pk) for variant in fresh})
        found = {pk: self._offers[pk, currency] for pk in taken}
        return {pk: offer for pk, offer in found.items() if offer is not None}

    def destination(self, address: Mapping[str, str]) -> Destination:
        """Return the zone of an address. :raises shipping.NotShippedThere: if it lies in none."""
        country = address["country"]
        if country not in self._zones:
            self._zones[country] = shipping.zones_of(country)
        return shipping.among(
            self._zones[country],
            postal_code=address.get("postal_code", ""),
            region=address.get("region", ""),
        )

    def rates(self, address: Mapping[str, str], codes: Collection[str]) -> Mapping[str, Tax]:
        """Return the rate of each tax code at an address today."""
        country, region = address["country"], address.get("region", "")
        asked = (country, region.upper(), frozenset(codes))
        if asked not in self._rates:
            self._rates[asked] = taxes.rates_for(
                country=country, region=region, tax_codes=codes, on=self.at.date()
            )
        return self._rates[asked]

    def learn_codes(self, line_ids: Collection[int]) -> None:
        """Read at once which codes that repeat began the subscriptions of these order lines."""
        fresh = [pk for pk in line_ids if pk not in self._codes]
        if not fresh:
            return
        self._codes.update({pk: set() for pk in fresh})
        used = OrderDiscount.objects.filter(order__lines__in=fresh, discount__repeats=True)
        for line_id, code in used.exclude(code="").values_list("order__lines", "code"):
            if line_id in self._codes:
                self._codes[line_id].add(code)
        self._known = None

    def repeating(self, line_ids: Collection[int], *, currency: str, buyer: Buyer) -> list[Rule]:
        """Return the discounts that hold for later parcels: automatic ones, and codes that began them."""
        self.learn_codes(line_ids)
        codes = sorted({code for pk in line_ids for code in self._codes[pk]})
        rules, _ = discounts.find(codes, currency=currency, buyer=buyer, at=self.at, known=self._repeating())
        return rules

    def _repeating(self) -> discounts.Known:
        """Return what is known of all codes learnt so far, and of automatic discounts, if they repeat."""
        if self._known is None:
            everything = discounts.know(set().union(*self._codes.values()), at=self.at)
            repeat = {pk: row for pk, row in everything.discounts.items() if row.repeats}
            codes = {text: row for text, row in everything.codes.items() if row.discount_id in repeat}
            self._known = replace(everything, discounts=repeat, codes=codes)
        return self._known
