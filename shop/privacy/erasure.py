"""Forgetting an account: refills end at once, the rest when the last order has closed.

What the law wants kept stays until its time is over (see `retention`): invoices, and the orders that they are
about. Everything else that names the person is deleted or blanked. Rows that only count are kept without a
name, so that stock, books and statistics still add up.
"""

from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import models, transaction
from django.db.models import Q

from catalog.models import StockRequest
from orders import stripe_gateway
from orders.models import (
    Cart,
    Customer,
    Order,
    Refill,
    Return,
    SavedCard,
    Shipment,
    Subscription,
)
from orders.subscriptions import changes
from shop.accounts import registration
from shop.accounts.models import Address, User
from shop.exceptions import Conflict
from shop.mail import outbox, recipients
from shop.mail.models import OutboxMessage
from shop.privacy import letters
from shop.privacy.models import Erasure

DOMAIN = "@erased.invalid"
NOBODY = f"erased{DOMAIN}"
BLANK_ADDRESS = {"name": "", "line1": "", "city": "", "postal_code": "", "country": ""}


class StaffAccount(Conflict):
    code = "staff_account"
    title = "A staff account is closed by a manager"


def nobody(pk: int) -> str:
    """Return the address that stands where a person's stood: unique, and nobody's by RFC 2606."""
    return f"erased-{pk}{DOMAIN}"


def request(user: User, *, at: datetime) -> Erasure:
    """Take down that a user wants to be forgotten: refills end, sessions end, nobody signs in any more.

    Asking twice is asking once. :raises StaffAccount: what staff did has their name on it.
    :raises orders.subscriptions.changes.ChargeInProgress: while a refill is being charged: try again.
    """
    if user.is_staff:
        raise StaffAccount("What staff did has their name on it. Ask a manager.")
    known = Erasure.objects.filter(user=user).first()
    if known is not None:
        return known
    # Each in a transaction of its own, and before ours: subscriptions are locked before anything else.
    for row in _running(user):
        changes.cancel(row, reason="The account is to be deleted.", at=at)
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        erasure, created = Erasure.objects.get_or_create(
            user=locked, defaults={"email": locked.email, "requested_at": at}
        )
        if created:
            User.objects.filter(pk=locked.pk).update(is_active=False)
            outbox.enqueue(letters.received(erasure), to=erasure.email, at=at)
        end_sessions(locked)
    return erasure


