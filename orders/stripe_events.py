"""Stripe's events, reduced to what is needed to ask Stripe: ids and a few facts, no personal data."""

import json
from dataclasses import asdict, dataclass
from typing import Any

# What an endpoint of ours is to be sent: all that `orders.events` deals with. Any other type costs a request
# and teaches nothing; nor does `payment_intent.created`, except where an answer to us was lost, and that is
# found by asking.
WANTED = (
    "payment_intent.succeeded",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "radar.early_fraud_warning.created",
    "radar.early_fraud_warning.updated",
    "payment_method.updated",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "setup_intent.succeeded",
    "customer.deleted",
    "payout.paid",
    "payout.failed",
)


@dataclass(frozen=True, slots=True)
class Event:
    """A signed event, reduced to what is needed to ask Stripe: no personal data."""

    id: str
    type: str
    object_id: str
    object_type: str
    payment_intent_id: str
    summary: dict[str, Any]


def parse(body: bytes) -> Event:
    """Return the event of a body whose signature was checked.

    :raises ValueError: (or a RecursionError) if it is none, or one that a row cannot hold.
    """
    return _storable(_event(json.loads(body, parse_constant=_no_constant)))


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _storable(event: Event) -> Event:
    """Return an event that a row can hold.

    :raises ValueError: if it holds NUL, half a surrogate pair, or a number too large for JSON (1e999).
    """
    text = json.dumps(asdict(event), ensure_ascii=False, allow_nan=False)
    if b"\\u0000" in text.encode("utf-8"):
        raise ValueError("NUL is no text")
    return event


def _event(payload: Any) -> Event:
    """Thin events (`v2.core.event`) name a related object where others hold a copy of theirs; some have
    neither. Source: https://docs.stripe.com/event-destinations#thin-events
    """
    if not isinstance(payload, dict) or not (_word(payload.get("id"), 80) and _word(payload.get("type"), 80)):
        raise ValueError("an event has an id and a type")
    about = _part(_part(payload, "data"), "object") or _part(payload, "related_object")
    intent = about.get("payment_intent")
    facts = {key: payload.get(key) for key in ("created", "api_version", "livemode")}
    plain = {key: fact if isinstance(fact, int) else _word(fact, 40) for key, fact in facts.items()}
    return Event(
        id=_word(payload["id"], 80),
        type=_word(payload["type"], 80),
        object_id=_word(about.get("id"), 80),
        object_type=_word(about.get("object") or about.get("type"), 40),
        payment_intent_id=_word(intent.get("id") if isinstance(intent, dict) else intent, 80),
        summary=plain,
    )


def _part(whole: dict[str, Any], name: str) -> dict[str, Any]:
    found = whole.get(name)
    return found if isinstance(found, dict) else {}


def _word(value: Any, length: int) -> str:
    """Return an id or a type as PostgreSQL can keep it; whatever else stands in its place is nothing."""
    return value.replace("\0", "")[:length] if isinstance(value, str) else ""
