"""Cancelling in two steps: a reason if somebody wants to give one, other ways beside it, then one button."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from orders.subscriptions import changes
from shop.clock import reading
from shop.exceptions import ShopError
from shop.storefront.refills import showing
from shop.storefront.refills.forms import CancelForm
from shop.storefront.refills.holders import Holder
from shop.storefront.refills.refusals import status_of
from shop.storefront.refills.showing import Item


def cancel(request: HttpRequest, holder: Holder, reference: str) -> HttpResponse:
    """Offer to pause or to get less first, never instead; ask once more; end it. Twice is once."""
    at = reading.now()
    item = showing.one(holder, reference, at=at)
    if request.method != "POST" or item.is_cancelled:
        return _page(request, holder, item, CancelForm())
    form = CancelForm(request.POST)
    if not form.is_valid():
        return _page(request, holder, item, form, status=422)
    if not form.cleaned_data["sure"]:
        return _page(request, holder, item, form, is_last_step=True)
    try:
        reason = form.reason_given() or "Cancelled by the customer."
        changes.cancel(item.row, reason=reason, at=at)
    except ShopError as refusal:
        status = status_of(refusal)
        return _page(request, holder, item, form, is_last_step=True, problem=refusal.detail, status=status)
    return _page(request, holder, showing.one(holder, reference, at=at), form)


def _page(
    request: HttpRequest, holder: Holder, item: Item, form: CancelForm, *, is_last_step: bool = False,
    problem: str = "", status: int = 200,
) -> HttpResponse:  # fmt: skip
    context = {
        "holder": holder,
        "item": item,
        "form": form,
        "is_last_step": is_last_step,
        "problem": problem,
    }
    return render(request, "storefront/refills/cancel.html", context, status=status)