def end_sessions(user: User) -> None:
    """Sign a user out everywhere."""
    keys = list(UserSession.objects.filter(user=user).values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(user=user).delete()


def carry_out_due(*, at: datetime, limit: int = 100) -> int:
    """Forget every account whose orders have closed; return how many. Asks Stripe: no transaction."""
    waiting = Erasure.objects.filter(status=Erasure.Status.WAITING).order_by("looked_at", "pk")
    return sum(_carry_out(pk, at=at) for pk in list(waiting.values_list("pk", flat=True)[:limit]))


def what_is_open(user: User) -> str:
    """Return what an erasure still has to wait for, in words; empty if nothing."""
    if _running(user).exists():
        return "a refill that has not ended"
    placed = Q(status=Order.Status.PLACED) & ~Q(payment_status=Order.PaymentStatus.REFUNDED)
    on_its_way = placed & Q(fulfilment_status__in=["unfulfilled", "partially"])
    is_open = Q(status=Order.Status.PENDING) | on_its_way | Q(is_disputed=True) | ~Q(review_reason="")
    order = Order.objects.filter(is_open, user=user).order_by("pk").first()
    if order is not None:
        return f"order {order.reference}"
    coming = Return.objects.filter(order__user=user, status__in=["expected", "inspected"]).first()
    return f"return {coming.reference}" if coming is not None else ""


def _running(user: User) -> models.QuerySet[Subscription]:
    mine = Subscription.objects.filter(customer__user=user)
    return mine.exclude(status=Subscription.Status.CANCELLED).order_by("pk")


def _carry_out(pk: int, *, at: datetime) -> int:
    user = Erasure.objects.select_related("user").get(pk=pk).user
    waits_for = what_is_open(user)
    if not waits_for:
        try:
            _forget_at_stripe(user)
        except (stripe_gateway.OutcomeUnknown, stripe_gateway.Refused):
            waits_for = "an answer of Stripe"
    if waits_for:
        Erasure.objects.filter(pk=pk).update(looked_at=at, waits_for=waits_for)
        return 0
    return _forget(pk, at=at)


def _forget_at_stripe(user: User) -> None:
    """Delete a user's customers at Stripe, cards included. Its charges stay in its books, and in ours."""
    for row in Customer.objects.filter(user=user, stripe_customer_id__isnull=False):
        try:
            stripe_gateway.delete_customer(row.stripe_customer_id or "", mood=stripe_gateway.BACKGROUND)
        except stripe_gateway.Refused as refusal:
            if not refusal.is_missing:
                raise


@transaction.atomic(durable=True)
def _forget(pk: int, *, at: datetime) -> int:
    # Orders are locked after customers' subscriptions, and nothing of either is open any more: only rows that
    # nobody writes are blanked here.
    user = User.objects.select_for_update().get(erasures__pk=pk)
    erasure = Erasure.objects.select_for_update().get(pk=pk)
    if erasure.status == Erasure.Status.DONE or what_is_open(user):
        return 0
    emails = sorted({user.email.lower(), *registration.verified_emails(user)})
    _blank_customers(user, at=at)
    _blank_unpaid(user)
    for email in emails:
        _drop_by_address(email)
    outbox.enqueue(letters.done(erasure), to=erasure.email, at=at)
    _blank_account(user)
    erasure.status, erasure.email, erasure.waits_for = Erasure.Status.DONE, "", ""
    erasure.done_at = erasure.looked_at = at
    erasure.save()
    return 1


def _blank_customers(user: User, *, at: datetime) -> None:
    mine = Customer.objects.filter(user=user)
    SavedCard.objects.filter(customer__in=mine, removed_at__isnull=True).update(removed_at=at)
    Subscription.objects.filter(customer__in=mine).update(shipping_address=BLANK_ADDRESS)
    Refill.objects.filter(customer__in=mine).update(shipping_address=BLANK_ADDRESS)
    mine.update(email=NOBODY, name="", stripe_customer_id=None, former_stripe_ids=[])


def _blank_unpaid(user: User) -> None:
    """Orders that were never paid have no invoice: nothing asks to keep who it was. Carts go too."""
    blank_orders(Order.objects.filter(user=user, paid_at__isnull=True))
    carts = Cart.objects.filter(Q(user=user) | Q(order__user=user))
    carts.filter(order__isnull=True).delete()
    blank: dict[str, Any] = {"email": "", "shipping_address": {}, "billing_address": {}}
    Cart.objects.filter(order__user=user).update(user=None, **blank)


def blank_orders(orders: models.QuerySet[Order]) -> int:
    """Take the person out of orders and their parcels; what was bought, and for how much, stays.

    Their timelines need nothing: no address or name is ever written there.
    """
    ids = list(orders.values_list("pk", flat=True))
    Shipment.objects.filter(order__in=ids).update(address=BLANK_ADDRESS)
    return Order.objects.filter(pk__in=ids).update(
        email=NOBODY, shipping_address=BLANK_ADDRESS, billing_address=BLANK_ADDRESS
    )


def _drop_by_address(email: str) -> None:
    StockRequest.objects.filter(recipients.written_as(email)).delete()
    Cart.objects.filter(recipients.written_as(email), order__isnull=True, user__isnull=True).delete()
    OutboxMessage.objects.filter(recipients.written_as(email, field="to")).exclude(status="pending").update(
        to=NOBODY, subject="", text="", html="", template="", context={}
    )


def _blank_account(user: User) -> None:
    end_sessions(user)
    for model in (EmailAddress, Authenticator, Address):
        model.objects.filter(user=user).delete()
    user.email, user.name, user.is_active, user.email_verified_at = nobody(user.pk), "", False, None
    user.set_unusable_password()
    user.save(update_fields=["email", "name", "is_active", "email_verified_at", "password"])
