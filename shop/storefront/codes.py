"""Discount codes of the cart: entered and taken out, each by a POST that comes back to the cart."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from orders import carts, code_guessing
from orders.carts import CartView
from orders.discounts import normalise_code
from shop.api import client_ip
from shop.clock import reading
from shop.exceptions import ShopError
from shop.storefront import baskets
from shop.storefront.forms import CodeForm


@require_POST
def enter(request: HttpRequest) -> HttpResponse:
    """Put a code on the cart; why it takes nothing off is said beside it."""
    form, found = CodeForm(request.POST), baskets.open_cart(request)
    if found is None or not form.is_valid():
        messages.error(request, "Type the code as it was given to you.")
        return redirect("cart")
    codes = [*found.discount_codes, form.cleaned_data["code"]]
    try:
        code_guessing.count(found, codes, ip=client_ip(request))
        carts.set_details(found, {"discount_codes": codes}, at=reading.now())
    except ShopError as error:
        messages.error(request, error.detail)
    return redirect("/cart#codes")


@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """Take a code off the cart."""
    form, found = CodeForm(request.POST), baskets.open_cart(request)
    if found is not None and form.is_valid():
        left = [code for code in found.discount_codes if code != normalise_code(form.cleaned_data["code"])]
        try:
            carts.set_details(found, {"discount_codes": left}, at=reading.now())
        except ShopError as error:
            messages.error(request, error.detail)
    return redirect("/cart#codes")


def codes_of(view: CartView) -> list[dict[str, Any]]:
    """Return the codes of a cart, each with what it saves or why it saves nothing."""
    problems = {problem.discount_code: problem.detail for problem in view.problems if problem.discount_code}
    saves = {taken.code: taken.saved for taken in view.quote.reductions if taken.code}
    return [
        {
            "text": code,
            "problem": problems.get(code, "").removeprefix(f"{code}: "),
            "saves": saves.get(code, 0),
        }
        for code in view.cart.discount_codes
    ]
