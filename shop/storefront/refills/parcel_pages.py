"""One parcel: skipped with everything in it, from a mail in two taps or from the overview."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from orders.models import Refill, Subscription
from orders.models.cart import interval_in_words
from orders.subscriptions import changes, skipping
from shop.api import client_ip
from shop.clock import reading
from shop.exceptions import ShopError, Stale
from shop.storefront.refills import showing
from shop.storefront.refills.holders import Holder
from shop.storefront.refills.refusals import status_of
from shop.storefront.refills.showing import Item, schedule_words

TOO_LATE = {
    Refill.Status.CLAIMED: "It is being charged just now",
    Refill.Status.CHARGING: "It is being charged just now",
    Refill.Status.PAID: "It is paid, and we pack it",
}


@dataclass(frozen=True, slots=True)
class Longer:
    """What comes of a subscription when it comes less often."""

    item: Item
    every: str
    day: str


def skip(request: HttpRequest, holder: Holder, reference: str, *, is_narrow: bool = False) -> HttpResponse:
    """Show a parcel with one big button; skip it; or take that back. Twice is once.

    `is_narrow`: the link was for this alone, so nothing leads on to the rest.
    """
    refill, at, problem, status = holder.refill(reference), reading.now(), "", 200
    if request.method == "POST":
        try:
            words = _take_back(refill, at) if "take_back" in request.POST else _skip(refill, at)
        except ShopError as refusal:
            problem, status = refusal.detail, status_of(refusal)
        else:
            messages.success(request, words)
            return redirect(request.path)
        refill = holder.refill(reference)
    is_over = refill.status in skipping.OVER
    context = {
        **_about(holder, refill, at=at, is_narrow=is_narrow),
        "problem": problem,
        "too_late": TOO_LATE.get(Refill.Status(refill.status), ""),
        "is_over": is_over,
        "can_take_back": is_over and skipping.can_be_taken_back(refill, at=at),
    }
    return render(request, "storefront/refills/skip_parcel.html", context, status=status)


def plenty(request: HttpRequest, holder: Holder, reference: str) -> HttpResponse:
    """Let what is in a parcel come less often: shows the new days first. What has been moved stays moved."""
    refill, at, problem, status = holder.refill(reference), reading.now(), "", 200
    if request.method == "POST":
        try:
            words = _lengthen(request, holder, refill, at)
        except ShopError as refusal:
            problem, status = _in_words(refusal), 412 if isinstance(refusal, Stale) else status_of(refusal)
        else:
            messages.success(request, words)
            return redirect(request.path)
    context = {
        **_about(holder, refill, at=at, is_narrow=True),
        "problem": problem,
        "too_late": TOO_LATE.get(Refill.Status(refill.status), ""),
        "choices": [_longer(item, at) for item in _inside(holder, refill, at)],
    }
    return render(request, "storefront/refills/plenty.html", context, status=status)


def _skip(refill: Refill, at: datetime) -> str:
    skipping.skip(refill, at=at)
    return "This parcel is left out. Nothing is charged for it."


def _take_back(refill: Refill, at: datetime) -> str:
    taken = skipping.take_back(refill, at=at)
    return (
        "It comes after all. A reminder comes before we charge."
        if taken
        else "There is nothing to take back."
    )


def _lengthen(request: HttpRequest, holder: Holder, refill: Refill, at: datetime) -> str:
    asked = request.POST.get("subscription", "")
    found = next((item for item in _inside(holder, refill, at) if item.reference == asked), None)
    if found is None:
        return "It has been moved already. This is how it stands."
    found.row.seen_tag = request.POST.get("seen", "")[:32]
    changes.lengthen(found.row, at=at, ip_address=client_ip(request))
    then = showing.one(holder, asked, at=at)
    assert then.cycle is not None
    every = interval_in_words(then.row.interval_count, then.row.interval_unit)
    return f"From now on it comes {every}. The next one is due on {schedule_words(then.cycle.due_on)}."


def _inside(holder: Holder, refill: Refill, at: datetime) -> list[Item]:
    """Return the subscriptions that travel in a parcel and may still be moved."""
    rows = showing.rows_of(holder.subscriptions().filter(cycles__refill=refill, cycles__status="open"))
    return [showing.item_of(holder, row, at=at) for row in rows] if refill.status in Refill.OPEN else []


def _longer(item: Item, at: datetime) -> Longer:
    assert item.cycle is not None
    unit, count, day = changes.longer_from(item.row, item.cycle, at=at)
    return Longer(item, interval_in_words(count, unit), schedule_words(day))


def _about(holder: Holder, refill: Refill, *, at: datetime, is_narrow: bool) -> dict[str, object]:
    """Return a parcel with its items, and what comes next of everything once that one is over."""
    parcel = showing.parcel_of(holder, refill, showing.items_in([refill])[refill.pk])
    live = holder.subscriptions().exclude(status=Subscription.Status.CANCELLED)
    is_open = refill.status in Refill.OPEN
    coming = [] if is_open else [showing.item_of(holder, row, at=at) for row in showing.rows_of(live)]
    return {"parcel": parcel, "coming": coming, "all_refills": "" if is_narrow else holder.url()}


def _in_words(refusal: ShopError) -> str:
    if isinstance(refusal, Stale):
        return "It has changed since you opened this page. This is how it stands now; please look again."
    return refusal.detail
