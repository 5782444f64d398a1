"""Discounts: which ones hold for a cart, what they take off, and why a code is refused.

One fixed stacking order, each step on what the one before it left:

1. the catalogue's own prices: sale price, or refill price for a line on refill;
2. automatic discounts on goods, percentages before amounts, then the older one first;
3. discounts on goods by code, in the same order;
4. free delivery, automatic or by code.

A discount that cannot be combined stands alone: whichever saves the customer more holds, it or all the others
together. What remains of a line is never below zero. Later parcels of a refill are lowered only by a discount
that repeats: see `orders.subscriptions.quoting`.
"""

from orders.discounts.applying import Applied, apply
from orders.discounts.codes import generate_codes, normalise_code
from orders.discounts.rules import NOBODY, Buyer, Known, Refusal, Rule, customer_key, find, know

__all__ = [
    "NOBODY",
    "Applied",
    "Buyer",
    "Known",
    "Refusal",
    "Rule",
    "apply",
    "customer_key",
    "find",
    "generate_codes",
    "know",
    "normalise_code",
]
