"""Money: integers, one rounding, nothing lost."""

from decimal import Decimal

import pytest

from shop import money


@pytest.mark.parametrize(
    ("amount", "rate", "expected"),
    [(1250, "20", 250), (1, "50", 1), (3, "50", 2), (1495, "7.25", 108), (0, "20", 0)],
)
def test_percentages_round_half_up(amount: int, rate: str, expected: int) -> None:
    assert money.percent_of(amount, Decimal(rate)) == expected


@pytest.mark.parametrize(
    ("gross", "rate", "expected"), [(1195, "20", 199), (120, "20", 20), (1, "20", 0), (3, "20", 1)]
)
def test_tax_is_found_within_a_gross_amount(gross: int, rate: str, expected: int) -> None:
    assert money.tax_within(gross, Decimal(rate)) == expected


def test_the_largest_remainder_gets_the_odd_penny() -> None:
    assert money.split_by_weight(100, [1, 1, 1]) == [34, 33, 33]
    assert money.split_by_weight(2800, [1195, 1990]) == [1051, 1749]
    assert money.split_by_weight(5, [0, 0]) == [5, 0]


def test_an_amount_is_never_a_float() -> None:
    with pytest.raises(TypeError):
        money.Money(12.5, "GBP")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot add"):
        money.Money(1, "GBP") + money.Money(1, "EUR")


def test_currencies_have_their_own_decimals() -> None:
    assert money.to_minor("12.50", "GBP") == 1250
    assert money.to_minor("12", "JPY") == 12
    assert money.to_minor("1.234", "KWD") == 1234
    with pytest.raises(ValueError, match="more decimals"):
        money.to_minor("1.005", "GBP")


def test_money_is_shown_to_people() -> None:
    assert money.format_money(1250, "GBP") == "£12.50"
    assert money.format_money(1250, "USD", "en_US") == "$12.50"
