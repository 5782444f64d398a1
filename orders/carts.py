"""Carts: what somebody means to buy. Prices, stock and shipping are looked up at every view."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch, prefetch_related_objects

from catalog import pricing
from catalog.models import BundleComponent, Variant
from orders import addresses, discounts, shipping, taxes, totals
from orders.cart_problems import (
    CartView,
    Problem,
    find_problems,
    find_stock_problems,
    problems_of_codes,
)
from orders.discounts import Buyer
from orders.models import Cart, CartLine, Order
from orders.models.discount import any_automatic
from orders.shipping import Destination, ShippingOption
from orders.taxes import TaxAnswer
from orders.totals import PricedLine, Reduction
from shop.accounts.models import User
from shop.exceptions import Conflict, InvalidInput, NotFound

MAX_QUANTITY = 99
MAX_LINES = 50
MAX_CODES = 5
# A line on refill comes back within these bounds, in days.
MIN_INTERVAL_DAYS = 7
MAX_INTERVAL_DAYS = 366
DAYS_PER_UNIT = {"day": 1, "week": 7, "month": 30}


class CartClosed(Conflict):
    code = "already_ordered"
    title = "This cart has been ordered"


class UnknownSku(InvalidInput):
    code = "unknown_sku"
    title = "There is no such product"


class NotSubscribable(InvalidInput):
    code = "not_subscribable"
    title = "This product is not offered on refill"


@dataclass(frozen=True, slots=True)
class Refill:
    """How often a line comes back: every `count` `unit`s (day, week or month)."""

    unit: str
    count: int


def create(*, at: datetime, user: User | None = None, country: str = "", currency: str = "") -> Cart:
    """Create an empty cart. The currency follows the country unless it is given."""
    country = country or settings.DEFAULT_COUNTRY
    return Cart.objects.create(
        user=user,
        email=user.email if user else "",
        country=country,
        currency=currency or _currency_of(country),
        created_at=at,
        updated_at=at,
    )


def by_token(token: str, *, lock: bool = False) -> Cart:
    """Return the cart with this token; locked if asked for.

    :raises NotFound: for any token that is not one of ours, in the same words.
    """
    # Under the lock no join: after a wait, a joined order would still be the one of before the wait.
    rows = Cart.objects.select_for_update() if lock else Cart.objects.select_related("order")
    cart = rows.filter(token=token).first() if len(token) <= 40 else None
    if cart is None:
        raise NotFound("There is no such cart. Create one with POST /api/v1/carts.", code="cart_not_found")
    return cart


@transaction.atomic(durable=True)
def set_details(cart: Cart, changes: Mapping[str, Any], *, at: datetime) -> Cart:
    """Change e-mail, addresses, country, currency, shipping method or discount codes of an open cart.

    A shipping address sets the country, and a country sets the currency unless that is given too.
    :raises InvalidInput: if country and shipping address name different countries.
    """
    cart = _lock_open(cart)
    for name in ("email", "currency", "country", "locale", "shipping_method"):
        if name in changes:
            setattr(cart, name, changes[name])
    if "discount_codes" in changes:
        cart.discount_codes = _distinct_codes(changes["discount_codes"])
    for name in ("shipping_address", "billing_address"):
        if name in changes:
            setattr(cart, name, addresses.normalise(changes[name]) if changes[name] else {})
    if changes.get("shipping_address") and "country" not in changes:
        cart.country = cart.shipping_address["country"]
    if cart.shipping_address and cart.shipping_address["country"] != cart.country:
        raise InvalidInput(
            "The parcel goes to the country of its address. Change the address, or leave the country out.",
            code="country_mismatch",
            fields={"country": [f"The shipping address is in {cart.shipping_address['country']}."]},
        )
    if "currency" not in changes and ("country" in changes or changes.get("shipping_address")):
        cart.currency = _currency_of(cart.country)
    cart.updated_at = at
    cart.save()
    return cart


@transaction.atomic(durable=True)
def add_line(cart: Cart, *, sku: str, quantity: int, refill: Refill | None, at: datetime) -> CartLine:
    """Add a quantity of a SKU; the same SKU on the same refill adds up in one line."""
    cart = _lock_open(cart)
    variant = sellable(sku)
    _check_refill(variant, refill)
    line = CartLine.objects.filter(cart=cart, variant=variant, **_refill_fields(refill)).first()
    if line is None:
        if cart.lines.count() >= MAX_LINES:
            raise Conflict(f"A cart holds at most {MAX_LINES} lines.", code="too_many_lines")
        line = CartLine(cart=cart, variant=variant, quantity=0, **_refill_fields(refill))
    line.quantity = _checked_quantity(line.quantity + quantity)
    line.save()
    _touch(cart, at)
    return line


@transaction.atomic(durable=True)
def change_line(cart: Cart, line_id: int, changes: Mapping[str, Any], *, at: datetime) -> CartLine:
    """Change a line's quantity or refill; a line that becomes equal to another is joined with it."""
    cart = _lock_open(cart)
    line = _line(cart, line_id)
    if "quantity" in changes:
        line.quantity = _checked_quantity(changes["quantity"])
    if "refill" in changes:
        _check_refill(line.variant, changes["refill"])
        for name, value in _refill_fields(changes["refill"]).items():
            setattr(line, name, value)
        twin = cart.lines.exclude(pk=line.pk).filter(
            variant=line.variant, **_refill_fields(changes["refill"])
        )
        for other in twin:
            line.quantity = _checked_quantity(line.quantity + other.quantity)
            other.delete()
    line.save()
    _touch(cart, at)
    return line


