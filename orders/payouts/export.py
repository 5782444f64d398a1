"""A payout as rows for a bookkeeper: one row a balance transaction, amounts as decimals in major units.

Cells that a spreadsheet would take for a formula start with an apostrophe. Numbers are left alone.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from orders.models import Order, Payout, PayoutLine
from shop.money import to_major
from shop.sheets import safe

# Columns of the file, in their order. Those that begin with `order_` tell of the whole order, not of the row:
# a refund's row repeats the tax of the order that it belongs to.
COLUMNS = {
    "payout": "the payout's id at Stripe",
    "payout_arrives_on": "the day on which the bank has it",
    "transaction": "the balance transaction's id at Stripe",
    "type": "charge, refund, adjustment, stripe_fee, payout …",
    "category": "Stripe's reporting category",
    "source": "the charge, refund or dispute behind it",
    "created_at": "when it was booked, UTC",
    "available_at": "when it was free to be paid out, UTC",
    "currency": "the balance's currency, of the four columns that follow",
    "amount": "gross",
    "fee": "what Stripe kept",
    "net": "amount less fee; over all rows but the payout's own it is what the bank got",
    "exchange_rate": "from the order's currency, where they differ",
    "description": "in Stripe's words",
    "order": "the order's reference",
    "order_placed_at": "when it was ordered, UTC",
    "order_country": "where it goes to (ISO 3166)",
    "order_currency": "the currency of the columns that follow",
    "order_total": "what the customer paid",
    "order_tax_total": "tax in it, shipping's included",
    "order_tax_by_rate": "the same by rate: VAT 20% 4.83; VAT 0% 0.00",
}
CHUNK = 500


def rows(payout: Payout) -> Iterator[list[str]]:
    """Yield the header and then a row a balance transaction, never holding more than a chunk of them."""
    yield list(COLUMNS)
    found = payout.lines.select_related("order").prefetch_related("order__lines").order_by("created_at", "pk")
    for line in found.iterator(chunk_size=CHUNK):
        yield [*_of_line(payout, line), *_of_order(line.order)]


def _of_line(payout: Payout, line: PayoutLine) -> Sequence[str]:
    texts = (payout.stripe_payout_id, f"{payout.arrives_on}", line.stripe_transaction_id, line.type)
    times = (line.created_at.isoformat(timespec="seconds"), line.available_at.isoformat(timespec="seconds"))
    amounts = (f"{to_major(amount, line.currency)}" for amount in (line.amount, line.fee, line.net))
    rate = "" if line.exchange_rate is None else f"{line.exchange_rate.normalize():f}"
    return [
        *map(safe, (*texts, line.category, line.source_id)),
        *times,
        line.currency,
        *amounts,
        rate,
        safe(line.description),
    ]


def _of_order(order: Order | None) -> Sequence[str]:
    if order is None:
        return [""] * 7
    return [
        safe(order.reference),
        order.placed_at.isoformat(timespec="seconds"),
        order.country,
        order.currency,
        f"{to_major(order.total, order.currency)}",
        f"{to_major(order.tax_total, order.currency)}",
        safe(_tax_by_rate(order)),
    ]


def _tax_by_rate(order: Order) -> str:
    """Return an order's tax by name and rate, the lines' and the shipping's joined."""
    sums: dict[tuple[str, Decimal], int] = defaultdict(int)
    names = {}
    for line in order.lines.all():
        sums[line.tax_name, line.tax_rate.normalize()] += line.tax
        names[line.tax_rate.normalize()] = line.tax_name
    rate = order.shipping_tax_rate.normalize()
    if order.shipping_tax:
        sums[names.get(rate, "shipping"), rate] += order.shipping_tax
    parts = (
        f"{name} {rate:f}% {to_major(tax, order.currency)}" for (name, rate), tax in sorted(sums.items())
    )
    return "; ".join(parts)
