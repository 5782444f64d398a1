"""What each of Stripe's events makes us ask.

An event is only a hint: it carries ids, and what counts is read. So neither the version in which it was
rendered nor what it claims matters. A type that is not here, a thin event and one without an object are done
without effect.
"""

from collections.abc import Callable
from datetime import datetime

from orders import card_setups, payouts, settlement, stripe_gateway, stripe_reads
from orders.models import Payment, WebhookEvent
from orders.subscriptions import cards

Handler = Callable[[WebhookEvent, datetime], object]


def apply(event: WebhookEvent, *, at: datetime) -> str:
    """Ask Stripe what an event makes worth asking, and apply the answer; return why nothing was done, if so.

    :raises stripe_gateway.OutcomeUnknown: if Stripe does not answer: the event is taken up again.
    """
    if _is_of_other_mode(event):
        return "Of the other mode: live and test mode are mixed. Nothing was done."
    handler = _handler_of(event.type)
    if handler is None:
        return ""
    if not event.object_id:
        return "It names no object. Nothing was done."
    try:
        handler(event, at)
    except stripe_gateway.Refused as refusal:
        if refusal.is_missing:
            return f"Not there (any more) at Stripe: {refusal.message}"[:500]
        raise
    return ""


def teaches_nothing(event: WebhookEvent) -> bool:
    """Return whether an event is done as it arrives: nobody deals with its type, or we know it already."""
    if _is_of_other_mode(event):
        return False
    handler = _handler_of(event.type)
    return handler is None or (handler is _payment and _is_known(event))


def _is_of_other_mode(event: WebhookEvent) -> bool:
    livemode = event.payload.get("livemode")
    return isinstance(livemode, bool) and livemode != stripe_gateway.is_live()


def _is_known(event: WebhookEvent) -> bool:
    """Money that is here stays, and of a creation we know the id."""
    ours = Payment.objects.filter(stripe_payment_intent_id=event.object_id)
    if event.type != "payment_intent.created":
        ours = ours.filter(succeeded_at__isnull=False)
    return ours.exists()


def _payment(event: WebhookEvent, at: datetime) -> None:
    """Ask, unless there is nothing to learn.

    When many refills are charged, each request less is one more charge in the same second.
    """
    if not _is_known(event):
        settlement.observe_by_id(event.object_id, mood=stripe_gateway.BACKGROUND, at=at)


def _refund(event: WebhookEvent, at: datetime) -> None:
    settlement.observe_refund(stripe_gateway.retrieve_refund(event.object_id), at=at)


def _refunds(event: WebhookEvent, at: datetime) -> None:
    intent_id = event.payload.get("payment_intent")
    for found in stripe_gateway.list_refunds(intent_id) if intent_id else ():
        settlement.observe_refund(found, at=at)


def _dispute(event: WebhookEvent, at: datetime) -> None:
    settlement.observe_dispute(stripe_reads.retrieve_dispute(event.object_id), at=at)


def _warning(event: WebhookEvent, at: datetime) -> None:
    settlement.observe_warning(stripe_reads.retrieve_warning(event.object_id), at=at)


def _card(event: WebhookEvent, at: datetime) -> None:
    cards.ask(event.object_id, at=at)


def _setup(event: WebhookEvent, at: datetime) -> None:
    card_setups.observe(event.object_id, mood=stripe_gateway.BACKGROUND, at=at)


def _customer(event: WebhookEvent, at: datetime) -> None:
    cards.ask_customer(event.object_id, at=at)


def _payout(event: WebhookEvent, at: datetime) -> None:
    payouts.sync_one(event.object_id, at=at)


# By the beginning of the type, the more particular one first.
_HANDLERS: tuple[tuple[str, Handler], ...] = (
    ("payment_intent.", _payment),
    ("refund.", _refund),
    ("charge.refund.updated", _refund),
    ("charge.refunded", _refunds),
    ("charge.dispute.", _dispute),
    ("radar.early_fraud_warning.", _warning),
    ("payment_method.", _card),
    ("setup_intent.", _setup),
    ("customer.deleted", _customer),
    ("payout.", _payout),
)


def _handler_of(kind: str) -> Handler | None:
    return next((handler for prefix, handler in _HANDLERS if kind.startswith(prefix)), None)
