"""Where the links in mails lead: GET shows, POST acts, so that a program that opens links changes nothing."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from orders import refill_links
from orders.models import Subscription
from orders.refill_links import Claim, LinkInvalid, Purpose
from shop.api import limits
from shop.api.limits import Limit
from shop.clock import reading
from shop.exceptions import TooManyRequests
from shop.storefront.account.doors import too_often
from shop.storefront.refills import fresh_links, holders, parcel_pages, showing
from shop.storefront.refills.holders import Holder

# What a mail may ask about "my refills" without saying which one.
CHOOSERS = {
    "card": "Which one should another card pay for?",
    "cancel": "Which one do you want to cancel?",
    "add": "With which one should it come along?",
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def land(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show the page that a link is for; do what its button says."""
    try:
        claim = refill_links.read(token)
        holder = holders.of_claim(claim, token)
    except LinkInvalid:
        return fresh_links.offer(request, token)
    if claim.purpose == Purpose.ALL:
        return overview(request, holder)
    return _act(request, holder, claim)


def overview(request: HttpRequest, holder: Holder) -> HttpResponse:
    """Show everything about a holder's refills."""
    if request.method == "POST":
        return HttpResponseNotAllowed(["GET", "HEAD"])
    context = {"holder": holder, "all": showing.overview(holder, at=reading.now())}
    return render(request, "storefront/refills/overview.html", context)


def choose(request: HttpRequest, holder: Holder, verb: str) -> HttpResponse:
    """Ask which refill is meant; where there is only one, that one is."""
    live = holder.subscriptions().exclude(status=Subscription.Status.CANCELLED)
    if verb == "add":
        live = live.filter(status=Subscription.Status.ACTIVE)
    items = [showing.item_of(holder, row, at=reading.now()) for row in showing.rows_of(live)]
    if verb not in CHOOSERS or not items:
        return redirect(holder.url())
    sku = request.GET.get("sku", "")[:40]
    query = f"?{urlencode({'sku': sku})}" if sku else ""
    if len(items) == 1:
        return redirect(f"{holder.url(items[0].reference, verb)}{query}")
    items.sort(key=lambda item: item.cycle.due_at if item.cycle else item.row.created_at)
    context = {
        "holder": holder,
        "items": items,
        "path": f"{verb}{query}",
        "question": CHOOSERS[verb],
    }
    return render(request, "storefront/refills/choose.html", context)


def _act(request: HttpRequest, holder: Holder, claim: Claim) -> HttpResponse:
    try:
        if request.method == "POST":
            limits.spend(Limit("refill_changes_per_holder", holder.name))
    except TooManyRequests as refusal:
        return too_often(request, refusal)
    if claim.purpose == Purpose.SKIP:
        return parcel_pages.skip(request, holder, claim.reference, is_narrow=True)
    return parcel_pages.plenty(request, holder, claim.reference)
