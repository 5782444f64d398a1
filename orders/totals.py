"""What an order comes to. One rounding per line, half-up; the parts always sum to the total.

Where prices include tax: Σ gross + shipping = total, and the tax is what is contained. Where they do not:
Σ net + shipping + tax = total.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from catalog.models import Variant
from orders.shipping import ShippingOption
from orders.taxes import GOODS_TAX_CODE, NO_TAX, SHIPPING_TAX_CODE, Tax, TaxedGoods, TaxQuestion
from shop import money

# Under this, Stripe takes no charge: decided here, before an intent is asked for.
# Source: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
MINIMUM_CHARGE = {"GBP": 30, "EUR": 50, "USD": 50}


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
class Reduction:
    """What one discount takes off: a share of each line, in their order, and of the price of shipping.

    All amounts in minor units. `is_scarce`, `is_code_scarce`: taking it needs the lock of its row.
    """

    discount_id: int
    code_id: int | None
    code: str
    label: str
    shares: tuple[int, ...]
    shipping: int
    is_scarce: bool = False
    is_code_scarce: bool = False

    @property
    def amount(self) -> int:
        """What is taken off the goods."""
        return sum(self.shares)

    @property
    def saved(self) -> int:
        """What is taken off goods and shipping together."""
        return self.amount + self.shipping


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

    @property
    def full_amount(self) -> int:
        """What the line comes to before discounts."""
        return self.amount + self.discount


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
    reductions: tuple[Reduction, ...] = ()
    shipping_discount: int = 0
    # Of everything that the totals depend on.
    fingerprint: str = ""

    @property
    def shipping_price(self) -> int:
        """What shipping costs before discounts."""
        return self.shipping_amount + self.shipping_discount


def weight_of(lines: Sequence[PricedLine]) -> int:
    """Return the gross weight of lines in grams."""
    return sum(line.variant.gross_weight_g * line.quantity for line in lines)


def items_total(lines: Sequence[PricedLine]) -> int:
    """Return what the lines cost before shipping, in minor units."""
    return sum(line.unit_price * line.quantity for line in lines)


def minimum_charge(currency: str) -> int:
    """Return the least that Stripe charges, in minor units."""
    return MINIMUM_CHARGE.get(currency, 50)


def tax_question(
    lines: Sequence[PricedLine],
    reductions: Sequence[Reduction],
    *,
    address: Mapping[str, str],
    country: str,
    currency: str,
    shipping: ShippingOption | None,
    on: date,
) -> TaxQuestion:
    """Return what has to be known to tax an order, which is all that its totals depend on."""
    amounts = [line.unit_price * line.quantity for line in lines]
    off = _off_lines(reductions, amounts)
    goods = tuple(
        TaxedGoods(line.variant.sku, line.variant.product.tax_code, line.quantity, amount - share)
        for line, amount, share in zip(lines, amounts, off, strict=True)
    )
    price = (shipping.amount if shipping else 0) - sum(reduction.shipping for reduction in reductions)
    return TaxQuestion(
        country=country,
        region=address.get("region", ""),
        postal_code=address.get("postal_code", ""),
        city=address.get("city", ""),
        currency=currency,
        on=on,
        goods=goods,
        shipping=shipping.code if shipping else "",
        shipping_amount=price,
    )


def quote(
    lines: Sequence[PricedLine],
    *,
    currency: str,
    tax_included: bool,
    tax_rates: Mapping[str, Tax],
    shipping: ShippingOption | None,
    reductions: Sequence[Reduction] = (),
    fingerprint: str = "",
) -> Quote:
    """Return the totals of priced lines with discounts, shipping and tax.

    `fingerprint` is that of the question that `tax_rates` answers.
    :raises ValueError: if discounts take more off a line, or off shipping, than it comes to.
    """
    amounts = [line.unit_price * line.quantity for line in lines]
    off = _off_lines(reductions, amounts)
    quoted = tuple(
        _line(line, amount - share, share, tax_rates.get(line.variant.product.tax_code, NO_TAX), tax_included)
        for line, amount, share in zip(lines, amounts, off, strict=True)
    )
    shipping_discount = sum(reduction.shipping for reduction in reductions)
    shipping_amount = (shipping.amount if shipping else 0) - shipping_discount
    if shipping_amount < 0:
        raise ValueError("discounts take off no more than shipping costs")
    shipping_rate = (tax_rates.get(SHIPPING_TAX_CODE) or tax_rates.get(GOODS_TAX_CODE) or NO_TAX).rate
    shipping_tax = _tax(shipping_amount, shipping_rate, tax_included)
    tax_total = sum(line.tax for line in quoted) + shipping_tax
    return Quote(
        currency=currency,
        lines=quoted,
        shipping=shipping,
        shipping_amount=shipping_amount,
        shipping_tax=shipping_tax,
        shipping_tax_rate=shipping_rate,
        items_total=sum(amounts),
        discount_total=sum(off),
        tax_total=tax_total,
        total=sum(amounts) - sum(off) + shipping_amount + (0 if tax_included else tax_total),
        tax_included=tax_included,
        reductions=tuple(reductions),
        shipping_discount=shipping_discount,
        fingerprint=fingerprint,
    )


def _off_lines(reductions: Sequence[Reduction], amounts: Sequence[int]) -> list[int]:
    """Return what all discounts together take off each line."""
    off = [sum(reduction.shares[place] for reduction in reductions) for place in range(len(amounts))]
    if any(share > amount for share, amount in zip(off, amounts, strict=True)):
        raise ValueError("discounts take off no more than a line comes to")
    return off


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
