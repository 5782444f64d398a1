"""What an order comes to. One rounding per line, half-up; the parts always sum to the total.

Where prices include tax: Σ gross + shipping = total, and the tax is what is contained. Where they do not:
Σ net + shipping + tax = total.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from catalog.models import Variant
from orders.shipping import ShippingOption
from orders.taxes import NO_TAX, Tax
from shop import money

# Under this, Stripe takes no charge: decided here, before an intent is asked for.
# Source: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
MINIMUM_CHARGE = {"GBP": 30, "EUR": 50, "USD": 50}
SHIPPING_TAX_CODE = "standard"


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A wanted line with its prices per piece, in minor units."""

    variant: Variant
    quantity: int
    list_unit_price: int
    unit_price: int
    refill_unit: str | None = None
    refill_count: int | None = None


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """A line with its tax. `amount` is what the customer sees: with tax where prices include it."""

    priced: PricedLine
    amount: int
    discount: int
    net: int
    tax: int
    gross: int
    tax_name: str
    tax_rate: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """Everything that is agreed on when an order is placed. All amounts in minor units of `currency`."""

    currency: str
    lines: tuple[QuotedLine, ...]
    shipping: ShippingOption | None
    shipping_amount: int
    shipping_tax: int
    shipping_tax_rate: Decimal
    items_total: int
    discount_total: int
    tax_total: int
    total: int
    tax_included: bool


def weight_of(lines: Sequence[PricedLine]) -> int:
    """Return the gross weight of lines in grams."""
    return sum(line.variant.gross_weight_g * line.quantity for line in lines)


def items_total(lines: Sequence[PricedLine]) -> int:
    """Return what the lines cost before shipping, in minor units."""
    return sum(line.unit_price * line.quantity for line in lines)


def quote(
    lines: Sequence[PricedLine],
    *,
    currency: str,
    tax_included: bool,
    tax_rates: dict[str, Tax],
    shipping: ShippingOption | None,
    discount: int = 0,
) -> Quote:
    """Return the totals of priced lines with shipping and tax.

    `discount` (minor units) is spread over the lines by largest remainder and never exceeds them.
    """
    amounts = [line.unit_price * line.quantity for line in lines]
    total_items = sum(amounts)
    discount = min(discount, total_items)
    shares = money.split_by_weight(discount, amounts) if lines else []
    quoted = tuple(
        _line(line, amount - share, share, tax_rates.get(line.variant.product.tax_code, NO_TAX), tax_included)
        for line, amount, share in zip(lines, amounts, shares, strict=True)
    )
    shipping_amount = shipping.amount if shipping else 0
    shipping_rate = tax_rates.get(SHIPPING_TAX_CODE, NO_TAX).rate
    shipping_tax = _tax(shipping_amount, shipping_rate, tax_included)
    tax_total = sum(line.tax for line in quoted) + shipping_tax
    total = total_items - discount + shipping_amount + (0 if tax_included else tax_total)
    return Quote(
        currency=currency,
        lines=quoted,
        shipping=shipping,
        shipping_amount=shipping_amount,
        shipping_tax=shipping_tax,
        shipping_tax_rate=shipping_rate,
        items_total=total_items,
        discount_total=discount,
        tax_total=tax_total,
        total=total,
        tax_included=tax_included,
    )


def _line(line: PricedLine, amount: int, discount: int, tax: Tax, included: bool) -> QuotedLine:
    tax_amount = _tax(amount, tax.rate, included)
    net = amount - tax_amount if included else amount
    return QuotedLine(
        priced=line,
        amount=amount,
        discount=discount,
        net=net,
        tax=tax_amount,
        gross=net + tax_amount,
        tax_name=tax.name,
        tax_rate=tax.rate,
    )


def _tax(amount: int, rate: Decimal, included: bool) -> int:
    return money.tax_within(amount, rate) if included else money.percent_of(amount, rate)
