"""What a customs form says of a parcel: needed when it leaves the customs territory that it is sent from.

Amounts are minor units of the order's currency, net of tax; weights are grams.
Source: https://www.upu.int (CN 22: contents, quantity, net weight, value, HS tariff number, origin)
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from orders.models import Order, OrderLineComponent
from shop.exceptions import InvalidInput
from shop.money import split_by_weight

# Monaco and the Isle of Man belong to a neighbour's territory.
# Source: Regulation (EU) No 952/2013, article 4
_UNION = {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"}
_UNION |= {"IE", "IT", "LT", "LU", "LV", "MC", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"}
_TERRITORIES = (_UNION, {"GB", "IM"})
# Postcode areas that carry a country's name in the mail, but lie outside of its customs territory.
_OUTSIDE = {"GB": ("JE", "GY")}


class CustomsIncomplete(InvalidInput):
    code = "customs_incomplete"
    title = "The customs form cannot be filled in"


def is_needed(address: Mapping[str, str]) -> bool:
    """Return whether a parcel to this address crosses a customs border."""
    home, country = settings.SHIPS_FROM_COUNTRY, address.get("country", "")
    if address.get("postal_code", "").upper().startswith(_OUTSIDE.get(country, ())):
        return True
    return country != home and not any({home, country} <= area for area in _TERRITORIES)


def declaration(order: Order, contents: Iterable[tuple[OrderLineComponent, int]]) -> dict[str, Any]:
    """Return what the form says of units of an order's components, and whether it is needed at all.

    Carriers want the same facts without a form. Expects each component's `line` and `variant.product` loaded.
    :raises CustomsIncomplete: if it is needed, naming SKUs without HS code or country of origin.
    """
    found = list(contents)
    needed = is_needed(order.shipping_address)
    missing = sorted({p.sku for p, _ in found if not (_hs(p) and p.variant.product.origin_country)})
    if needed and missing:
        raise CustomsIncomplete(
            f"Customs need an HS code and a country of origin of {', '.join(missing)}: "
            "fill them in at the product."
        )
    lines = [_line(part, n) for part, n in found]
    return {
        "needed": needed,
        "category": "sale of goods",
        "from": settings.SHIPS_FROM_COUNTRY,
        "to": order.shipping_address.get("country", ""),
        "currency": order.currency,
        "lines": lines,
        "value": sum(line["value"] for line in lines),
        "weight_g": sum(line["weight_g"] for line in lines),
    }


def _line(part: OrderLineComponent, units: int) -> dict[str, Any]:
    product = part.variant.product
    return {
        "sku": part.sku,
        "description": f"{product.name}, {part.variant.name}",
        "hs_code": _hs(part),
        "origin": product.origin_country,
        "quantity": units,
        "value": net_value(part, units),
        "weight_g": part.variant.gross_weight_g * units,
    }


def _hs(part: OrderLineComponent) -> str:
    """Return the code that was agreed on; where there was none, and for parts of a bundle, the product's."""
    own = part.line.hs_code if part.line.variant_id == part.variant_id else ""
    return own or part.variant.product.hs_code


def net_value(part: OrderLineComponent, units: int) -> int:
    """Return what the next `units` of a component cost without tax: all of them sum to its share."""
    shares = [other.gross_share for other in part.line.components.all()]
    mine = [other.pk for other in part.line.components.all()].index(part.pk)
    net = split_by_weight(part.line.net, shares)[mine]
    # What replaces a lost parcel is packed already, and worth as much.
    start = min(part.packed, part.quantity - units)
    return sum(split_by_weight(net, [1] * part.quantity)[start : start + units])
