"""Saved cards as Stripe has them: renewed by their bank, or gone. What is gone is never charged again; what
was to be charged to it waits for another card, and its owner is told once.
"""

import logging
from datetime import datetime

from django.db import transaction

from orders import customers, stripe_reads
from orders.emails import refills as letters
from orders.models import Customer, Order, PaymentAttempt, Refill, SavedCard, Subscription
from orders.stripe_gateway import Card
from orders.subscriptions import cycles
from shop.mail import outbox

logger = logging.getLogger(__name__)

# What Stripe says of a card that was deleted or detached: a read tells which, and the card is given up.
GONE = frozenset({"resource_missing", "payment_method_unexpected_state"})
# In these a refill has not asked for money, or was refused: it waits for another card. One that is being
# charged goes on to Stripe's own answer, which is a refusal.
_CAN_WAIT = (
    Refill.Status.PLANNED,
    Refill.Status.BACKORDERED,
    Refill.Status.DUNNING,
    Refill.Status.ACTION_REQUIRED,
)


def ask(payment_method_id: str, *, at: datetime) -> None:
    """Read a saved card at Stripe and apply what it says: new digits and expiry, or that it is gone.

    A card that we do not keep is not asked about. Network: no transaction.
    """
    card = SavedCard.objects.filter(stripe_payment_method_id=payment_method_id).first()
    if card is None or card.removed_at is not None:
        return
    found = stripe_reads.retrieve_card(payment_method_id)
    if found is None:
        remove(card, at=at)
    else:
        refresh(card, found)


def ask_customer(stripe_customer_id: str, *, at: datetime) -> None:
    """Read a customer at Stripe; a deleted one is forgotten, and so are the cards that went with it."""
    if stripe_reads.customer_exists(stripe_customer_id):
        return
    customers.forget(stripe_customer_id)
    # Whoever noticed first may have forgotten the id already: the cards are looked at all the same.
    known = Customer.objects.filter(former_stripe_ids__contains=[stripe_customer_id])
    for card in SavedCard.objects.filter(customer__in=known, removed_at__isnull=True).order_by("pk"):
        ask(card.stripe_payment_method_id, at=at)


def ask_after_refusal(order: Order, card: SavedCard, *, at: datetime) -> None:
    """Ask about a card, and its customer, that Stripe no longer knew when an order was last charged to it."""
    last = PaymentAttempt.objects.filter(payment__order=order).order_by("-number").first()
    if last is None or last.outcome != PaymentAttempt.Outcome.REFUSED or last.error_code not in GONE:
        return
    ask(card.stripe_payment_method_id, at=at)
    if order.customer is not None and order.customer.stripe_customer_id:
        ask_customer(order.customer.stripe_customer_id, at=at)


def refresh(card: SavedCard, found: Card) -> None:
    """Show a card as its bank has renewed it."""
    shown = {
        "brand": found.brand,
        "last4": found.last4,
        "exp_month": found.exp_month,
        "exp_year": found.exp_year,
    }
    SavedCard.objects.filter(pk=card.pk).update(**shown)


@transaction.atomic(durable=True)
def remove(card: SavedCard, *, at: datetime) -> None:
    """A card is gone at Stripe: nothing is charged to it any more, and its owner is asked for another.

    Subscriptions keep their dates without a card; a refill that is not being charged waits.
    """
    together = cycles.lock_subscriptions(card.customer_id)
    cycles.lock_open_cycles(card.customer_id)
    list(Refill.objects.select_for_update().filter(card=card, status__in=_CAN_WAIT).order_by("pk"))
    card = SavedCard.objects.select_for_update().select_related("customer").get(pk=card.pk)
    if card.removed_at is not None:
        return
    card.removed_at = at
    card.save(update_fields=["removed_at"])
    left = [row for row in together if row.card_id == card.pk]
    Subscription.objects.filter(pk__in=[row.pk for row in left]).update(card=None)
    waiting = Refill.objects.filter(card=card, status__in=_CAN_WAIT)
    waiting.filter(status=Refill.Status.DUNNING).update(next_attempt_at=None)
    waiting.update(card=None)
    logger.info("%s of %s is gone at Stripe; %d subscriptions wait", card, card.customer_id, len(left))
    if left:
        outbox.enqueue(letters.card_missing(card, left), to=card.customer.email, at=at)
