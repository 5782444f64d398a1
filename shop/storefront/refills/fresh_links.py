"""When a link does not open anything (any more): a page that says so, and a fresh link by mail.

The answer is the same whether an address is known or not.
"""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from orders import refill_links
from orders.subscriptions import access
from shop.api import client_ip, client_network, limits
from shop.api.limits import Limit
from shop.clock import reading
from shop.exceptions import TooManyRequests
from shop.storefront.account.doors import too_often

TEMPLATE = "storefront/refills/fresh_link.html"


class FreshLinkForm(forms.Form):
    """An address, or the link that has expired: then its owner need not type anything."""

    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        required=False,
        help_text="The one that our mails about your refills go to.",
    )
    expired = forms.CharField(max_length=300, required=False, widget=forms.HiddenInput)

    def __init__(self, data: object = None, *, expired: str = "") -> None:
        super().__init__(data, initial={"expired": expired})  # type: ignore[arg-type]
        self.fields["email"].widget.attrs["autocomplete"] = "email"

    def clean(self) -> dict[str, str]:
        given = self.cleaned_data
        if "email" in given and not given["email"] and not given.get("expired"):
            self.add_error("email", "Give the address that our mails go to.")
        return given


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Show the form; take an address and say the same for every one."""
    if request.method != "POST":
        if request.user.is_authenticated:
            return redirect("account-refills")
        return _page(request, FreshLinkForm())
    form = FreshLinkForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        _send(request, form.cleaned_data["email"], form.cleaned_data["expired"])
    except TooManyRequests as refusal:
        return too_often(request, refusal)
    return render(request, TEMPLATE, {"is_asked": True})


def offer(request: HttpRequest, token: str) -> HttpResponse:
    """Answer a link that opens nothing: 404, and how to get one that does."""
    return _page(request, FreshLinkForm(expired=token if _was_ours(token) else ""), status=404, is_bad=True)


def _send(request: HttpRequest, email: str, expired: str) -> None:
    limits.spend(
        Limit("refill_link_per_ip", client_network(client_ip(request))),
        Limit("refill_link_per_email", (email or expired).casefold()),
    )
    if email:
        access.send_to(email, at=reading.now())
    else:
        access.send_for(expired, at=reading.now())


def _was_ours(token: str) -> bool:
    try:
        refill_links.read_expired(token)
    except refill_links.LinkInvalid:
        return False
    return True


def _page(
    request: HttpRequest, form: FreshLinkForm, *, status: int = 200, is_bad: bool = False
) -> HttpResponse:
    return render(request, TEMPLATE, {"form": form, "is_bad": is_bad}, status=status)