@transaction.atomic(durable=True)
def remove_line(cart: Cart, line_id: int, *, at: datetime) -> None:
    """Remove a line; removing one that is not there is an error the client should hear of."""
    cart = _lock_open(cart)
    _line(cart, line_id).delete()
    _touch(cart, at)


def view(
    cart: Cart,
    *,
    at: datetime,
    with_stock: bool = True,
    buyer: Buyer | None = None,
    tax: TaxAnswer | None = None,
) -> CartView:
    """Return the cart with present prices, discounts, stock, ways to ship and problems. Writes nothing.

    Without stock for a caller that is about to reserve it: a count read without its lock proves nothing.
    `buyer` is who is known to buy; a guest's address alone is not, before the checkout. `tax` is an answer
    that was asked for before; without it, it is asked for here, which no transaction may wait for.
    :raises taxes.TaxUnavailable: if a remote tax service does not answer.
    """
    lines = _lines(cart, at)
    problems: list[Problem] = []
    priced = _priced(lines, cart, problems, at)
    zone = _zone(cart, problems)
    # Delivery is free from a value of the goods before discounts: no code makes an order dearer.
    options = _options(zone, priced)
    rules, refusals = _rules(cart, lines, buyer, at)
    applied = discounts.apply(
        rules, priced, currency=cart.currency, shipping=shipping.pick(options, cart.shipping_method)
    )
    found = _totals(cart, lines, priced, zone, options, applied.reductions, tax, at)
    found.problems += [*problems, *problems_of_codes([*refusals, *applied.refusals])]
    find_problems(found)
    if with_stock:
        find_stock_problems(found)
    return found


def known_buyer(cart: Cart) -> Buyer:
    """Return who buys as far as somebody has proved it: the account of the cart, or nobody.

    An address that was only typed in says nothing here: else a cart would tell who has ordered before.
    """
    return Buyer(cart.user_id, cart.user.email) if cart.user is not None else discounts.NOBODY


def ask_tax_ahead(token: str, *, at: datetime) -> TaxAnswer | None:
    """Ask a remote tax service about a cart that is about to be ordered. Network: no transaction.

    None where rates are rows of ours, and where the cart has been ordered already.
    :raises taxes.TaxUnavailable: if it does not answer.
    """
    if not taxes.service().is_remote:
        return None
    cart = by_token(token)
    return None if order_of(cart) is not None else view(cart, at=at, with_stock=False).tax


def price(line: CartLine, offer: pricing.Offer | None) -> PricedLine | None:
    """Return a cart line with its prices, or None where it is not sold."""
    if offer is None:
        return None
    on_refill = line.refill_unit is not None and offer.refill_amount is not None
    return PricedLine(
        variant=line.variant,
        quantity=line.quantity,
        list_unit_price=offer.list_amount,
        unit_price=offer.refill_amount if on_refill and offer.refill_amount else offer.amount,
        refill_unit=line.refill_unit,
        refill_count=line.refill_count,
    )


def order_of(cart: Cart) -> Order | None:
    """Return the order that the cart has become, if it has. Ask after the cart is locked, not before."""
    return getattr(cart, "order", None)


def _lines(cart: Cart, at: datetime) -> list[CartLine]:
    """Return the lines; each also says whether a discount that needs no code holds, to save a query."""
    rows = cart.lines.select_related("variant__product").annotate(has_automatic=any_automatic(at))
    lines: list[CartLine] = list(rows.order_by("pk"))
    bundles = [line.variant for line in lines if line.variant.product.is_bundle]
    parts = BundleComponent.objects.select_related("variant__product")
    prefetch_related_objects(bundles, Prefetch("components", queryset=parts))
    return lines


def _zone(cart: Cart, problems: list[Problem]) -> Destination | None:
    address = cart.shipping_address
    try:
        return shipping.zone_for(
            country=cart.country,
            postal_code=address.get("postal_code", ""),
            region=address.get("region", ""),
        )
    except shipping.NotShippedThere as refusal:
        problems.append(Problem(refusal.problem_code, refusal.detail))
        return None


