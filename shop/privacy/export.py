"""Everything that we hold about a person, as plain data. Card numbers are not among it: we never had them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.db import models
from django.db.models import Q

from catalog.models import StockRequest
from orders.models import (
    Cart,
    CartLine,
    Consent,
    Customer,
    Invoice,
    Order,
    OrderLine,
    Payment,
    Refill,
    Return,
    SavedCard,
    Shipment,
    StripeRefund,
    Subscription,
    SubscriptionEvent,
    Withdrawal,
)
from shop.accounts import registration
from shop.accounts.models import Address, User
from shop.mail import recipients, rendering
from shop.mail.models import OutboxMessage, SuppressedAddress

# Version of the shape, for programs that read it.
FORMAT = "stillwater-export-1"
# Keys to doors, whole mails that hold such keys, and what only names rows of ours.
_SECRET = {"password", "token", "idempotency_key", "session_key", "html", "form_key", "text_sha256"}
# How a mail is drawn: its words are exported.
_DRAWING = {"template", "context"}


def export(user: User, *, at: datetime) -> dict[str, Any]:
    """Return everything about a user, JSON-ready: times as RFC 3339, money in minor units."""
    emails = {user.email.lower(), *registration.verified_emails(user)}
    orders = Order.objects.filter(user=user)
    customers = Customer.objects.filter(user=user)
    mine = Q(user=user) | Q(email__in=emails, order__isnull=True)
    return {
        "format": FORMAT,
        "made_at": at.isoformat(),
        "account": _row(user),
        "email_addresses": _rows(EmailAddress.objects.filter(user=user)),
        "sessions": _rows(UserSession.objects.filter(user=user)),
        "addresses": _rows(Address.objects.filter(user=user)),
        "carts": [_cart(row) for row in Cart.objects.filter(mine).order_by("pk")],
        "orders": [_order(row) for row in orders.order_by("pk")],
        "customers": _rows(customers),
        "cards": _rows(SavedCard.objects.filter(customer__in=customers)),
        "subscriptions": _rows(Subscription.objects.filter(customer__in=customers)),
        "subscription_history": _rows(SubscriptionEvent.objects.filter(subscription__customer__in=customers)),
        "refills": _rows(Refill.objects.filter(customer__in=customers)),
        "consents": _rows(Consent.objects.filter(Q(order__in=orders) | Q(customer__in=customers))),
        "withdrawals": _rows(Withdrawal.objects.filter(Q(order__in=orders) | _any_case("email", emails))),
        "back_in_stock": _rows(StockRequest.objects.filter(_any_case("email", emails))),
        "mails": [_mail(row) for row in OutboxMessage.objects.filter(_any_case("to", emails)).order_by("pk")],
        "mail_stopped": _rows(SuppressedAddress.objects.filter(_any_case("email", emails))),
    }


def _any_case(field: str, emails: Iterable[str]) -> Q:
    found = Q()
    for email in sorted(emails):
        found |= recipients.written_as(email, field=field)
    return found


def _order(order: Order) -> dict[str, Any]:
    payments = Payment.objects.filter(order=order)
    return {
        **_row(order),
        "lines": _rows(OrderLine.objects.filter(order=order)),
        "payments": _rows(payments),
        "refunds": _rows(StripeRefund.objects.filter(payment__in=payments)),
        "shipments": _rows(Shipment.objects.filter(order=order)),
        "returns": _rows(Return.objects.filter(order=order)),
        "invoices": _rows(Invoice.objects.filter(order=order)),
    }


def _cart(cart: Cart) -> dict[str, Any]:
    return {**_row(cart), "lines": _rows(CartLine.objects.filter(cart=cart))}


def _mail(message: OutboxMessage) -> dict[str, Any]:
    """A mail without its words if they hold a key: whoever reads the export must not get in with it."""
    told = {name: value for name, value in _row(message).items() if name not in _DRAWING}
    row = {**told, "text": rendering.words_of(message)["text"]}
    if message.kind.startswith("account_"):
        row.pop("text", None)
    return row


def _rows(rows: models.QuerySet[Any]) -> list[dict[str, Any]]:
    return [_row(row) for row in rows.order_by("pk")]


def _row(row: models.Model) -> dict[str, Any]:
    """Return a row's own columns by name. Foreign keys are left out: they name rows, not the person."""
    return {
        field.name: _plain(getattr(row, field.attname))
        for field in row._meta.concrete_fields
        if field.name not in _SECRET and not field.is_relation
    }


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool | list | dict):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
