"""Saving a card where nothing is charged: a SetupIntent, confirmed in the browser, its card kept afterwards.

The agreement is written down before Stripe is asked; the card is kept when Stripe says that its bank has
confirmed it, whoever brings that news: the webhook or the page that the browser comes back to.
Source: https://docs.stripe.com/payments/save-and-reuse
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction

from orders import payments, stripe_gateway, stripe_reads
from orders.models import CardSetup, Customer, SavedCard, Subscription
from orders.stripe_gateway import Mood
from orders.subscriptions import cards, enrollment
from shop.accounts.models import User
from shop.exceptions import InvalidInput, NotFound

CONSENT_TEXT = (
    "I agree that Stripe keeps this card, and that my refills are charged to it as each reminder says. "
    "I can remove it at any time."
)


class CardNotFound(NotFound):
    code = "card_not_found"
    title = "There is no such card"


@dataclass(frozen=True, slots=True)
class OpenSetup:
    """What the browser needs to confirm a card."""

    id: str
    client_secret: str


def saved_cards(user: User) -> list[SavedCard]:
    """Return the cards that a user may be charged on, newest first."""
    rows = SavedCard.objects.filter(customer__user=user, removed_at__isnull=True)
    return list(rows.order_by("-pk"))


@transaction.atomic(durable=True)
def begin(
    user: User, *, agreed: bool, ip_address: str | None, at: datetime, subscription: str = ""
) -> CardSetup:
    """Write down that a user wants to save a card, and what they agreed to.

    `subscription` names the one that it is for: a guest's refills that were claimed may have a customer at
    Stripe of their own.
    :raises InvalidInput: without the agreement. :raises NotFound: for a subscription that is not theirs.
    """
    _refuse_without(agreed)
    return _write_down(_customer(user, subscription, at=at), ip_address=ip_address, at=at)


@transaction.atomic(durable=True)
def begin_for(row: Subscription, *, agreed: bool, ip_address: str | None, at: datetime) -> CardSetup:
    """Do what `begin` does for whoever holds a subscription, by a link or by their account.

    :raises InvalidInput: without the agreement.
    """
    _refuse_without(agreed)
    return _write_down(row.customer, ip_address=ip_address, at=at)


def _refuse_without(agreed: bool) -> None:
    if not agreed:
        raise InvalidInput("Agree first.", code="consent_missing", fields={"consent": ["This is needed."]})


def _write_down(customer: Customer, *, ip_address: str | None, at: datetime) -> CardSetup:
    return CardSetup.objects.create(
        customer=customer,
        consent_text=CONSENT_TEXT,
        consent_sha256=hashlib.sha256(CONSENT_TEXT.encode()).hexdigest(),
        ip_address=ip_address,
        requested_at=at,
    )


def open_at_stripe(setup: CardSetup, *, mood: Mood) -> OpenSetup:
    """Open the SetupIntent of a setup that was written down. Network: no transaction. Safe to repeat.

    :raises payments.PaymentUnavailable: if Stripe does not answer.
    """
    customer = setup.customer
    try:
        if not customer.stripe_customer_id:
            _open_customer(customer, setup, mood=mood)
        found_id, secret = stripe_gateway.create_setup(
            stripe_customer_id=customer.stripe_customer_id or "",
            reference=str(setup.pk),
            key=setup.idempotency_key,
            mood=mood,
        )
    except stripe_gateway.OutcomeUnknown as error:
        raise payments.PaymentUnavailable("Stripe does not answer. Nothing was saved; try again.") from error
    CardSetup.objects.filter(pk=setup.pk).update(stripe_setup_intent_id=found_id)
    return OpenSetup(found_id, secret)


def observe(setup_id: str, *, mood: Mood, at: datetime) -> SavedCard | None:
    """Ask Stripe how a setup stands; keep its card once it has succeeded. Safe to repeat.

    Returns None if it is not ours, not finished, or its card is gone by now. Network: no transaction.
    """
    setup = CardSetup.objects.select_related("customer").filter(stripe_setup_intent_id=setup_id).first()
    if setup is None:
        return None
    found = stripe_reads.retrieve_setup(setup_id, mood=mood)
    is_ours = found.customer_id == setup.customer.stripe_customer_id
    if found.status != "succeeded" or not is_ours or found.livemode != stripe_gateway.is_live():
        return None
    card = stripe_reads.retrieve_card(found.payment_method_id)
    return _keep(setup, card, at=at) if card is not None else None


def own_setup(user: User, setup_id: str) -> bool:
    """Return whether a setup at Stripe was begun by this user."""
    return CardSetup.objects.filter(customer__user=user, stripe_setup_intent_id=setup_id).exists()


def setup_for(row: Subscription, setup_id: str) -> bool:
    """Return whether a setup at Stripe was begun for whoever owns this subscription."""
    return CardSetup.objects.filter(customer_id=row.customer_id, stripe_setup_intent_id=setup_id).exists()


def remove(user: User, payment_method_id: str, *, mood: Mood, at: datetime) -> None:
    """Take a card away, at Stripe first: then nobody can charge it. Network: no transaction.

    :raises CardNotFound: for a card that is not theirs, in the same words as for none at all.
    :raises payments.PaymentUnavailable: if Stripe does not answer: the card is still there.
    """
    card = SavedCard.objects.filter(
        customer__user=user, stripe_payment_method_id=payment_method_id, removed_at__isnull=True
    ).first()
    if card is None:
        raise CardNotFound("You have no such card.")
    try:
        stripe_gateway.detach_card(payment_method_id, mood=mood)
    except stripe_gateway.OutcomeUnknown as error:
        raise payments.PaymentUnavailable("Stripe does not answer. The card is still there.") from error
    cards.remove(card, at=at)


@transaction.atomic(durable=True)
def _keep(setup: CardSetup, card: stripe_gateway.Card, *, at: datetime) -> SavedCard:
    locked = CardSetup.objects.select_for_update().select_related("customer").get(pk=setup.pk)
    if locked.card is not None:
        return locked.card
    saved = enrollment.save_card(locked.customer, card, at=at)
    locked.card, locked.saved_at = saved, at
    locked.save(update_fields=["card", "saved_at"])
    return saved


def _customer(user: User, subscription: str, *, at: datetime) -> Customer:
    if subscription:
        row = Subscription.objects.filter(customer__user=user, reference=subscription).first()
        if row is None:
            raise NotFound("You have no such subscription.")
        return row.customer
    # One customer a user: the lock keeps a second click from making another.
    User.objects.select_for_update().only("pk").get(pk=user.pk)
    known = Customer.objects.filter(user=user).order_by("pk").first()
    return known or Customer.objects.create(
        user=user, email=user.email, name=user.name, timezone=settings.SHOP_TIME_ZONE, created_at=at
    )


def _open_customer(customer: Customer, setup: CardSetup, *, mood: Mood) -> None:
    stripe_id = stripe_gateway.create_customer(
        email=customer.email,
        name=customer.name,
        reference=f"card-setup-{setup.pk}",
        key=f"{setup.idempotency_key}-customer",
        mood=mood,
    )
    # A customer who may be there twice costs nothing.
    Customer.objects.filter(pk=customer.pk, stripe_customer_id__isnull=True).update(
        stripe_customer_id=stripe_id
    )
    customer.refresh_from_db(fields=["stripe_customer_id"])
