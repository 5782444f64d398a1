"""What a reduction is measured against: the lowest price of the 30 days before it began.

Source: Directive 98/6/EC, Article 6a.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from catalog.models import Price
from shop.money import round_half_up

PRIOR_PRICE_WINDOW = timedelta(days=30)


def lowest_prior(sale: Price, rows: Sequence[Price]) -> int | None:
    """Return the lowest price of the 30 days before a reduction began; None if nothing was sold then.

    `rows` are all prices of the variant in that currency. Minor units.
    """
    return _lowest_before(_began(sale, rows), rows)


def percent_off(prior: int | None, amount: int) -> int | None:
    """Return by how many percent an amount is lower than the prior price; None if it is not."""
    if prior is None or prior <= amount:
        return None
    return round_half_up(Decimal(100 * (prior - amount)) / prior)


def _began(sale: Price, rows: Sequence[Price]) -> datetime:
    """Return when a reduction began: sale prices that follow one another downwards are one reduction.

    Source: Directive 98/6/EC, Article 6a(5), on reductions that increase step by step.
    """
    began, amount = sale.starts_at, sale.amount
    earlier = sorted(
        (price for price in rows if price.kind == Price.Kind.SALE and price.starts_at < began),
        key=lambda price: price.starts_at,
        reverse=True,
    )
    for price in earlier:
        if price.ends_at != began or price.amount < amount:
            break
        began, amount = price.starts_at, price.amount
    return began


def _lowest_before(began: datetime, rows: Sequence[Price]) -> int | None:
    """Return the lowest price that held in the window before `began`.

    The lower of list and sale holds at any time, so the lowest row that overlaps the window is the answer.
    """
    window = began - PRIOR_PRICE_WINDOW
    amounts = [
        price.amount
        for price in rows
        if price.kind != Price.Kind.REFILL
        and price.starts_at < began
        and (price.ends_at is None or price.ends_at > window)
    ]
    return min(amounts, default=None)
