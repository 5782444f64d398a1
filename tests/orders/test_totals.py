"""Σ lines + shipping (+ tax where exclusive) = total, whatever the numbers."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.models import Product, Variant
from orders import discounts, totals
from orders.discounts import Rule
from orders.models import Discount, DiscountCode, ShippingZone
from orders.shipping import ShippingOption
from orders.taxes import Tax
from orders.totals import PricedLine, Reduction
from shop import money

PRODUCT = Product(tax_code="standard")
ZONE = ShippingZone(code="GB", currency="GBP")


def _line(unit_price: int, quantity: int, weight: int = 100) -> PricedLine:
    variant = Variant(product=PRODUCT, gross_weight_g=weight)
    return PricedLine(variant=variant, quantity=quantity, list_unit_price=unit_price, unit_price=unit_price)


def _shipping(amount: int) -> ShippingOption:
    return ShippingOption(
        zone=ZONE, code="standard", name="Standard", amount=amount, free_over=None,
        transit_days_min=2, transit_days_max=4,
    )  # fmt: skip


def _quote(
    lines: list[PricedLine], rate: str, included: bool, shipping: int = 395, discount: int = 0
) -> totals.Quote:
    return totals.quote(
        lines,
        currency="GBP",
        tax_included=included,
        tax_rates={"standard": Tax(name="VAT", rate=Decimal(rate))},
        shipping=_shipping(shipping),
        reductions=_reductions(lines, discount),
    )


def _reductions(lines: list[PricedLine], amount: int) -> list[Reduction]:
    """Return what a code over an amount takes off, by the arithmetic of the shop."""
    discount = Discount(pk=1, label="An amount off", kind="fixed")
    rule = Rule(discount, DiscountCode(pk=1, code="OFF"), amount, 0, frozenset(), frozenset())
    return list(discounts.apply([rule], lines, currency="GBP").reductions) if amount else []


def test_vat_is_contained_in_british_prices() -> None:
    quote = _quote([_line(1195, 1)], "20", included=True)

    assert (quote.items_total, quote.shipping_amount, quote.total) == (1195, 395, 1590)
    assert quote.lines[0].tax == 199
    assert quote.lines[0].net == 996
    assert quote.tax_total == 199 + 66


def test_sales_tax_comes_on_top_of_american_prices() -> None:
    quote = _quote([_line(1495, 2)], "7.25", included=False, shipping=895)

    assert quote.items_total == 2990
    assert quote.tax_total == 217 + 65
    assert quote.total == 2990 + 895 + 282


def test_a_discount_never_makes_a_total_negative() -> None:
    quote = _quote([_line(500, 1)], "20", included=True, shipping=0, discount=9999)

    assert quote.discount_total == 500
    assert quote.total == 0


LINES = st.lists(st.tuples(st.integers(1, 100_000), st.integers(1, 99)), min_size=1, max_size=8)
RATES = st.sampled_from(["0", "5", "7.25", "19", "20", "25.5", "27"])


@settings(max_examples=500, deadline=None)
@given(LINES, RATES, st.booleans(), st.integers(0, 5000), st.integers(0, 50_000))
def test_the_parts_sum_to_the_total(
    lines: list[tuple[int, int]], rate: str, included: bool, shipping: int, discount: int
) -> None:
    quote = _quote([_line(price, n) for price, n in lines], rate, included, shipping, discount)

    gross = sum(line.gross for line in quote.lines)
    shipping_gross = shipping if included else shipping + quote.shipping_tax
    assert gross + shipping_gross == quote.total
    assert sum(line.discount for line in quote.lines) == quote.discount_total
    assert all(line.net + line.tax == line.gross and line.gross >= 0 for line in quote.lines)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_a_split_loses_nothing(amount: int, weights: list[int]) -> None:
    parts = money.split_by_weight(amount, weights)

    assert sum(parts) == amount
    assert all(part >= 0 for part in parts)
