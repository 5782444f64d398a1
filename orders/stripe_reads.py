"""What may happen to a charge, a card or a customer behind our back, read at Stripe through the gateway.

Every function reads afresh. Amounts in minor units, currencies in upper case.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orders import stripe_gateway
from orders.stripe_gateway import Card


@dataclass(frozen=True, slots=True)
class Dispute:
    id: str
    payment_intent_id: str
    amount: int
    currency: str
    reason: str
    status: str
    livemode: bool
    evidence_due_at: datetime | None
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class FraudWarning:
    id: str
    payment_intent_id: str
    fraud_type: str
    is_actionable: bool
    livemode: bool
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class Setup:
    """A SetupIntent as it stood when it was read."""

    id: str
    status: str
    customer_id: str
    payment_method_id: str
    livemode: bool
    client_secret: str


def retrieve_setup(setup_id: str, *, mood: stripe_gateway.Mood = stripe_gateway.BACKGROUND) -> Setup:
    """Read a SetupIntent."""
    found = stripe_gateway.read("setup_intents", setup_id, mood=mood)
    return Setup(
        id=found.id,
        status=found.status,
        customer_id=stripe_gateway.id_of(getattr(found, "customer", None)),
        payment_method_id=stripe_gateway.id_of(getattr(found, "payment_method", None)),
        livemode=bool(found.livemode),
        client_secret=getattr(found, "client_secret", "") or "",
    )


def retrieve_dispute(dispute_id: str) -> Dispute:
    """Read a dispute."""
    return _dispute(stripe_gateway.read("disputes", dispute_id))


def list_disputes_since(since: datetime | None) -> Iterator[Dispute]:
    """Yield every dispute opened since a moment (None: ever), newest first."""
    for found in stripe_gateway.every("disputes", stripe_gateway.created_since(since)):
        yield _dispute(found)


def retrieve_warning(warning_id: str) -> FraudWarning:
    """Read an early fraud warning."""
    return _warning(stripe_gateway.read("radar.early_fraud_warnings", warning_id))


def list_warnings_since(since: datetime) -> Iterator[FraudWarning]:
    """Yield every early fraud warning raised since a moment, newest first."""
    for found in stripe_gateway.every("radar.early_fraud_warnings", stripe_gateway.created_since(since)):
        yield _warning(found)


def retrieve_card(payment_method_id: str) -> Card | None:
    """Read a saved card; None when it is gone: deleted, or detached, and then nobody can charge it again."""
    try:
        found = stripe_gateway.read("payment_methods", payment_method_id)
    except stripe_gateway.Refused as refusal:
        if refusal.is_missing:
            return None
        raise
    card = stripe_gateway.card_of(found)
    return card if card is not None and card.customer_id else None


def customer_exists(customer_id: str) -> bool:
    """Return whether a customer is there. Of a deleted one Stripe keeps a tombstone."""
    try:
        found = stripe_gateway.read("customers", customer_id)
    except stripe_gateway.Refused as refusal:
        if refusal.is_missing:
            return False
        raise
    return not getattr(found, "deleted", False)


def _dispute(found: Any) -> Dispute:
    due_by = getattr(getattr(found, "evidence_details", None), "due_by", None)
    return Dispute(
        id=found.id,
        payment_intent_id=stripe_gateway.id_of(getattr(found, "payment_intent", None)),
        amount=found.amount,
        currency=found.currency.upper(),
        reason=found.reason,
        status=found.status,
        livemode=bool(found.livemode),
        evidence_due_at=_moment(due_by) if due_by else None,
        opened_at=_moment(found.created),
    )


def _warning(found: Any) -> FraudWarning:
    return FraudWarning(
        id=found.id,
        payment_intent_id=stripe_gateway.id_of(getattr(found, "payment_intent", None)),
        fraud_type=found.fraud_type,
        is_actionable=bool(found.actionable),
        livemode=bool(found.livemode),
        raised_at=_moment(found.created),
    )


def _moment(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp, tz=UTC)
