"""What variants cost at a moment: offers, reductions, unit prices, a bundle's split, and changes to come."""

from catalog.pricing.bundles import component_shares
from catalog.pricing.changes import (
    Change,
    PriceBook,
    PriceInThePast,
    PriceOverlaps,
    change_price,
    check_change,
    end_price,
    lock_prices,
    withdraw_price,
)
from catalog.pricing.offers import NotPriced, Offer, offer_of, offers_for, with_current_price
from catalog.pricing.reductions import PRIOR_PRICE_WINDOW
from catalog.pricing.units import UnitPrice, unit_price

__all__ = [
    "PRIOR_PRICE_WINDOW",
    "Change",
    "NotPriced",
    "Offer",
    "PriceBook",
    "PriceInThePast",
    "PriceOverlaps",
    "UnitPrice",
    "change_price",
    "check_change",
    "component_shares",
    "end_price",
    "lock_prices",
    "offer_of",
    "offers_for",
    "unit_price",
    "with_current_price",
    "withdraw_price",
]
