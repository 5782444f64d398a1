"""The arithmetic of invoices: lines, sums by tax rate, and the share of each rate in what goes back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch

from orders.models import Order, OrderLine, OrderLineComponent
from shop.money import round_half_up, split_by_weight

# A tax by its name and rate in percent ("20"), as printed.
Rate = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RateSum:
    """What falls under one tax rate. Amounts in minor units."""

    name: str
    rate: str
    net: int
    tax: int

    @property
    def gross(self) -> int:
        return self.net + self.tax

    @property
    def key(self) -> Rate:
        return self.name, self.rate

    def as_row(self) -> dict[str, Any]:
        """Return the sum as an invoice keeps it."""
        return {**asdict(self), "gross": self.gross}


def lines_of(order: Order) -> list[dict[str, Any]]:
    """Return an order's lines and its delivery as an invoice keeps them."""
    parts = OrderLineComponent.objects.select_related("variant__product")
    lines = order.lines.order_by("position").prefetch_related(Prefetch("components", parts))
    rows = [_item(line) for line in lines]
    return [*rows, _delivery(order, rows)]


def sums_by_rate(lines: Iterable[Mapping[str, Any]]) -> list[RateSum]:
    """Return the sums of an invoice's lines by tax rate, in the order in which the rates appear."""
    sums: dict[Rate, list[int]] = {}
    for line in lines:
        total = sums.setdefault((line["tax_name"], line["tax_rate"]), [0, 0])
        total[0] += line["net"]
        total[1] += line["tax"]
    return [RateSum(name, rate, net, tax) for (name, rate), (net, tax) in sums.items()]


def read_sums(rows: Iterable[Mapping[str, Any]]) -> list[RateSum]:
    """Return sums by rate as they were kept."""
    return [RateSum(row["name"], row["rate"], row["net"], row["tax"]) for row in rows]


def credit(
    whole: Sequence[RateSum], before: Iterable[RateSum], *, by_rate: Mapping[Rate, int], amount: int
) -> list[RateSum]:
    """Return what of each rate a refund of `amount` gives back, of an invoice and the notes before it.

    `by_rate` says how much of it is of known lines; what it does not name, or what of a rate has gone back
    already, is spread over what is left of the rates. Tax is taken from the sum of all notes so far, so that
    the notes of a whole refund give back exactly the tax of the invoice, however it was cut.
    """
    done: dict[Rate, tuple[int, int]] = {}
    for part in before:
        gross, tax = done.get(part.key, (0, 0))
        done[part.key] = (gross + part.gross, tax + part.tax)
    left = [max(0, rate.gross - done.get(rate.key, (0, 0))[0]) for rate in whole]
    shares = [min(by_rate.get(rate.key, 0), room) for rate, room in zip(whole, left, strict=True)]
    room = [have - taken for have, taken in zip(left, shares, strict=True)]
    rest = split_by_weight(max(0, amount - sum(shares)), room)
    found = []
    for rate, share, more in zip(whole, shares, rest, strict=True):
        gross, tax = done.get(rate.key, (0, 0))
        back = share + more
        tax_back = _tax_until(rate, gross + back) - tax
        if back:
            found.append(RateSum(rate.name, rate.rate, back - tax_back, tax_back))
    return found


def _tax_until(rate: RateSum, gross: int) -> int:
    """Return the tax in the first `gross` of a rate's sum; all of it when that is all."""
    if not rate.gross:
        return 0
    return round_half_up(Decimal(rate.tax * gross) / rate.gross)


def _item(line: OrderLine) -> dict[str, Any]:
    parts = list(line.components.all())
    inside = [
        f"{part.quantity} × {part.variant.product.name}, {part.variant.name}"
        for part in parts
        if part.variant_id != line.variant_id
    ]
    return {
        "kind": "item",
        "order_line": line.pk,
        "sku": line.sku,
        "name": f"{line.product_name}, {line.variant_name}",
        "inside": inside,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "discount": line.discount,
        "tax_name": line.tax_name,
        "tax_rate": _percent(line.tax_rate),
        "net": line.net,
        "tax": line.tax,
        "gross": line.gross,
    }


def _delivery(order: Order, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the delivery as a line; its tax goes by the name that the goods' tax of the same rate has."""
    rate = _percent(order.shipping_tax_rate)
    names = [item["tax_name"] for item in items if item["tax_rate"] == rate]
    charged = order.shipping_total
    net = charged - order.shipping_tax if order.tax_included else charged
    return {
        "kind": "delivery",
        "sku": "",
        "name": f"Delivery: {order.shipping_method_name}",
        "inside": [],
        "quantity": 1,
        "unit_price": charged + order.shipping_discount,
        "discount": order.shipping_discount,
        "tax_name": next(iter(names), ""),
        "tax_rate": rate,
        "net": net,
        "tax": order.shipping_tax,
        "gross": net + order.shipping_tax,
    }


def _percent(rate: Decimal) -> str:
    return f"{rate.normalize():f}"
