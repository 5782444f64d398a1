"""Orders as rows, for lists and pages that only read. What an order goes through is tested by its verbs."""

from datetime import timedelta
from itertools import count
from typing import Any

from catalog.models import Variant
from orders import lifecycle
from orders.models import (
    BillingCycle,
    Cart,
    CartLine,
    Consent,
    Customer,
    Dispute,
    FraudWarning,
    Order,
    OrderLine,
    OrderLineComponent,
    Payment,
    PaymentAttempt,
    Refill,
    RefillItem,
    SavedCard,
    StripeRefund,
    Subscription,
    WebhookEvent,
)
from shop.accounts.models import User
from tests.factories.catalog import AT, make_variant

_numbers = count(1)

HOME = {
    "name": "Ada Byron",
    "company": "",
    "line1": "12 Millpond Lane",
    "line2": "",
    "city": "Leeds",
    "region": "",
    "postal_code": "LS1 4AB",
    "country": "GB",
    "phone": "",
}


def make_cart(*, variant: Variant | None = None, **fields: Any) -> Cart:
    """Return a cart with one line."""
    defaults = {"currency": "GBP", "country": "GB", "created_at": AT, "updated_at": AT}
    cart = Cart.objects.create(**{**defaults, "email": "ada@shop.example", **fields})
    CartLine.objects.create(cart=cart, variant=variant or make_variant(), quantity=2)
    return cart


def make_order(*, variant: Variant | None = None, units: int = 2, **fields: Any) -> Order:
    """Return a pending order of one line at £12.50 a piece and £3.95 shipping, with its payment row."""
    variant = variant or make_variant()
    items = 1250 * units
    defaults: dict[str, Any] = {
        "email": f"customer-{next(_numbers)}@shop.example",
        "currency": "GBP",
        "items_total": items,
        "shipping_total": 395,
        "tax_total": (items + 395) // 6,
        "total": items + 395,
        "tax_included": True,
        "shipping_tax_rate": "20.000",
        "shipping_tax": 66,
        "country": "GB",
        "shipping_address": HOME,
        "billing_address": HOME,
        "shipping_zone": "GB",
        "shipping_method": "standard",
        "shipping_method_name": "Standard",
        "transit_days_min": 2,
        "transit_days_max": 4,
        "terms_version": "2026-11",
        "placed_at": AT,
        "hold_expires_at": AT + timedelta(minutes=15),
        "is_test": True,
    }
    order = Order.objects.create(**{**defaults, **fields})
    _line(order, variant, units)
    Payment.objects.create(
        order=order,
        currency=order.currency,
        amount=order.total,
        created_at=AT,
        stripe_payment_intent_id=f"pi_{order.reference}",
    )
    lifecycle.note(order, "placed", "Order written, stock held, waiting for payment.", at=AT)
    return order


def make_paid_order(**fields: Any) -> Order:
    """Return a placed and paid order with its attempt at Stripe and its consent to the terms."""
    paid = {"status": Order.Status.PLACED, "payment_status": Order.PaymentStatus.PAID, "paid_at": AT}
    order = make_order(**{**paid, "hold_expires_at": None, **fields})
    payment = order.payment
    payment.amount_received = payment.amount
    payment.intent_status = "succeeded"
    payment.succeeded_at = payment.checked_at = AT
    payment.save()
    make_attempt(payment)
    Consent.objects.create(
        order=order, kind=Consent.Kind.TERMS, text="I order with obligation to pay.", text_sha256="0" * 64,
        terms={"version": "2026-11"}, given_at=AT,
    )  # fmt: skip
    lifecycle.note(order, "paid", "£28.95 received.", at=AT)
    return order


def make_attempt(payment: Payment, **fields: Any) -> PaymentAttempt:
    """Return an answered call to Stripe."""
    number = payment.attempts.count() + 1
    defaults = {
        "number": number,
        "kind": PaymentAttempt.Kind.CREATE_INTENT,
        "idempotency_key": f"{payment.order.reference}-create_intent-{number}",
        "outcome": PaymentAttempt.Outcome.OK,
        "started_at": AT,
        "finished_at": AT,
    }
    return PaymentAttempt.objects.create(payment=payment, **{**defaults, **fields})


