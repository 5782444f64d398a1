"""The checkout's page: who, where to, how, and the order button. Paying has a page of its own."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from catalog import inventory
from catalog.models import Variant
from orders import (
    address_hints,
    address_rules,
    addresses,
    card_testing,
    carts,
    checkout,
    links,
    payments,
    settlement,
)
from orders.address_hints import Hint
from orders.carts import CartView
from orders.checkout import REFILL_TEXT, TERMS_TEXT, Consents
from orders.models import Cart, Order
from shop.accounts import addresses as address_book
from shop.api import client_ip
from shop.clock import reading
from shop.exceptions import InvalidInput, ShopError, TooManyRequests
from shop.storefront import baskets, markets, saved_addresses
from shop.storefront.cart import ASKED_AT_CHECKOUT, cart_view, rows_of
from shop.storefront.forms import CheckoutForm
from shop.storefront.saved_addresses import Saved


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """Ask for what an order needs; order, or only bring the totals up to date."""
    cart = baskets.open_cart(request)
    if cart is None or not cart.lines.exists():
        return _without_cart(request)
    countries = markets.countries()
    if request.method != "POST":
        return _page(request, CheckoutForm(countries=countries, initial=_initial(request, cart)), cart)
    if "saved" in request.POST:
        return _use_saved(request, cart)
    form = CheckoutForm(request.POST, countries=countries)
    is_valid = form.is_valid()
    try:
        cart = carts.set_details(cart, form.details(), at=reading.now())
        if "update" in request.POST and not any(request.POST.get(name) for name in form.errors):
            return redirect("/checkout#delivery")
        if is_valid and _is_settled(form, cart):
            return _order(request, form, cart)
    except ShopError as error:
        return _refused(request, form, cart, error)
    return _page(request, form, cart)


def _use_saved(request: HttpRequest, cart: Cart) -> HttpResponse:
    """Let the parcel go to an address that the account keeps."""
    address = saved_addresses.choose(request.POST["saved"], _saved(request, cart))
    try:
        carts.set_details(cart, {"shipping_address": address}, at=reading.now())
    except carts.CartClosed:
        return _without_cart(request)
    return redirect("/checkout")


def _saved(request: HttpRequest, cart: Cart) -> list[Saved]:
    return saved_addresses.offers(baskets.user_of(request), markets.countries(), used=cart.shipping_address)


def _is_settled(form: CheckoutForm, cart: Cart) -> bool:
    """Return whether the address looks usual, or the customer has said to use this very one anyway."""
    address = cart.shipping_address
    meant = form.cleaned_data["use_anyway"] == address_hints.fingerprint(address)
    return meant or not _doubts(cart)


def _doubts(cart: Cart) -> list[Hint]:
    """Return what looks odd about an address that could be ordered; what could not is refused in words."""
    try:
        addresses.check(cart.shipping_address, where="shipping_address")
    except InvalidInput:
        return []
    return address_hints.hints(cart.shipping_address)


def _order(request: HttpRequest, form: CheckoutForm, cart: Cart) -> HttpResponse:
    """Place the order and go on to its payment page, which also takes over when Stripe does not answer."""
    given = form.cleaned_data
    consents = Consents(terms=given["terms"], refill=given["refill"], ip_address=client_ip(request))
    try:
        with card_testing.at_checkout(cart.token, ip=consents.ip_address):
            done = checkout.check_out(
                cart.token,
                expected_total=given["expected_total"],
                consents=consents,
                user=baskets.user_of(request),
                at=reading.now(),
            )
    except payments.PaymentUnavailable:
        return redirect("pay", token=links.order_token(Order.objects.get(cart=cart)))
    order = done.order
    if done.intent is None:
        settlement.settle_free(order, at=reading.now())
        return redirect("order", token=links.order_token(order))
    return redirect("pay", token=links.order_token(order))


def _refused(request: HttpRequest, form: CheckoutForm, cart: Cart, error: ShopError) -> HttpResponse:
    """Say in words why there is no order, beside the field where there is one."""
    if isinstance(error, carts.CartClosed):
        return _without_cart(request)
    for name, problems in error.fields.items():
        field = name.rpartition(".")[2]
        if field in form.fields and field not in form.errors:
            form.add_error(field, list(problems))
    form.add_error(None, _in_words(error))
    response = _page(request, form, cart)
    if isinstance(error, TooManyRequests):
        response.status_code = 429
        response["Retry-After"] = str(error.extra["retry_after"])
    return response


def _in_words(error: ShopError) -> str:
    if isinstance(error, checkout.PriceChanged):
        return "The total has changed since you last saw it. Please check it below and order again."
    if isinstance(error, inventory.OutOfStock):
        sku = error.extra.get("sku", "")
        variant = Variant.objects.select_related("product").filter(sku=sku).first()
        name = f"{variant.product.name}, {variant.name}" if variant else sku
        left = error.extra.get("available", 0)
        return f"{name}: only {left} left. Change it in your cart." if left else f"{name} is sold out."
    if isinstance(error, checkout.ConsentMissing):
        return "Please tick the box above the order button."
    return error.detail


def _page(request: HttpRequest, form: CheckoutForm, cart: Cart) -> HttpResponse:
    view = cart_view(cart)
    area = address_rules.area_word(cart.country)
    form.ask_for_area(area or "region")
    context = {
        "form": form,
        "saved": _saved(request, cart),
        "hints": {hint.field: hint.detail for hint in _doubts(cart)},
        "this_address": address_hints.fingerprint(cart.shipping_address),
        "shown_address": addresses.lines(cart.shipping_address) if cart.shipping_address else [],
        "view": view,
        "rows": rows_of(view),
        "problems": _problems(view),
        "has_refill": any(line.refill_unit for line in view.lines),
        "refill_total": sum(line.amount for line in view.quote.lines if line.priced.refill_unit),
        "terms_text": TERMS_TEXT,
        "refill_text": REFILL_TEXT,
        "asks_region": bool(area),
        "seller": markets.seller_in(cart.country),
    }
    return render(request, "storefront/checkout.html", context, status=422 if form.errors else 200)


def _problems(view: CartView) -> list[str]:
    """Return what stands in the way and is not asked for on this page."""
    return [
        f"{problem.sku}: {problem.detail}" if problem.sku else problem.detail
        for problem in view.problems
        if problem.code not in ASKED_AT_CHECKOUT
    ]


def _initial(request: HttpRequest, cart: Cart) -> dict[str, Any]:
    """Return what was typed before, or what the customer's account knows."""
    user = baskets.user_of(request)
    known = address_book.default_in(user, cart.country) if user and not cart.shipping_address else {}
    address = {"country": cart.country, **known, **(cart.shipping_address or {})}
    email = cart.email or (user.email if user else "")
    return {**address, "email": email, "shipping_method": cart.shipping_method}


def _without_cart(request: HttpRequest) -> HttpResponse:
    """A cart that has become an order leads to it; no cart leads to the empty cart's page."""
    waiting = baskets.unpaid_order(request)
    if waiting is not None:
        return redirect("pay", token=links.order_token(waiting))
    messages.info(request, "Your cart is empty.")
    return redirect("cart")
