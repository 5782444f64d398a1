"""Money: integer minor units beside an ISO 4217 currency. Every rounding of the project happens here."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel.numbers import format_currency

# Exponents that differ from two. Source: https://docs.stripe.com/currencies (zero- and three-decimal lists);
# CLDR differs for UGX, ISK, HUF and TWD, so Babel's own table is not used for arithmetic.
EXPONENTS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "JPY",
            "KMF",
            "KRW",
            "MGA",
            "PYG",
            "RWF",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 3),
}


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (pence, cents) of one currency."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.amount, bool) or not isinstance(self.amount, int):
            raise TypeError("an amount is an integer number of minor units")

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.amount + other.amount, self.currency)

    def __str__(self) -> str:
        return format_money(self.amount, self.currency)


def round_half_up(value: Decimal) -> int:
    """Return a decimal number of minor units as the nearest integer, halves away from zero."""
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def percent_of(amount: int, rate: Decimal) -> int:
    """Return `rate` percent of an amount, rounded half-up.

    Units: minor units in, minor units out; `rate` is a percentage (20 means 20 %).
    :raises ValueError: if `rate` is negative.
    """
    if rate < 0:
        raise ValueError("a rate is not negative")
    return round_half_up(Decimal(amount) * rate / 100)


def tax_within(gross: int, rate: Decimal) -> int:
    """Return the tax contained in a gross amount, rounded half-up: gross × rate ÷ (100 + rate)."""
    if rate < 0:
        raise ValueError("a rate is not negative")
    return round_half_up(Decimal(gross) * rate / (100 + rate))


def split_by_weight(amount: int, weights: Sequence[int]) -> list[int]:
    """Split an amount in proportion to weights by largest remainder, so that the parts sum to it exactly.

    Ties go to the earlier part. All weights zero: everything goes to the first part.
    :raises ValueError: if there are no weights, or a negative one, or the amount is negative.
    """
    if not weights or min(weights) < 0 or amount < 0:
        raise ValueError("weights and amount are not negative, and there is at least one weight")
    total = sum(weights)
    if total == 0:
        return [amount] + [0] * (len(weights) - 1)
    parts = [amount * weight // total for weight in weights]
    remainders = [amount * weight % total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
    for i in by_remainder[: amount - sum(parts)]:
        parts[i] += 1
    return parts


def exponent(currency: str) -> int:
    """Return how many decimals a currency has at Stripe."""
    return EXPONENTS.get(currency.upper(), 2)


def to_minor(value: Decimal | str, currency: str) -> int:
    """Return a decimal amount in major units ("12.50") as minor units.

    :raises ValueError: if it has more decimals than the currency.
    """
    scaled = Decimal(value).scaleb(exponent(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{value} has more decimals than {currency}")
    return int(scaled)


def to_major(amount: int, currency: str) -> Decimal:
    """Return minor units as a decimal in major units."""
    return Decimal(amount).scaleb(-exponent(currency))


@lru_cache(maxsize=4096)
def format_money(amount: int, currency: str, locale: str = "en_GB") -> str:
    """Return an amount for people: format_money(1250, "GBP") is "£12.50"."""
    return format_currency(to_major(amount, currency), currency, locale=locale.replace("-", "_"))
