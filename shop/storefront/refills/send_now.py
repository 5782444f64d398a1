"""Send now: what exactly will be charged is shown first, and charged is that or nothing."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from orders import tasks
from orders.models import Refill
from orders.subscriptions import sending
from orders.totals import Quote
from shop.api import client_ip
from shop.clock import reading
from shop.exceptions import ShopError, Stale
from shop.storefront.refills import changing, showing
from shop.storefront.refills.forms import SendNowForm
from shop.storefront.refills.holders import Holder
from shop.storefront.refills.refusals import status_of
from shop.storefront.refills.showing import Item

ASKED = "We charge it and pack it now; a mail tells you when it is paid."


def page(request: HttpRequest, holder: Holder, reference: str) -> HttpResponse:
    """Show the total, or send at the total that was shown. A second click sends nothing more."""
    at = reading.now()
    item = showing.one(holder, reference, at=at)
    if request.method != "POST":
        return _page(request, holder, item)
    form = SendNowForm(request.POST)
    if not form.is_valid():
        return _page(request, holder, item, problem="Look at the total again, then send it.", status=422)
    item.row.seen_tag = form.cleaned_data["seen"]
    expected = form.cleaned_data["expected_total"]
    try:
        sending.send_now(item.row, expected_total=expected, at=at, ip_address=client_ip(request))
    except Stale:
        if _is_asked(holder, reference):
            return changing.back(request, holder, reference, ASKED)
        return _page(request, holder, item, problem=changing.STALE, status=412)
    except ShopError as refusal:
        return _page(request, holder, item, problem=refusal.detail, status=status_of(refusal))
    tasks.wake(tasks.dispatch_due_refills)
    return changing.back(request, holder, reference, ASKED)


def _is_asked(holder: Holder, reference: str) -> bool:
    """Return whether the parcel that somebody wants now is the one that they asked for just before."""
    mine = holder.refills().filter(cycles__subscription__reference=reference, asked_at__isnull=False)
    latest = mine.order_by("-asked_at").first()
    return latest is not None and latest.status in {*Refill.OPEN, Refill.Status.PAID}


def _page(
    request: HttpRequest, holder: Holder, item: Item, *, problem: str = "", status: int = 200
) -> HttpResponse:
    at = reading.now()
    item = showing.one(holder, item.reference, at=at)
    quote: Quote | None = None
    refusal = changing.refusal_of(item, "send-now")
    is_asked = item.refill is not None and item.refill.asked_at is not None
    if not refusal and not is_asked:
        try:
            quote = sending.preview(item.row, at=at)
        except ShopError as error:
            refusal = error.detail
    initial = {"expected_total": quote.total} if quote else {}
    context = {
        "holder": holder,
        "item": item,
        "quote": quote,
        "form": SendNowForm(seen=item.tag, initial=initial),
        "refusal": refusal,
        "is_asked": is_asked,
        "problem": problem,
    }
    return render(request, "storefront/refills/send_now.html", context, status=status)
