"""Sample regions: shipping zones, tax rates, fictitious sellers. Creates what is missing only."""

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction

from orders.models import SellerIdentity, ShippingMethod, ShippingRate, ShippingZone, TaxRate

_FILE = Path(__file__).parent / "fixtures" / "regions.json"
# Sample rates hold since long ago; a change of law is a new row with its own day.
_RATES_START = date(2020, 1, 1)


@transaction.atomic
def load(*, at: datetime) -> None:
    """Load zones, rates and sellers that are not there yet; what staff changed stays as it is."""
    data = json.loads(_FILE.read_text(encoding="utf-8"))
    for position, zone in enumerate(data["zones"]):
        _load_zone(zone, position)
    for row in data["tax_rates"]:
        TaxRate.objects.get_or_create(
            country=row["country"],
            region=row["region"],
            tax_code="standard",
            starts_on=_RATES_START,
            defaults={"name": row["name"], "rate": Decimal(row["rate"])},
        )
    for row in data["sellers"]:
        SellerIdentity.objects.get_or_create(region=row["region"], defaults=row)


def _load_zone(data: dict[str, Any], position: int) -> None:
    methods = data.pop("methods")
    zone, created = ShippingZone.objects.get_or_create(
        code=data["code"], defaults={**data, "position": position}
    )
    if not created:
        return
    for place, row in enumerate(methods):
        low, high = row["transit_days"]
        method = ShippingMethod.objects.create(
            zone=zone,
            code=row["code"],
            name=row["name"],
            free_over=row["free_over"],
            transit_days_min=low,
            transit_days_max=high,
            position=place,
        )
        ShippingRate.objects.bulk_create(
            ShippingRate(method=method, max_weight_g=weight, amount=amount) for weight, amount in row["rates"]
        )
