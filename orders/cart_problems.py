"""A cart as it stands, and what keeps it from being ordered."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from catalog import inventory
from orders.discounts import Refusal
from orders.models import Cart, CartLine
from orders.shipping import Destination, ShippingOption
from orders.taxes import TaxAnswer
from orders.totals import Quote, minimum_charge
from shop.money import format_money


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a cart from being ordered, and what to do about it."""

    code: str
    detail: str
    sku: str = ""
    discount_code: str = ""


@dataclass(slots=True)
class CartView:
    """A cart as it stands now: priced lines, ways to ship, totals, and what is wrong with it."""

    cart: Cart
    lines: list[CartLine]
    quote: Quote
    zone: Destination | None
    options: list[ShippingOption]
    tax: TaxAnswer
    problems: list[Problem] = field(default_factory=list)


def problems_of_codes(refusals: Iterable[Refusal]) -> list[Problem]:
    """Return refused codes as problems: nobody pays more than they expect because a code did nothing."""
    return [
        Problem(refusal.reason, f"{refusal.code}: {refusal.detail}", discount_code=refusal.code)
        for refusal in refusals
    ]


def find_problems(found: CartView) -> None:
    """Add what keeps a cart from being ordered, but for stock."""
    cart, problems = found.cart, found.problems
    if not found.lines:
        problems.append(Problem("empty", "The cart is empty."))
    for variant in {line.variant_id: line.variant for line in found.lines}.values():
        if not variant.is_sold:
            problems.append(Problem("not_sold", "No longer sold. Remove it.", variant.sku))
    if not cart.email:
        problems.append(Problem("email_missing", "Give an e-mail address for the confirmation."))
    if not cart.shipping_address:
        problems.append(Problem("address_missing", "Give a shipping address."))
    if found.zone is None:
        return
    if found.zone.currency != cart.currency:
        problems.append(
            Problem("currency_mismatch", f"Orders to {found.zone.name} are paid in {found.zone.currency}.")
        )
    if found.lines and not found.options:
        problems.append(Problem("too_heavy", "The parcel is too heavy for every way to ship there."))
    elif found.quote.shipping is None and found.lines:
        problems.append(Problem("shipping_method_missing", "Choose a shipping method."))
    if not found.zone.has_seller:
        problems.append(Problem("not_sold_there", f"We may not sell to {found.zone.name} yet."))
    _find_unpayable(found)


def find_stock_problems(found: CartView) -> None:
    """Add what is not there in the quantity that is wanted."""
    variants = [line.variant for line in found.lines]
    available = inventory.available_for(variants)
    wanted: dict[int, int] = {}
    for line in found.lines:
        wanted[line.variant_id] = wanted.get(line.variant_id, 0) + line.quantity
    for variant in {line.variant_id: line.variant for line in found.lines}.values():
        left = max(0, available.get(variant.pk, 0))
        if wanted[variant.pk] > left:
            found.problems.append(
                Problem("out_of_stock", f"{left} left." if left else "Sold out.", variant.sku)
            )


def _find_unpayable(found: CartView) -> None:
    """Add what Stripe would refuse, or could not even be asked for. Decided here, before any intent."""
    quote = found.quote
    if quote.shipping is None or not found.lines:
        return
    least = minimum_charge(quote.currency)
    if 0 < quote.total < least:
        asked, minimum = (format_money(amount, quote.currency) for amount in (quote.total, least))
        words = f"Cards take {minimum} or more, and this comes to {asked}. Add something"
        words += ", or take a discount code out." if found.cart.discount_codes else "."
        found.problems.append(Problem("total_too_small", words))
    if quote.total == 0 and any(line.refill_unit for line in found.lines):
        words = "A refill starts with a payment by card, and this comes to nothing: buy these goods once, or"
        words += " take a discount code out."
        found.problems.append(Problem("refill_needs_payment", words))
