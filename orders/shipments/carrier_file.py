"""Parcels as a file for the carrier: one line a parcel."""

from collections.abc import Iterable, Iterator

from orders.models import Shipment
from shop.money import to_major
from shop.sheets import safe

# Columns of the file, in their order.
COLUMNS = {
    "shipment": "the parcel's reference: write it on the box, send it back with the tracking number",
    "order": "the order's reference",
    "service": "the way of shipping that the customer chose",
    "name": "",
    "company": "",
    "line1": "",
    "line2": "",
    "city": "",
    "region": "state code (US)",
    "postal_code": "",
    "country": "ISO 3166",
    "phone": "international numbers begin with 00",
    "email": "",
    "weight_g": "with packaging",
    "value": "goods without tax, major units",
    "currency": "ISO 4217",
    "customs": "yes: the parcel needs the columns that follow on its customs form",
    "hs_codes": "one for each kind of goods, joined by a bar",
    "origin": "countries of origin (ISO 3166), joined by a bar",
    "contents": "units and goods, joined by a bar",
}


def rows(shipments: Iterable[Shipment]) -> Iterator[list[str]]:
    """Yield the header and a row a parcel. Cells that a spreadsheet would run start with an apostrophe.

    Expects parcels as `leaving.waiting` loads them.
    """
    yield list(COLUMNS)
    for shipment in shipments:
        yield [safe(text) for text in _row(shipment)]


def _row(shipment: Shipment) -> list[str]:
    order, address, facts = shipment.order, shipment.address, shipment.customs
    names = ("name", "company", "line1", "line2", "city", "region", "postal_code", "country")
    phone = address.get("phone", "")
    return [
        shipment.reference,
        order.reference,
        shipment.service,
        *(address.get(name, "") for name in names),
        # A plus would make it a formula.
        f"00{phone[1:]}" if phone.startswith("+") else phone,
        order.email,
        f"{shipment.weight_g}",
        f"{to_major(facts['value'], order.currency)}",
        order.currency,
        "yes" if shipment.customs_needed else "no",
        "|".join(dict.fromkeys(line["hs_code"] for line in facts["lines"] if line["hs_code"])),
        "|".join(dict.fromkeys(line["origin"] for line in facts["lines"] if line["origin"])),
        "|".join(f"{line['quantity']} x {line['description']}" for line in facts["lines"]),
    ]