def make_refund(order: Order, *, amount: int = 500, actor: User | None = None, **fields: Any) -> StripeRefund:
    """Return a refund that succeeded, as a row alone."""
    defaults: dict[str, Any] = {
        "currency": order.currency, "reason": "Pouch arrived open.", "requested_at": AT, "settled_at": AT,
        "status": StripeRefund.Status.SUCCEEDED, "stripe_refund_id": f"re_{next(_numbers)}",
    }  # fmt: skip
    return StripeRefund.objects.create(
        payment=order.payment, amount=amount, requested_by=actor, **{**defaults, **fields}
    )


def make_dispute(order: Order, **fields: Any) -> Dispute:
    """Return an open dispute of the whole payment, as a row alone."""
    defaults: dict[str, Any] = {
        "stripe_dispute_id": f"du_{next(_numbers)}", "amount": order.total, "currency": order.currency,
        "reason": "fraudulent", "status": "needs_response", "evidence_due_at": AT + timedelta(days=9),
        "opened_at": AT,
    }  # fmt: skip
    return Dispute.objects.create(payment=order.payment, **{**defaults, **fields})


def make_warning(order: Order, **fields: Any) -> FraudWarning:
    """Return an early fraud warning, as a row alone."""
    defaults: dict[str, Any] = {
        "stripe_warning_id": f"issfr_{next(_numbers)}", "fraud_type": "made_with_stolen_card",
        "is_actionable": True, "raised_at": AT,
    }  # fmt: skip
    return FraudWarning.objects.create(payment=order.payment, **{**defaults, **fields})


def make_customer(**fields: Any) -> Customer:
    """Return a guest with a saved card."""
    number = next(_numbers)
    defaults = {"email": f"payer-{number}@shop.example", "name": "Ada Byron", "created_at": AT}
    customer = Customer.objects.create(**{**defaults, **fields})
    SavedCard.objects.create(
        customer=customer, stripe_payment_method_id=f"pm_{number}", brand="visa", last4="4242", exp_month=4,
        exp_year=2030, created_at=AT,
    )  # fmt: skip
    return customer


def make_subscription(order: Order, customer: Customer, **fields: Any) -> Subscription:
    """Return an active subscription begun by an order, its open cycle planned into a refill of one item."""
    line = order.lines.get()
    shipping = {"shipping_address": HOME, "shipping_method": "standard", "card": customer.cards.first()}
    defaults: dict[str, Any] = {
        "started_by": line, "variant": line.variant, "quantity": 1, "interval_unit": "week",
        "interval_count": 4, "anchor_on": AT.date(), "timezone": "Europe/London", "unit_price": 1125,
        "currency": "GBP", "created_at": AT, **shipping,
    }  # fmt: skip
    subscription = Subscription.objects.create(customer=customer, **{**defaults, **fields})
    refill = Refill.objects.create(
        customer=customer, currency="GBP", due_at=AT, next_attempt_at=AT, quoted_total=1520, created_at=AT,
        **shipping,
    )  # fmt: skip
    cycle = BillingCycle.objects.create(
        subscription=subscription, index=1, due_on=AT.date(), due_at=AT, refill=refill
    )
    RefillItem.objects.create(
        refill=refill, cycle=cycle, subscription=subscription, variant=line.variant, quantity=1,
        unit_price=1125,
    )  # fmt: skip
    return subscription


def make_event(**fields: Any) -> WebhookEvent:
    """Return a stored event of Stripe that was worked off."""
    defaults = {
        "event_id": f"evt_{next(_numbers)}", "type": "payment_intent.succeeded", "object_id": "pi_1",
        "payload": {"livemode": False, "object_type": "payment_intent"}, "received_at": AT,
        "next_attempt_at": AT, "attempts": 1, "processed_at": AT,
    }  # fmt: skip
    return WebhookEvent.objects.create(**{**defaults, **fields})


def _line(order: Order, variant: Variant, units: int) -> OrderLine:
    gross = 1250 * units
    line = OrderLine.objects.create(
        order=order, position=1, variant=variant, sku=variant.sku, product_name=variant.product.name,
        variant_name=variant.name, net_content=variant.net_content, net_unit=variant.net_unit,
        gross_weight_g=variant.gross_weight_g, quantity=units, list_unit_price=1250, unit_price=1250,
        tax_name="VAT", tax_rate="20.000", net=gross - gross // 6, tax=gross // 6, gross=gross,
    )  # fmt: skip
    OrderLineComponent.objects.create(
        line=line, variant=variant, sku=variant.sku, quantity=units, gross_share=gross
    )
    return line
