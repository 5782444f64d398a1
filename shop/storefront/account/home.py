"""The account's first page: orders, refills, and the way to everything else."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from orders import card_setups, links
from orders.models import BillingCycle, Order, OrderLine, Subscription
from shop.accounts.models import Address
from shop.storefront import baskets
from shop.storefront.account.forms import NameForm

LATEST = 3
PER_PAGE = 20


@never_cache
@require_safe
@login_required
def show(request: HttpRequest) -> HttpResponse:
    """Show what is on its way and what comes back, newest first."""
    user = baskets.signed_in(request)
    rows = _orders(request)
    context = {
        "orders": [_row(order) for order in rows[:LATEST]],
        "has_more": rows.count() > LATEST,
        "refills": _refills(request),
        "address": Address.objects.filter(user=user, is_default=True).first(),
        "cards": card_setups.saved_cards(user),
    }
    return render(request, "storefront/account/home.html", context)


@never_cache
@require_safe
@login_required
def orders(request: HttpRequest) -> HttpResponse:
    """Show every order, newest first."""
    page = Paginator(_orders(request), PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "orders": [_row(order) for order in page]}
    return render(request, "storefront/account/orders.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def change_name(request: HttpRequest) -> HttpResponse:
    """Change how we call you."""
    user = baskets.signed_in(request)
    form = NameForm(request.POST or None, initial={"name": user.name})
    if request.method == "POST" and form.is_valid():
        user.name = form.cleaned_data["name"]
        user.save(update_fields=["name"])
        messages.success(request, "Your name is saved.")
        return redirect("account")
    return render(request, "storefront/account/name.html", {"form": form})


def _orders(request: HttpRequest) -> Any:
    lines = Prefetch("lines", OrderLine.objects.order_by("position"))
    mine = Order.objects.filter(user=baskets.signed_in(request))
    return mine.prefetch_related(lines).order_by("-placed_at", "-pk")


def _row(order: Order) -> dict[str, Any]:
    return {"order": order, "token": links.order_token(order), "state": _state(order)}


def _state(order: Order) -> str:
    """Return how an order stands, in a customer's words."""
    if order.status in {Order.Status.CANCELLED, Order.Status.EXPIRED}:
        return str(Order.Status(order.status).label).lower()
    if not order.is_paid:
        return "waits for payment"
    if order.payment_status == Order.PaymentStatus.REFUNDED:
        return "refunded"
    return {"unfulfilled": "being prepared", "partially": "partly sent", "fulfilled": "sent"}.get(
        order.fulfilment_status, order.fulfilment_status
    )


def _refills(request: HttpRequest) -> list[dict[str, Any]]:
    mine = Subscription.objects.filter(customer__user=baskets.signed_in(request))
    rows = list(
        mine.exclude(status=Subscription.Status.CANCELLED)
        .select_related("variant__product", "card", "started_by__order")
        .order_by("pk")
    )
    open_cycles = BillingCycle.objects.filter(subscription__in=rows, status=BillingCycle.Status.OPEN)
    next_on = dict(open_cycles.values_list("subscription_id", "due_on"))
    return [{"subscription": row, "next_on": next_on.get(row.pk)} for row in rows]
