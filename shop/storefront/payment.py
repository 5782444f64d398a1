"""The payment page: Stripe's own card form, for one order, reached by its signed link."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from catalog import inventory
from orders import card_testing, checkout, payments, settlement, stripe_gateway
from orders.checkout import NotPayable
from orders.models import Order
from orders.stripe_gateway import Intent
from shop.api import client_ip
from shop.clock import reading
from shop.exceptions import Conflict, ShopError, TooManyRequests, Unavailable
from shop.storefront.held import held_order
from shop.storefront.policy import may_load_stripe

# An intent in one of these waits for nothing from the customer: the order's page tells how it stands.
FINISHED = frozenset({"succeeded", "processing", "canceled", "requires_capture"})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@may_load_stripe
def pay(request: HttpRequest, token: str) -> HttpResponse:
    """Renew the hold, fetch the order's one PaymentIntent, and show the card form.

    Loading it again does the same again. Without Stripe's answer the order is kept, and a button tries again.
    """
    order = held_order(token)
    at = reading.now()
    try:
        with card_testing.at_payment(order, ip=client_ip(request), at=at):
            intent = checkout.pay_again(order, at=at)
        settlement.observe(intent, at=at)
    except NotPayable:
        return redirect("order", token=token)
    except inventory.OutOfStock:
        return _closed(request, order, token, "The goods were held for a while, and are sold out now.")
    except TooManyRequests as error:
        return _too_often(request, order, token, error)
    except (Unavailable, Conflict, payments.PaymentRefused, stripe_gateway.OutcomeUnknown) as error:
        return _unavailable(request, order, token, error)
    if intent.status in FINISHED:
        return redirect("order", token=token)
    return render(request, "storefront/pay.html", _context(order, token, intent))


def _context(order: Order, token: str, intent: Intent) -> dict[str, Any]:
    return {
        "order": order,
        "token": token,
        "lines": order.lines.order_by("position"),
        "stripe_js_url": settings.STRIPE_JS_URL,
        "payment": {
            "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
            "client_secret": intent.client_secret,
            "return_url": f"/o/{token}",
        },
        "hold_minutes": int(settings.HOLD_FOR.total_seconds() // 60),
        "saves_card": order.payment.saves_card,
    }


def _unavailable(request: HttpRequest, order: Order, token: str, error: Exception) -> HttpResponse:
    detail = error.detail if isinstance(error, ShopError) else ""
    context = {"order": order, "token": token, "detail": detail}
    response = render(request, "storefront/pay_unavailable.html", context, status=503)
    response["Retry-After"] = "5"
    return response


def _too_often(request: HttpRequest, order: Order, token: str, error: TooManyRequests) -> HttpResponse:
    context = {"order": order, "token": token, "detail": error.detail, "is_closed": True}
    response = render(request, "storefront/pay_unavailable.html", context, status=429)
    response["Retry-After"] = str(error.extra["retry_after"])
    return response


def _closed(request: HttpRequest, order: Order, token: str, why: str) -> HttpResponse:
    context = {"order": order, "token": token, "detail": why, "is_closed": True}
    return render(request, "storefront/pay_unavailable.html", context, status=409)
