"""One order by its signed link: how it stands, in plain words, and what can be done about it."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from orders import addresses, checkout, paper, reorder, settlement, stripe_gateway, supplies, tasks
from orders.models import BillingCycle, Order, OrderEvent, Shipment, Subscription
from orders.returns import cancellation
from shop.accounts.models import User
from shop.api.downloads import pdf
from shop.clock import reading
from shop.exceptions import ShopError
from shop.storefront import baskets
from shop.storefront.held import held_order

REFRESH_S = 4
# Facts of the timeline that concern the customer; the rest is the staff's.
TOLD = {
    "placed": "Order written. Your items are set aside while you pay.",
    "paid": "Payment received.",
    "free": "Nothing was left to pay.",
    "declined": "The card was declined. Nothing was charged.",
    "reinstated": "Your payment arrived late; your items were still there, so the order stands.",
    "cancelled": "Order cancelled.",
    "expired": "Not paid in time, so the items went back on the shelf.",
    "packed": "Packed.",
    "shipped": "Handed to the courier.",
    "withdrawal": "We have received your withdrawal.",
    "return_opened": "A return is open; your mail says where to send it.",
    "return_inspected": "What you sent back has reached us.",
    "delivered": "Delivered.",
    "parcel_lost": "The parcel was lost on its way. We look after it.",
    "packed_again": "Packed once more for the parcel that was lost.",
    "address_changed": "Delivery address changed.",
}


@never_cache
@require_safe
def show(request: HttpRequest, token: str) -> HttpResponse:
    """Show an order. Coming back from Stripe, ask there once and go on to the clean address."""
    order = held_order(token)
    if "payment_intent" in request.GET:
        answered = _ask_stripe(order)
        return redirect(f"/o/{token}" if answered else f"/o/{token}?waiting=1")
    if "waiting" in request.GET and not order.is_paid:
        _ask_stripe(order)
        order = held_order(token)
    state = _state(order, is_waiting="waiting" in request.GET)
    context = {
        "order": order,
        "token": token,
        "state": state,
        "refresh_s": REFRESH_S if state in {"waiting", "processing"} else 0,
        "lines": order.lines.order_by("position"),
        "shipping_address": addresses.lines(order.shipping_address),
        "billing_address": addresses.lines(order.billing_address),
        "timeline": _timeline(order),
        "parcels": parcels_of(order),
        "refills": _refills(order),
        "documents": order.invoices.order_by("pk"),
        "supplies": supplies.supplies_of(order),
        "can_order_again": order.status != Order.Status.PENDING,
        "can_cancel": _can_cancel(order, state),
    }
    return render(request, "storefront/order.html", context)


@require_POST
def cancel(request: HttpRequest, token: str) -> HttpResponse:
    """Cancel an order that is not paid, or of which nothing is packed. If money arrived after all, the
    order's page will say so.
    """
    order, at = held_order(token), reading.now()
    try:
        _cancel(order, actor=baskets.user_of(request), at=at)
    except ShopError as error:
        messages.error(request, error.detail)
    return redirect("order", token=token)


def _cancel(order: Order, *, actor: User | None, at: datetime) -> None:
    reason = "Cancelled by the customer."
    if order.is_paid:
        refund = cancellation.cancel_paid(order, reason=reason, actor=actor, by_holder=True, at=at)
        if refund is not None:
            tasks.wake(tasks.send_refund, refund.pk)
        return
    intent = checkout.cancel(order, reason=reason, actor=actor, at=at)
    if intent is not None:
        settlement.observe(intent, at=at)


@never_cache
@require_safe
def document(request: HttpRequest, token: str, code: str) -> HttpResponse:
    """Show an invoice or a credit note of an order.

    :raises Http404: for a number that is not this order's.
    """
    invoice = held_order(token).invoices.select_related("order").filter(code=code).first()
    if invoice is None:
        raise Http404
    return pdf(paper.invoice_pdf(invoice), invoice.code)


@require_POST
def again(request: HttpRequest, token: str) -> HttpResponse:
    """Put what the order held into the visitor's cart, beside what is in it, and show the cart."""
    order, at = held_order(token), reading.now()
    try:
        done = reorder.order_again(
            order, user=baskets.user_of(request), at=at, into=baskets.open_cart(request)
        )
    except ShopError as error:
        messages.error(request, error.detail)
        return redirect("order", token=token)
    names = {line.sku: f"{line.product_name}, {line.variant_name}" for line in order.lines.all()}
    for problem in done.left_out:
        messages.warning(request, f"{names[problem.sku]}: {problem.detail}")
    messages.success(request, "In your cart, at today's prices. Refills go on by themselves.")
    response = redirect("cart")
    baskets.remember(response, done.cart)
    return response


def _ask_stripe(order: Order) -> bool:
    """Read the order's own intent and apply what it says; False if Stripe gave no answer."""
    intent_id = order.payment.stripe_payment_intent_id
    if not intent_id or order.is_paid:
        return True
    try:
        settlement.observe_by_id(intent_id, mood=stripe_gateway.TILL, at=reading.now())
    except (stripe_gateway.OutcomeUnknown, stripe_gateway.Refused, ShopError):
        return False
    return True


def _state(order: Order, *, is_waiting: bool) -> str:
    """Return the one word that the page turns on."""
    payment = order.payment
    if order.payment_status in {Order.PaymentStatus.REFUNDED, Order.PaymentStatus.PARTIALLY_REFUNDED}:
        return order.payment_status
    if order.status in {Order.Status.CANCELLED, Order.Status.EXPIRED}:
        return order.status
    if order.is_paid:
        return "paid"
    if order.review_reason:
        return "review"
    if order.payment_status == Order.PaymentStatus.PROCESSING:
        return "processing"
    if payment.intent_status == "requires_payment_method" and payment.last_decline_code:
        return "declined"
    return "waiting" if is_waiting else "unpaid"


def _can_cancel(order: Order, state: str) -> bool:
    if order.is_paid:
        return not cancellation.refusal(order)
    return order.status == Order.Status.PENDING and state != "processing"


def _timeline(order: Order) -> list[dict[str, Any]]:
    events = OrderEvent.objects.filter(order=order).order_by("at", "pk")
    told = [(event, event.message if event.kind == "refund" else TOLD.get(event.kind)) for event in events]
    return [{"at": event.at, "words": words} for event, words in told if words]


def parcels_of(order: Order) -> list[Shipment]:
    """Return the parcels that have left, in that order, with their goods and batches."""
    left = order.shipments.filter(status__in=Shipment.LEFT).order_by("dispatched_at", "pk")
    return list(left.prefetch_related("lines__lot", "lines__variant__product"))


def _refills(order: Order) -> list[dict[str, Any]]:
    """Return the refills that this order began, each with the day of its next parcel."""
    begun = Subscription.objects.filter(started_by__order=order).select_related("variant__product")
    open_cycles = BillingCycle.objects.filter(subscription__in=begun, status=BillingCycle.Status.OPEN)
    next_on = dict(open_cycles.values_list("subscription_id", "due_on"))
    return [{"subscription": row, "next_on": next_on.get(row.pk)} for row in begun.order_by("pk")]
