"""Tax rates by destination and day. A tax service could stand behind `rates_for`: it is asked before the
transaction, and its answer travels inside the quote."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Q

from orders.models import TaxRate

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Tax:
    """A rate in percent with the name that the invoice prints."""

    name: str
    rate: Decimal


NO_TAX = Tax(name="", rate=ZERO)


def rates_for(*, country: str, region: str, tax_codes: Iterable[str], on: date) -> dict[str, Tax]:
    """Return the rate of each tax code on a day; a region's own row wins over its country's.

    Codes without a row have no tax there.
    """
    rows = TaxRate.objects.filter(
        Q(ends_on__isnull=True) | Q(ends_on__gte=on),
        country=country,
        region__in=["", region],
        tax_code__in=set(tax_codes),
        starts_on__lte=on,
    ).order_by("region", "starts_on")
    found = dict.fromkeys(tax_codes, NO_TAX)
    for row in rows:
        found[row.tax_code] = Tax(name=row.name, rate=row.rate)
    return found
