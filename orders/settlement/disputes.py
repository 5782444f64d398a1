"""What a bank takes back, and what a card network warns of."""

import logging
from datetime import datetime

from django.db import transaction

from orders import attempts, disputes, stripe_gateway, stripe_reads
from orders.models import Dispute, Order, Payment
from orders.settlement import intents
from orders.subscriptions import halts

logger = logging.getLogger(__name__)


def observe_dispute(found: stripe_reads.Dispute, *, at: datetime) -> Order | None:
    """Apply what a freshly read dispute says: while one is open nothing ships and the customer's refills
    rest; a lost one is shown on the payment. A payment that we have not seen succeed is asked about first.
    """
    payment = _settled(found, at=at)
    if payment is None:
        return None
    with transaction.atomic(durable=True):
        theirs = halts.lock_for(payment.order)
        payment = attempts.lock(payment)
        order = payment.order
        dispute, before = disputes.record(payment, found, at=at)
        if dispute.status != before:
            disputes.follow(order, payment, dispute, at=at)
        # Once: what staff have resumed while it was open stays resumed.
        if dispute.is_open and (not before or before in Dispute.CLOSED):
            halts.halt(theirs, at=at)
    return order


def observe_warning(found: stripe_reads.FraudWarning, *, at: datetime) -> Order | None:
    """Apply what a freshly read early fraud warning says: the parcel is held until staff have looked."""
    payment = _settled(found, at=at)
    if payment is None:
        return None
    with transaction.atomic(durable=True):
        payment = attempts.lock(payment)
        order = payment.order
        warning, is_new = disputes.record_warning(payment, found)
        if is_new:
            disputes.follow_warning(order, warning, at=at)
    return order


def _settled(found: stripe_reads.Dispute | stripe_reads.FraudWarning, *, at: datetime) -> Payment | None:
    """Return the payment that a dispute or a warning is about, asked about first if its success is news."""
    rows = Payment.objects.select_related("order__user")
    payment = rows.filter(stripe_payment_intent_id=found.payment_intent_id).first()
    if payment is None and found.payment_intent_id:
        intents.observe_by_id(found.payment_intent_id, mood=stripe_gateway.BACKGROUND, at=at)
        payment = rows.filter(stripe_payment_intent_id=found.payment_intent_id).first()
    elif payment is not None and payment.succeeded_at is None:
        intents.observe_by_id(found.payment_intent_id, mood=stripe_gateway.BACKGROUND, at=at)
        payment.refresh_from_db()
    if payment is None or found.livemode != stripe_gateway.is_live():
        logger.warning("%s concerns no payment of ours", found.id)
        return None
    return payment
