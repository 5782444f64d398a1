"""Allauth's pages behind our own door: limits that count, and a page that says when to come back."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from shop.accounts import limits
from shop.exceptions import TooManyRequests
from shop.storefront import baskets

View = Callable[..., HttpResponseBase]


def guarded(view: View, *, limit: str = "", every: bool = False) -> View:
    """Count a POST against an operation's limits (`every`: a GET too); refuse with a page and Retry-After."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            if request.method == "POST" or every:
                limits.spend_for(limit, request, email=request.POST.get("email", ""))
            try:
                return view(request, *args, **kwargs)
            except IntegrityError:
                # Two sign-ups with one address at once: this time it is known, and the answer the same.
                return view(request, *args, **kwargs)
        except TooManyRequests as refusal:
            return too_often(request, refusal)

    return answer


def too_often(request: HttpRequest, refusal: TooManyRequests) -> HttpResponse:
    """Say in words when to come back."""
    page = render(request, "storefront/account/too_often.html", {"detail": refusal.detail}, status=429)
    page["Retry-After"] = str(refusal.extra["retry_after"])
    return page


def forgetting_cart(view: View) -> View:
    """Let the cart stay with its account: whoever uses this browser next does not see it."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        found = view(request, *args, **kwargs)
        if request.method == "POST" and isinstance(found, HttpResponse) and not request.user.is_authenticated:
            found.delete_cookie(baskets.COOKIE, samesite="Lax")
        return found

    return answer
