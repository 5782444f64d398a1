"""From cart to order, in three steps that are each safe to repeat: prepare, payment, settle.

Prepare is one transaction. Payment is outside any. Settling is `settlement`'s, whoever brings the news.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from catalog import inventory
from orders import addresses, attempts, carts, lifecycle, payments, placement, stripe_gateway
from orders.carts import CartView, Problem
from orders.discounts import Buyer
from orders.models import Consent, Customer, Order
from orders.placement import Draft
from orders.stripe_gateway import Intent, Mood
from orders.taxes import TaxAnswer
from shop.accounts.models import User
from shop.exceptions import Conflict, InvalidInput, Unavailable
from shop.money import format_money

# After its hold an order stays payable for this long; then its intent is cancelled and it expires.
PAYABLE_AFTER_HOLD = timedelta(minutes=45)

TERMS_TEXT = "I have read the terms of sale and the right of withdrawal, and I order with obligation to pay."
REFILL_TEXT = (
    "I agree that the items marked as refill are sent and charged to this card at the interval shown, until "
    "I cancel. I am told the total by e-mail before every charge, and can skip, pause or cancel at any time."
)


class PriceChanged(Conflict):
    code = "price_changed"
    title = "The total has changed"


class CartIncomplete(InvalidInput):
    code = "cart_incomplete"
    title = "The cart cannot be ordered yet"


class ConsentMissing(InvalidInput):
    code = "consent_missing"
    title = "A consent is missing"


class NotPayable(Conflict):
    code = "not_payable"
    title = "This order can no longer be paid"


class CheckoutRefused(Unavailable):
    code = "payments_not_configured"
    title = "Checkout is closed"


@dataclass(frozen=True, slots=True)
class Consents:
    """What the customer ticked, and from where."""

    terms: bool
    refill: bool
    ip_address: str | None = None


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """An order that can be paid, and its intent; None where there is nothing to pay."""

    order: Order
    intent: Intent | None
    created: bool


def check_out(
    token: str, *, expected_total: int, consents: Consents, user: User | None, at: datetime
) -> CheckedOut:
    """Turn a cart into an order with its stock held, and open its payment.

    Asking again for the same cart returns the same order while it can be paid. An order of nothing has no
    intent: the caller hands it to `settlement.settle_free`.
    :raises PriceChanged: with the new total. :raises catalog.inventory.OutOfStock: with what is left.
    :raises payments.PaymentUnavailable: if Stripe does not answer: the order is kept, ask again.
    """
    if not settings.STRIPE_SECRET_KEY:
        raise CheckoutRefused("Payments are not set up here, so nothing can be ordered.", retry_after=300)
    mood = stripe_gateway.at_the_till()
    tax = carts.ask_tax_ahead(token, at=at)
    order, created = _prepare(token, expected_total, consents, user, tax, at)
    if order.is_free:
        return CheckedOut(order=order, intent=None, created=created)
    if not created:
        return CheckedOut(order=order, intent=pay_again(order, at=at, mood=mood), created=False)
    intent = payments.open_intent(order, at=at, mood=mood)
    return CheckedOut(order=order, intent=intent, created=True)


def pay_again(order: Order, *, at: datetime, mood: Mood | None = None) -> Intent:
    """Renew the hold of an order that waits for payment and return its intent.

    `mood` carries the deadline of a request that has begun already.

    :raises NotPayable: if it is paid, cancelled or expired. :raises catalog.inventory.OutOfStock: if its hold
    was lost and the goods are gone.
    """
    if order.is_free:
        raise NotPayable(f"There is nothing to pay for order {order.reference}.", order=order.reference)
    mood = mood or stripe_gateway.at_the_till()
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order.pk)
        if order.status != Order.Status.PENDING or order.is_paid:
            raise NotPayable(f"Order {order.reference} is {order.status}.", order=order.reference)
        until = _renewed_until(order, at=at)
        if not inventory.renew_hold(order.stock_reference, until=until):
            demand = placement.demand_of(order)
            inventory.reserve(reference=order.stock_reference, quantities=demand, until=until, at=at)
        lifecycle.renew_hold(order, until=until)
    return payments.open_intent(order, at=at, mood=mood)


def _renewed_until(order: Order, *, at: datetime) -> datetime:
    """Return until when a request to pay keeps the goods: never less than now, and not for ever.

    :raises NotPayable: if the order's time to pay has passed.
    """
    if order.payment_status == Order.PaymentStatus.PROCESSING and order.hold_expires_at is not None:
        return max(order.hold_expires_at, at + settings.HOLD_FOR)
    last = order.placed_at + settings.HOLD_FOR + PAYABLE_AFTER_HOLD
    if order.origin != Order.Origin.CHECKOUT:
        last = at + settings.HOLD_FOR
    if at >= last:
        raise NotPayable(f"The time to pay order {order.reference} has passed.", order=order.reference)
    return max(min(at + settings.HOLD_FOR, last), order.hold_expires_at or at)


def cancel(order: Order, *, reason: str, actor: User | None, at: datetime) -> Intent | None:
    """Cancel an order that is not paid: first its intent at Stripe, then the order and its hold.

    Returns the intent if money arrived after all; the caller hands it to settlement.
    :raises NotPayable: if it is paid already.
    """
    mood = stripe_gateway.at_the_till()
    return _end(order, Order.Status.CANCELLED, reason=reason, actor=actor, at=at, mood=mood)


def expire(order: Order, *, at: datetime) -> Intent | None:
    """End an order that nobody paid in time; like `cancel`."""
    mood = stripe_gateway.BACKGROUND
    return _end(order, Order.Status.EXPIRED, reason="Not paid in time.", actor=None, at=at, mood=mood)


def end_probed(order: Order, *, at: datetime) -> Intent | None:
    """End an order on which cards are tried out; like `cancel`."""
    reason, mood = "Too many cards were declined.", stripe_gateway.BACKGROUND
    return _end(order, Order.Status.CANCELLED, reason=reason, actor=None, at=at, mood=mood)


def expired_ids(*, at: datetime, limit: int = 100) -> list[int]:
    """Return ids of pending orders whose time to pay has passed."""
    waiting = Order.objects.filter(
        status=Order.Status.PENDING,
        payment_status=Order.PaymentStatus.UNPAID,
        origin=Order.Origin.CHECKOUT,
        hold_expires_at__lte=at - PAYABLE_AFTER_HOLD,
    )
    return list(waiting.order_by("hold_expires_at").values_list("pk", flat=True)[:limit])


def _end(
    order: Order, target: str, *, reason: str, actor: User | None, at: datetime, mood: Mood
) -> Intent | None:
    if not lifecycle.can_end(order, target) or order.is_paid:
        raise NotPayable(f"Order {order.reference} is {order.status}.", order=order.reference)
    intent = payments.cancel_intent(order, at=at, mood=mood)
    if intent is not None and intent.status != "canceled":
        return intent
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order.pk)
        if order.is_paid or not lifecycle.can_end(order, target):
            return None
        attempts.refuse_another_intent(order.payment, than=intent)
        lifecycle.end(order, target, at=at, reason=reason, actor=actor)
        inventory.release(order.stock_reference, at=at)
    return None


@transaction.atomic(durable=True)
def _prepare(
    token: str,
    expected_total: int,
    consents: Consents,
    user: User | None,
    tax: TaxAnswer | None,
    at: datetime,
) -> tuple[Order, bool]:
    cart = carts.by_token(token, lock=True)
    existing = carts.order_of(cart)
    if existing is not None:
        if existing.status != Order.Status.PENDING or existing.is_paid:
            raise carts.CartClosed(f"This cart is order {existing.reference}.", order=existing.reference)
        return existing, False
    buyer = Buyer(cart.user_id, cart.email)
    found = carts.view(cart, at=at, with_stock=False, buyer=buyer, tax=tax)
    _refuse_problems(found)
    _refuse_missing_consent(found, consents)
    if tax is not None and tax.fingerprint != found.quote.fingerprint:
        raise PriceChanged("The cart changed while it was ordered. Look at its total and try again.")
    if found.quote.total != expected_total:
        raise PriceChanged(
            f"The total is now {format_money(found.quote.total, cart.currency)}. Show it and ask again.",
            total={"amount": found.quote.total, "currency": cart.currency},
        )
    customer = _customer(found, user, at) if _has_refill(found) else None
    order = placement.place_order(_draft(found, user, customer), hold_until=at + settings.HOLD_FOR, at=at)
    _write_consents(order, found, consents, customer, at)
    return order, True


def _refuse_problems(found: CartView) -> None:
    """Refuse what the cart itself lacks. Whether stock is there is for `reserve` to say, under its locks."""
    if found.problems:
        raise CartIncomplete(
            " ".join(problem.detail for problem in found.problems),
            fields={_field_of(problem): [problem.detail] for problem in found.problems},
        )
    addresses.check(found.cart.shipping_address, where="shipping_address")
    if found.cart.billing_address:
        addresses.check(found.cart.billing_address, where="billing_address")


def _field_of(problem: Problem) -> str:
    return "discount_codes" if problem.discount_code else problem.sku or problem.code


def _refuse_missing_consent(found: CartView, consents: Consents) -> None:
    missing = {}
    if not consents.terms:
        missing["consents.terms"] = ["Accept the terms to order."]
    if _has_refill(found) and not consents.refill:
        missing["consents.refill"] = ["Agree to the refill charges, or remove the refills."]
    if missing:
        raise ConsentMissing("Without this consent there is no order.", fields=missing)


def _has_refill(found: CartView) -> bool:
    return any(line.refill_unit for line in found.lines)


def _customer(found: CartView, user: User | None, at: datetime) -> Customer:
    """Return who will be charged for refills: the account's customer, or a new one for a guest."""
    known = Customer.objects.filter(user=user).order_by("pk").first() if user else None
    if known is not None:
        return known
    cart = found.cart
    return Customer.objects.create(
        user=user,
        email=cart.email,
        name=cart.shipping_address.get("name", ""),
        locale=cart.locale,
        timezone=settings.SHOP_TIME_ZONE,
        created_at=at,
    )


