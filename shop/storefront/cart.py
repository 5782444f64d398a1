"""The cart's page and its buttons. Every button is a POST that comes back to a page."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog import inventory, pricing
from orders import carts, links, shipping
from orders.carts import CartView
from orders.models import Cart, CartLine
from orders.models.cart import interval_in_words
from orders.totals import QuotedLine
from shop.clock import reading
from shop.exceptions import ShopError
from shop.storefront import baskets, markets, refill_offers
from shop.storefront.codes import codes_of
from shop.storefront.forms import INTERVALS_WEEKS, AddToCartForm, CountryForm, LineForm

# What a cart lacks before the checkout has asked for it is no problem yet.
ASKED_AT_CHECKOUT = frozenset({"empty", "email_missing", "address_missing", "shipping_method_missing"})


@never_cache
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show what is in the cart, what it comes to, and what keeps it from being ordered."""
    found = baskets.open_cart(request)
    if found is None or not found.lines.exists():
        return _show_empty(request)
    view = cart_view(found)
    problems = [problem for problem in view.problems if problem.code not in ASKED_AT_CHECKOUT]
    context = {
        "view": view,
        "rows": _with_offers(rows_of(view), view, request.GET),
        "problems": [problem for problem in problems if not problem.sku and not problem.discount_code],
        "codes": codes_of(view),
        "can_order": not problems,
    }
    return render(request, "storefront/cart.html", context)


@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Put something into the cart; a visitor without one gets one."""
    form = AddToCartForm(request.POST)
    if not form.is_valid():
        return _back_with(request, _first_error(form))
    at = reading.now()
    try:
        cart = baskets.open_or_new_cart(request, at=at)
        given = form.cleaned_data
        line = carts.add_line(cart, sku=given["sku"], quantity=given["quantity"], refill=form.refill(), at=at)
    except ShopError as error:
        return _back_with(request, error.detail)
    messages.success(request, f"In your cart: {line.variant.product.name}, {line.variant.name}.")
    response = redirect("cart")
    baskets.remember(response, cart)
    return response


@require_POST
def change(request: HttpRequest, line_id: int) -> HttpResponse:
    """Change a line's quantity or how often it comes back."""
    form = LineForm(request.POST)
    if not form.is_valid():
        return _back_with(request, _first_error(form))
    return _act(request, lambda cart: carts.change_line(cart, line_id, form.changes(), at=reading.now()))


@require_POST
def remove(request: HttpRequest, line_id: int) -> HttpResponse:
    """Take a line out of the cart."""
    return _act(request, lambda cart: carts.remove_line(cart, line_id, at=reading.now()))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def country(request: HttpRequest) -> HttpResponse:
    """Choose where the parcel goes: prices follow. The cart, if there is one, follows too."""
    countries = markets.countries()
    form = CountryForm(
        request.POST or None,
        countries=countries,
        initial={"country": baskets.market_of(request).country, "next": _came_from(request)},
    )
    if request.method != "POST" or not form.is_valid():
        return render(request, "storefront/country.html", {"form": form})
    try:
        market = markets.market_of(form.cleaned_data["country"])
        found = baskets.open_cart(request)
        if found is not None:
            changes = {"country": market.country, "shipping_address": None, "shipping_method": ""}
            carts.set_details(found, changes, at=reading.now())
    except (shipping.NotShippedThere, carts.CartClosed) as error:
        return _back_with(request, error.detail)
    response = redirect(_safe(request, form.cleaned_data["next"]))
    markets.remember(response, market)
    return response


def cart_view(cart: Cart) -> CartView:
    """Return the cart as it stands; without a chosen way to ship, at the price of the first one."""
    found = carts.view(cart, at=reading.now())
    if found.options and found.quote.shipping is None:
        cart.shipping_method = found.options[0].code
        found = carts.view(cart, at=reading.now())
    return found


def rows_of(view: CartView) -> list[dict[str, Any]]:
    """Return the cart's lines with their prices, stock and problems, as the templates show them."""
    quoted = {_key(line.priced): line for line in view.quote.lines}
    available = inventory.available_for([line.variant for line in view.lines])
    troubles = {problem.sku: problem.detail for problem in view.problems if problem.sku}
    return [
        {
            "line": line,
            "quoted": quoted.get(_key(line)),
            "unit_price": _unit_price(quoted.get(_key(line)), view.cart.currency),
            "problem": troubles.get(line.variant.sku, ""),
            "stock": inventory.stock_state(available[line.variant_id]),
            "intervals": _intervals(line),
        }
        for line in view.lines
    ]


def _with_offers(
    rows: list[dict[str, Any]], view: CartView, query: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Add to each line that is bought once the refill that would fit its use."""
    at = reading.now()
    once = [line.variant for line in view.lines if line.refill_unit is None and line.variant.is_subscribable]
    offers = pricing.offers_for(once, view.cart.currency, at) if once else {}
    today = inventory.shop_date(at)
    return [
        {**row, "refill_offer": refill_offers.beside(row["line"], query, offers, on=today)} for row in rows
    ]


def _key(line: Any) -> tuple[int, str | None, int | None]:
    """A cart holds one line of a variant and interval: that is what names it, priced or not."""
    return line.variant.pk, line.refill_unit, line.refill_count


def _unit_price(quoted: QuotedLine | None, currency: str) -> str:
    if quoted is None:
        return ""
    pieces = quoted.priced.quantity
    label = pricing.unit_price(quoted.amount, currency, quoted.priced.variant, pieces=pieces)
    return label.label if label else ""


def _intervals(line: CartLine) -> list[tuple[str, str, bool]]:
    """Return the choices of how often a line comes back, as (value, label, chosen)."""
    if not line.variant.is_subscribable:
        return []
    values = [("week", weeks) for weeks in INTERVALS_WEEKS]
    own = (line.refill_unit, line.refill_count)
    if line.refill_unit and line.refill_count and own not in values:
        values.append((line.refill_unit, line.refill_count))
    choices = [
        (f"{unit}:{count}", interval_in_words(count, unit), (unit, count) == own) for unit, count in values
    ]
    return [("once", "just once", line.refill_unit is None), *choices]


def _show_empty(request: HttpRequest) -> HttpResponse:
    waiting = baskets.unpaid_order(request)
    token = links.order_token(waiting) if waiting else ""
    return render(request, "storefront/cart.html", {"waiting_order": waiting, "waiting_token": token})


def _act(request: HttpRequest, verb: Callable[[Cart], object]) -> HttpResponse:
    found = baskets.open_cart(request)
    if found is None:
        return redirect("cart")
    try:
        verb(found)
    except ShopError as error:
        messages.error(request, error.detail)
    return redirect("cart")


def _first_error(form: Form) -> str:
    return next(
        f"{form.fields[name].label or name.replace('_', ' ').capitalize()}: {problems[0]}"
        for name, problems in form.errors.items()
    )


def _back_with(request: HttpRequest, words: str) -> HttpResponse:
    messages.error(request, words)
    return redirect(_came_from(request))


def _came_from(request: HttpRequest) -> str:
    """Return the page of ours that the visitor came from."""
    try:
        parts = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return "/"
    return _safe(request, f"{parts.path}?{parts.query}" if parts.query else parts.path)


def _safe(request: HttpRequest, url: str) -> str:
    """Return a path on this site, the product list for anything else."""
    is_ours = url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)
    return url if is_ours else "/"
