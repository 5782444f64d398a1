"""The price per kilogram, litre, ounce or fluid ounce, by the market's own base."""

from dataclasses import dataclass
from decimal import Decimal

from catalog.models import Variant
from shop.money import format_money, round_half_up

GRAMS_PER_OUNCE = Decimal("28.349523125")
MILLILITRES_PER_FLUID_OUNCE = Decimal("29.5735295625")


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """The price of one kilogram, litre, ounce or fluid ounce; minor units."""

    amount: int
    currency: str
    unit: str

    @property
    def label(self) -> str:
        return f"{format_money(self.amount, self.currency)} per {self.unit}"


def unit_price(amount: int, currency: str, variant: Variant, *, pieces: int = 1) -> UnitPrice | None:
    """Return the price per kilogram or litre (GBP, EUR) or per ounce or fluid ounce (USD), rounded half-up.

    Units: minor units; `amount` is what `pieces` of the variant cost together. None for goods by the piece
    and for bundles, whose components each show their own, and for what costs nothing.
    """
    base = _unit_base(currency, variant.net_unit)
    if base is None or amount == 0:
        return None
    content, unit = base
    return UnitPrice(
        round_half_up(Decimal(amount) * content / (variant.net_content * pieces)), currency, unit
    )


def _unit_base(currency: str, net_unit: str) -> tuple[Decimal, str] | None:
    """Return how many grams or millilitres the market's unit holds, and its name."""
    american = currency == "USD"
    if net_unit == Variant.Unit.GRAM:
        return (GRAMS_PER_OUNCE, "oz") if american else (Decimal(1000), "kg")
    if net_unit == Variant.Unit.MILLILITRE:
        return (MILLILITRES_PER_FLUID_OUNCE, "fl oz") if american else (Decimal(1000), "litre")
    return None
