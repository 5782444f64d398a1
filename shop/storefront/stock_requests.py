"""Back in stock: the form on a product page, and the pages behind the links of its mails.

GET shows and POST acts, because mail programs open links before their readers do.
"""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from catalog import back_in_stock
from catalog.models import StockRequest, Variant
from shop.api import client_ip, client_network, limits
from shop.api.limits import Limit
from shop.clock import reading
from shop.exceptions import NotFound, ShopError
from shop.storefront.forms import StockRequestForm

SAID = "Look into your mailbox: follow the link there, and we write to you once when it is back."
Verb = Callable[..., StockRequest]


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Take an address and lead back to the product, with the same words for every address."""
    form = StockRequestForm(request.POST)
    variant = (
        Variant.objects.sellable().select_related("product").filter(sku=request.POST.get("sku", "")[:32])
    )
    found = variant.first() if form.is_valid() else None
    if found is None:
        messages.error(request, "Please give an e-mail address that we can write to.")
        sku = variant.first() if "sku" not in form.errors else None
        return redirect(_page_of(sku) if sku else "product-list")
    email = form.cleaned_data["email"]
    try:
        limits.spend(
            Limit("back_in_stock_per_ip", client_network(client_ip(request))),
            Limit("back_in_stock_per_email", email.lower()),
        )
        back_in_stock.ask(sku=found.sku, email=email, at=reading.now())
        messages.success(request, SAID)
    except ShopError as refusal:
        messages.error(request, refusal.detail)
    return redirect(_page_of(found))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Ask once more whether to write, and then do."""
    return _answer(request, token, back_in_stock.confirm, "storefront/stock_request_confirm.html")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether to stop, and then do."""
    return _answer(request, token, back_in_stock.stop, "storefront/stock_request_stop.html")


def _answer(request: HttpRequest, token: str, verb: Verb, template: str) -> HttpResponse:
    try:
        found = back_in_stock.find(token)
        if request.method == "POST":
            found = verb(found, at=reading.now())
    except NotFound as gone:
        raise Http404(gone.detail) from gone
    context = {"asked": found, "product": found.variant.product, "done": request.method == "POST"}
    return render(request, template, context)


def _page_of(variant: Variant) -> str:
    return f"{reverse('product', args=[variant.product.slug])}?size={variant.sku}#back-in-stock"
