"""How much magnesium is in the goods: computed from the label's % MgCl2, never typed."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from catalog.models import Product

# Masses in g/mol. Source: IUPAC standard atomic weights.
MAGNESIUM = Decimal("24.305")
MGCL2 = MAGNESIUM + 2 * Decimal("35.453")
HEXAHYDRATE = MGCL2 + 6 * Decimal("18.015")
# A label that says 46.8 % means the pure hexahydrate, of which 46.83 % is MgCl2.
PURE_PERCENT = 100 * MGCL2 / HEXAHYDRATE


@dataclass(frozen=True, slots=True)
class MagnesiumContent:
    """Elemental magnesium: % by weight; in a brine also mg per ml and, from a pump, mg per spray."""

    percent: Decimal
    mg_per_ml: int | None = None
    mg_per_spray: Decimal | None = None


def magnesium_of(product: Product) -> MagnesiumContent | None:
    """Return what a product holds; None where the label names no magnesium chloride."""
    if product.mgcl2_percent is None:
        return None
    label = Decimal(product.mgcl2_percent)
    share = PURE_PERCENT if label == _to(PURE_PERCENT, "0.1") else label
    percent = share * MAGNESIUM / MGCL2
    if product.density_g_per_ml is None:
        return MagnesiumContent(percent=_to(percent, "0.1"))
    mg_per_ml = percent / 100 * Decimal(product.density_g_per_ml) * 1000
    pump = product.ml_per_spray
    return MagnesiumContent(
        percent=_to(percent, "0.1"),
        mg_per_ml=int(_to(mg_per_ml, "1")),
        mg_per_spray=None if pump is None else _to(mg_per_ml * Decimal(pump), "0.1"),
    )


def _to(value: Decimal, step: str) -> Decimal:
    return value.quantize(Decimal(step), rounding=ROUND_HALF_UP)