def _draft(found: CartView, user: User | None, customer: Customer | None) -> Draft:
    cart = found.cart
    return Draft(
        quote=found.quote,
        origin=Order.Origin.CHECKOUT,
        email=cart.email,
        country=cart.country,
        locale=cart.locale,
        shipping_address=cart.shipping_address,
        billing_address=cart.billing_address or cart.shipping_address,
        saves_card=customer is not None,
        cart=cart,
        user=user,
        customer=customer,
    )


def _write_consents(
    order: Order, found: CartView, consents: Consents, customer: Customer | None, at: datetime
) -> None:
    given: list[tuple[str, str, dict[str, Any]]] = [
        (Consent.Kind.TERMS, TERMS_TEXT, {"version": settings.TERMS_VERSION})
    ]
    if customer is not None:
        items = [
            {
                "sku": line.priced.variant.sku,
                "quantity": line.priced.quantity,
                "unit_price": line.priced.unit_price,
                "currency": found.quote.currency,
                "interval": {"unit": line.priced.refill_unit, "count": line.priced.refill_count},
            }
            for line in found.quote.lines
            if line.priced.refill_unit
        ]
        given.append((Consent.Kind.REFILL, REFILL_TEXT, {"items": items}))
    Consent.objects.bulk_create(
        Consent(
            kind=kind,
            order=order,
            customer=customer,
            text=text,
            text_sha256=hashlib.sha256(text.encode()).hexdigest(),
            terms=terms,
            ip_address=consents.ip_address,
            given_at=at,
        )
        for kind, text, terms in given
    )
