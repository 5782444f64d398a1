"""One page a verb: GET shows the form and how it stands now, POST acts.

A page that is out of date is refused with how it stands by now (412), what is not possible now with why
(409), what was typed wrongly with the field (422). Nothing is written then.
"""

from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from orders.models import Refill
from orders.subscriptions import extras
from shop.api import client_ip
from shop.clock import reading
from shop.exceptions import ShopError, Stale
from shop.storefront import markets, saved_addresses
from shop.storefront.refills import parcel_pages, showing
from shop.storefront.refills.forms import PlaceForm
from shop.storefront.refills.holders import Holder
from shop.storefront.refills.refusals import status_of, tell_in
from shop.storefront.refills.showing import Item
from shop.storefront.refills.verbs import VERBS, Ask, Verb
from shop.storefront.saved_addresses import Saved

STALE = "It has changed since you opened this page. This is how it stands now; please look again."
# These make no sense while it rests; the others do.
ONLY_ACTIVE = frozenset({"skip", "unskip", "pause", "plenty", "date", "send-now", "add"})
# The order of a parcel that waits for its payment stands as it was written.
NOT_WHILE_UNPAID = frozenset({"plenty", "interval", "date", "quantity", "address", "swap", "add", "send-now"})


def page(request: HttpRequest, holder: Holder, reference: str, verb: str) -> HttpResponseBase:
    """Show what a verb would do, or do it.

    :raises Http404: for a subscription that is not theirs, and for a verb that there is not.
    """
    if reference.startswith("R-") and verb == "skip":
        return parcel_pages.skip(request, holder, reference)
    found = VERBS.get(verb)
    if found is None:
        raise Http404
    at = reading.now()
    item = showing.one(holder, reference, at=at)
    if request.method != "POST":
        return _page(request, holder, item, verb, _opened(request, holder, found.form(item, None, at)))
    form = found.form(item, request.POST, at)
    if not form.is_valid():
        return _page(request, holder, item, verb, form, status=422)
    item.row.seen_tag = form.cleaned_data["seen"]
    try:
        found.act(Ask(item, form, at, client_ip(request)))
    except Stale:
        return _look_again(request, holder, reference, verb)
    except ShopError as refusal:
        tell_in(form, refusal)
        return _page(request, holder, item, verb, form, status=status_of(refusal))
    return back(request, holder, reference, found.done(showing.one(holder, reference, at=at)))


def remove_item(request: HttpRequest, holder: Holder, reference: str, item: str) -> HttpResponse:
    """Take a one-off item out of the next parcel again. What is gone already is gone: twice is once."""
    row = holder.subscription(reference)
    if request.method == "POST":
        try:
            extras.remove(row, reference=item, at=reading.now())
            messages.success(request, "Taken out of the next parcel.")
        except ShopError as refusal:
            messages.error(request, refusal.detail)
    return redirect(holder.url())


def back(request: HttpRequest, holder: Holder, reference: str, words: str) -> HttpResponse:
    """Go back to the overview, to where it says how it stands now."""
    messages.success(request, words)
    return redirect(f"{holder.url()}#{reference}")


def refusal_of(item: Item, verb: str) -> str:
    """Return why a verb cannot be used as things stand, for a page that would only lead to a refusal."""
    refill = item.refill
    if item.is_cancelled:
        return "This refill has ended. Nothing is charged for it any more."
    if verb in ONLY_ACTIVE and not item.is_active:
        return f"It is paused. {item.why}"
    if refill is not None and refill.status in {Refill.Status.CLAIMED, Refill.Status.CHARGING}:
        return (
            "The coming parcel is being charged just now, so nothing about it changes any more. What you "
            "want applies from the next refill: come back in a few minutes."
        )
    if refill is not None and refill.order_id is not None and verb in NOT_WHILE_UNPAID:
        return "The coming parcel waits for its payment. Pay it or skip it first; then this can change."
    return ""


def _opened(request: HttpRequest, holder: Holder, form: Form) -> Form:
    """Let a product's page say which product is meant, and an address book which address."""
    if "sku" in form.fields:
        form.initial["sku"] = request.GET.get("sku", "")[:40]
    if isinstance(form, PlaceForm) and "saved" in request.GET:
        form.initial.update(saved_addresses.choose(request.GET["saved"], _saved(holder, form)))
    return form


def _saved(holder: Holder, form: Form) -> list[Saved]:
    """Return the addresses to choose from: whoever holds a link has none, since they may not be its owner."""
    if not isinstance(form, PlaceForm):
        return []
    return saved_addresses.offers(holder.user, markets.countries(), used=form.initial)


def _look_again(request: HttpRequest, holder: Holder, reference: str, verb: str) -> HttpResponse:
    at = reading.now()
    item = showing.one(holder, reference, at=at)
    return _page(request, holder, item, verb, VERBS[verb].form(item, None, at), status=412, problem=STALE)


def _page(
    request: HttpRequest, holder: Holder, item: Item, verb: str, form: Form, *, status: int = 200,
    problem: str = "",
) -> HttpResponse:  # fmt: skip
    found: Verb = VERBS[verb]
    refusal = refusal_of(item, verb)
    context: dict[str, Any] = {
        "holder": holder,
        "item": item,
        "verb": found,
        "form": form,
        "saved": _saved(holder, form),
        "problem": problem,
        "refusal": refusal,
        "lead": "" if refusal else found.lead(item, reading.now()),
        **({} if refusal else found.shown(item, reading.now())),
    }
    return render(request, found.template, context, status=status)
