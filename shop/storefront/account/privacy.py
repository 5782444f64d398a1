"""A copy of everything we hold about a customer, and the end of their account."""

import json

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from shop.accounts.models import User
from shop.api import limits
from shop.api.limits import Limit
from shop.clock import reading
from shop.exceptions import InvalidInput, ShopError, TooManyRequests
from shop.privacy import erasure, export, passwords
from shop.storefront import baskets
from shop.storefront.account.doors import too_often
from shop.storefront.account.forms import ForgetMeForm


@never_cache
@require_safe
@login_required
def show(request: HttpRequest) -> HttpResponse:
    """Say what there is, and offer both."""
    return _page(request, ForgetMeForm())


@never_cache
@require_safe
@login_required
def download(request: HttpRequest) -> HttpResponse:
    """Give the copy as a file."""
    user = baskets.signed_in(request)
    try:
        limits.spend(Limit("export_per_account", f"user:{user.pk}"))
    except TooManyRequests as refusal:
        return too_often(request, refusal)
    body = json.dumps(export.export(user, at=reading.now()), indent=2, ensure_ascii=False)
    answer = HttpResponse(body, content_type="application/json")
    answer["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return answer


@never_cache
@require_POST
@login_required
def forget(request: HttpRequest) -> HttpResponse:
    """Take down that the account is to be deleted, and sign out."""
    user, form = baskets.signed_in(request), ForgetMeForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    try:
        _forget(user, form.cleaned_data["password"])
    except TooManyRequests as refusal:
        return too_often(request, refusal)
    except InvalidInput as refusal:
        form.add_error("password", refusal.detail)
        return _page(request, form)
    except ShopError as refusal:
        form.add_error(None, refusal.detail)
        return _page(request, form)
    logout(request)
    messages.success(request, "We delete your account. A mail says what happens now.")
    found = redirect("product-list")
    found.delete_cookie(baskets.COOKIE, samesite="Lax")
    return found


def _forget(user: User, password: str) -> None:
    passwords.check(user, password)
    erasure.request(user, at=reading.now())


def _page(request: HttpRequest, form: ForgetMeForm) -> HttpResponse:
    open_thing = erasure.what_is_open(baskets.signed_in(request))
    status = 422 if form.errors else 200
    context = {"form": form, "waits_for": open_thing}
    return render(request, "storefront/account/privacy.html", context, status=status)
