"""The address book's pages."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from orders import addresses as written
from shop.accounts import addresses
from shop.accounts.models import Address
from shop.exceptions import NotFound, ShopError
from shop.storefront import baskets, markets
from shop.storefront.account.forms import AddressForm


@never_cache
@require_safe
@login_required
def show(request: HttpRequest) -> HttpResponse:
    """Show the addresses, the one that is used first on top."""
    rows = Address.objects.filter(user=baskets.signed_in(request))
    book = [{"address": row, "lines": written.lines(addresses.as_dict(row))} for row in rows]
    return render(request, "storefront/account/addresses.html", {"book": book})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def new(request: HttpRequest) -> HttpResponse:
    """Keep another address."""
    user = baskets.signed_in(request)
    countries = markets.countries()
    initial = {"name": user.name, "country": baskets.market_of(request).country}
    form = AddressForm(request.POST or None, countries=countries, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            addresses.add(user, form.address(), is_default=form.cleaned_data["is_default"])
        except ShopError as refusal:
            form.add_error(None, refusal.detail)
        else:
            messages.success(request, "The address is kept.")
            return redirect("account-addresses")
    return _page(request, form, "A new address")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit(request: HttpRequest, address_id: int) -> HttpResponse:
    """Change an address. Orders that went to it keep what they had."""
    user = baskets.signed_in(request)
    try:
        row = addresses.find(user, address_id)
    except NotFound as error:
        raise Http404(error.detail) from error
    initial = {**addresses.as_dict(row), "is_default": row.is_default}
    form = AddressForm(request.POST or None, countries=markets.countries(), initial=initial)
    if request.method == "POST" and form.is_valid():
        is_default = form.cleaned_data["is_default"] or None
        addresses.change(user, address_id, form.address(), is_default=is_default)
        messages.success(request, "The address is changed.")
        return redirect("account-addresses")
    return _page(request, form, "Change the address")


@require_POST
@login_required
def remove(request: HttpRequest, address_id: int) -> HttpResponse:
    """Forget an address."""
    try:
        addresses.remove(baskets.signed_in(request), address_id)
    except NotFound as error:
        raise Http404(error.detail) from error
    messages.success(request, "The address is removed.")
    return redirect("account-addresses")


def _page(request: HttpRequest, form: AddressForm, title: str) -> HttpResponse:
    context = {"form": form, "title": title}
    status = 422 if form.errors else 200
    return render(request, "storefront/account/address.html", context, status=status)
