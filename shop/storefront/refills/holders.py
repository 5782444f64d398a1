"""Who may look after which refills: whoever holds a signed link, or is signed in.

A page is written once and has two doors. To anybody else a subscription does not exist.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from orders import refill_links
from orders.models import Refill, Subscription
from orders.refill_links import Claim, LinkInvalid, Purpose
from orders.subscriptions import access
from shop.accounts.models import User
from shop.api import limits
from shop.api.limits import Limit
from shop.exceptions import TooManyRequests
from shop.storefront import baskets
from shop.storefront.account.doors import too_often
from shop.storefront.refills import fresh_links

ACCOUNT = "/account/refills"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose refills a visitor may look after, and where the pages about them are."""

    theirs: Q
    base: str
    # What a limit counts as one visitor.
    name: str
    user: User | None = None

    def subscriptions(self) -> QuerySet[Subscription]:
        return Subscription.objects.filter(self.theirs)

    def refills(self) -> QuerySet[Refill]:
        return Refill.objects.filter(self.theirs)

    def subscription(self, reference: str) -> Subscription:
        """:raises Http404: for one that is not theirs, in the same words as for none at all."""
        rows = self.subscriptions().select_related("variant__product", "card", "customer")
        return _or_404(rows.filter(reference=reference).first())

    def refill(self, reference: str) -> Refill:
        """:raises Http404: for one that is not theirs, in the same words as for none at all."""
        return _or_404(self.refills().select_related("card", "order").filter(reference=reference).first())

    def url(self, *path: str) -> str:
        return "/".join([self.base, *path])


Page = Callable[..., HttpResponseBase]


def by_link(page: Page) -> Page:
    """Open a page to whoever has a link to everything of its customer; a bad link gets help instead."""

    @wraps(page)
    def answer(request: HttpRequest, token: str, **kwargs: Any) -> HttpResponseBase:
        try:
            holder = of_link(token)
        except LinkInvalid:
            return fresh_links.offer(request, token)
        return _counted(page, request, holder, kwargs)

    return _door(answer)


def by_account(page: Page) -> Page:
    """Open a page to whoever is signed in, with what is theirs."""

    @wraps(page)
    def answer(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        return _counted(page, request, of_user(baskets.signed_in(request)), kwargs)

    return _door(login_required(answer))


def of_link(token: str) -> Holder:
    """Return what a link to everything opens.

    :raises LinkInvalid: if it was forged, has expired, or is for something else.
    """
    claim = refill_links.read(token)
    if claim.purpose != Purpose.ALL:
        raise LinkInvalid
    return of_claim(claim, token)


def of_claim(claim: Claim, token: str) -> Holder:
    """Return whose refills a genuine link is about. What it may do is for the caller to look at.

    :raises LinkInvalid: if what it names is gone.
    """
    customer_id = access.customer_of(claim)
    if customer_id is None:
        raise LinkInvalid
    return Holder(Q(customer_id=customer_id), f"/r/{token}", f"customer:{customer_id}")


def of_user(user: User) -> Holder:
    """Return what a signed-in customer looks after: a guest's refills that they claimed, too."""
    return Holder(Q(customer__user=user), ACCOUNT, f"user:{user.pk}", user)


def _door(page: Page) -> Page:
    return never_cache(require_http_methods(["GET", "HEAD", "POST"])(page))


def _counted(page: Page, request: HttpRequest, holder: Holder, kwargs: dict[str, Any]) -> HttpResponseBase:
    """Let nobody write hundreds of confirmations to a mailbox: changes are limited, looking is not."""
    try:
        if request.method == "POST":
            limits.spend(Limit("refill_changes_per_holder", holder.name))
    except TooManyRequests as refusal:
        return too_often(request, refusal)
    return page(request, holder, **kwargs)


def _or_404(row: Any) -> Any:
    if row is None:
        raise Http404("There is no such refill.")
    return row