def _priced(lines: list[CartLine], cart: Cart, problems: list[Problem], at: datetime) -> list[PricedLine]:
    offers = pricing.offers_for([line.variant for line in lines], cart.currency, at)
    priced = []
    for line in lines:
        found = price(line, offers.get(line.variant_id))
        if found is None:
            problems.append(Problem("not_priced", f"Not sold in {cart.currency}.", line.variant.sku))
        else:
            priced.append(found)
    return priced


def _options(zone: Destination | None, priced: list[PricedLine]) -> list[ShippingOption]:
    if zone is None:
        return []
    return zone.options(weight_g=totals.weight_of(priced), items_total=totals.items_total(priced))


def _rules(
    cart: Cart, lines: list[CartLine], buyer: Buyer | None, at: datetime
) -> tuple[list[discounts.Rule], list[discounts.Refusal]]:
    if not cart.discount_codes and not any(line.has_automatic for line in lines):  # type: ignore[attr-defined]
        return [], []
    who = buyer or known_buyer(cart)
    return discounts.find(cart.discount_codes, currency=cart.currency, buyer=who, at=at)


def _totals(
    cart: Cart,
    lines: list[CartLine],
    priced: list[PricedLine],
    zone: Destination | None,
    options: list[ShippingOption],
    reductions: Sequence[Reduction],
    tax: TaxAnswer | None,
    at: datetime,
) -> CartView:
    chosen = shipping.pick(options, cart.shipping_method)
    question = totals.tax_question(
        priced, reductions, address=cart.shipping_address, country=cart.country, currency=cart.currency,
        shipping=chosen, on=at.date(),
    )  # fmt: skip
    answer = tax or taxes.ask(question)
    quote = totals.quote(
        priced,
        currency=cart.currency,
        tax_included=zone.prices_include_tax if zone else True,
        tax_rates=answer.rates,
        shipping=chosen,
        reductions=reductions,
        fingerprint=question.fingerprint,
    )
    return CartView(cart=cart, lines=lines, quote=quote, zone=zone, options=options, tax=answer)


def _lock_open(cart: Cart) -> Cart:
    locked = by_token(cart.token, lock=True)
    order = order_of(locked)
    if order is not None:
        raise CartClosed("This cart has become an order. Start a new one.", order=order.reference)
    return locked


def _touch(cart: Cart, at: datetime) -> None:
    cart.updated_at = at
    cart.save(update_fields=["updated_at"])


def sellable(sku: str) -> Variant:
    """Return a variant that customers may buy.

    :raises UnknownSku: if there is none of that SKU.
    """
    variant = Variant.objects.sellable().select_related("product").filter(sku=sku).first()
    if variant is None:
        raise UnknownSku(f"There is no product with SKU {sku!r}.", fields={"sku": ["Unknown SKU."]})
    return variant


def _line(cart: Cart, line_id: int) -> CartLine:
    line = cart.lines.select_related("variant").filter(pk=line_id).first()
    if line is None:
        raise NotFound("This cart has no such line.", code="line_not_found")
    return line


def _checked_quantity(quantity: int) -> int:
    if not 1 <= quantity <= MAX_QUANTITY:
        raise InvalidInput(
            f"A line holds 1 to {MAX_QUANTITY} pieces.",
            fields={"quantity": [f"A whole number from 1 to {MAX_QUANTITY}."]},
        )
    return quantity


def _check_refill(variant: Variant, refill: Refill | None) -> None:
    if refill is None:
        return
    if not variant.is_subscribable:
        raise NotSubscribable(
            f"{variant.product.name}, {variant.name}: sold once, not on refill.",
            fields={"refill": ["Not offered."]},
        )
    days = DAYS_PER_UNIT[refill.unit] * refill.count
    if not MIN_INTERVAL_DAYS <= days <= MAX_INTERVAL_DAYS:
        raise InvalidInput(
            "Refills come between once a week and once a year.",
            fields={"refill": ["From 7 days to 12 months."]},
        )


def _refill_fields(refill: Refill | None) -> dict[str, Any]:
    return {"refill_unit": refill.unit if refill else None, "refill_count": refill.count if refill else None}


def _distinct_codes(codes: Iterable[str]) -> list[str]:
    """Return codes as they are kept, each once, in the order in which they were entered."""
    found = list(dict.fromkeys(filter(None, map(discounts.normalise_code, codes))))
    if len(found) > MAX_CODES:
        raise InvalidInput(
            f"A cart takes up to {MAX_CODES} codes.", fields={"discount_codes": [f"At most {MAX_CODES}."]}
        )
    return found


def _currency_of(country: str) -> str:
    return shipping.currency_of(country) or settings.DEFAULT_CURRENCY
