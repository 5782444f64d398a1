"""The only module that speaks to Stripe: SDK objects go in, small dataclasses come out.

Two moods: `TILL` has a person waiting (short timeouts, no retry), `BACKGROUND` has none. Every refusal is
one of two kinds: `Refused` (definite: nothing will happen) or `OutcomeUnknown` (it may have happened).

Source: https://docs.stripe.com/error-low-level and https://docs.stripe.com/api/idempotent_requests
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any

import stripe
from django.conf import settings

from shop.exceptions import Unavailable

API_VERSION = "2026-10-28.endive"
_EXPAND = ["payment_method", "latest_charge"]


class Mood(Enum):
    TILL = "till"
    BACKGROUND = "background"


TILL = Mood.TILL
BACKGROUND = Mood.BACKGROUND


@dataclass(frozen=True, slots=True)
class Card:
    payment_method_id: str
    customer_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, slots=True)
class Intent:
    """A PaymentIntent as it stood when it was read. Amounts in minor units, currency in upper case."""

    id: str
    status: str
    amount: int
    amount_received: int
    currency: str
    livemode: bool
    order_reference: str
    customer_id: str
    client_secret: str
    card: Card | None
    charge_id: str
    error_code: str
    decline_code: str
    error_message: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Refund:
    id: str
    status: str
    amount: int
    currency: str
    payment_intent_id: str
    failure_reason: str
    our_refund_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """A signed event, reduced to what is needed to ask Stripe: no personal data."""

    id: str
    type: str
    object_id: str
    object_type: str
    payment_intent_id: str
    summary: dict[str, Any]


class NotConfigured(Unavailable):
    code = "payments_not_configured"
    title = "Payments are not set up"


class Refused(Exception):
    """Stripe answered and will not do it: 400, 402, 404. `intent` is the intent of a declined charge."""

    def __init__(self, code: str, decline_code: str, message: str, intent: Intent | None) -> None:
        super().__init__(message)
        self.code = code
        self.decline_code = decline_code
        self.message = message
        self.intent = intent


class OutcomeUnknown(Exception):
    """No definite answer: timeout, cut connection, 409, 429 or 5xx. It may have happened."""


class ForgedEvent(Exception):
    """The signature matches none of our secrets, or is too old."""


def create_customer(*, email: str, name: str, reference: str, key: str, mood: Mood) -> str:
    """Create a customer at Stripe and return its id."""
    params: Any = {"email": email, "name": name, "metadata": {"reference": reference}}
    return _call(lambda: _client(mood).v1.customers.create(params, {"idempotency_key": key})).id


def create_intent(params: Mapping[str, Any], *, key: str, mood: Mood) -> Intent:
    """Create an unconfirmed PaymentIntent. The same key and parameters give the same intent."""
    body: Any = {**params, "expand": _EXPAND}
    return _intent(_call(lambda: _client(mood).v1.payment_intents.create(body, {"idempotency_key": key})))


def confirm_intent(intent_id: str, params: Mapping[str, Any], *, key: str, mood: Mood) -> Intent:
    """Confirm an intent with a saved card.

    :raises Refused: on a decline, with the intent as it stands after it.
    """
    body: Any = {**params, "expand": _EXPAND}
    return _intent(
        _call(lambda: _client(mood).v1.payment_intents.confirm(intent_id, body, {"idempotency_key": key}))
    )


def cancel_intent(intent_id: str, *, key: str, mood: Mood) -> Intent:
    """Cancel an intent; a succeeded one is refused with its intent."""
    body: Any = {"cancellation_reason": "abandoned", "expand": _EXPAND}
    return _intent(
        _call(lambda: _client(mood).v1.payment_intents.cancel(intent_id, body, {"idempotency_key": key}))
    )


def retrieve_intent(intent_id: str, *, mood: Mood) -> Intent:
    """Read an intent with its card and latest charge."""
    return _intent(_call(lambda: _client(mood).v1.payment_intents.retrieve(intent_id, {"expand": _EXPAND})))


def list_intents_since(since: datetime, *, mood: Mood = BACKGROUND) -> Iterator[Intent]:
    """Yield every intent created since a moment, newest first. A list, not a search: lists are not late."""
    params: Any = {"created": {"gte": int(since.timestamp())}, "limit": 100}
    page = _call(lambda: _client(mood).v1.payment_intents.list(params))
    for found in page.auto_paging_iter():
        yield _intent(found)


def create_refund(
    *, payment_intent_id: str, amount: int, our_refund_id: str, order_reference: str, key: str, mood: Mood
) -> Refund:
    """Ask for a refund of `amount` minor units."""
    params: Any = {
        "payment_intent": payment_intent_id,
        "amount": amount,
        "metadata": {"refund_id": our_refund_id, "order_id": order_reference},
    }
    return _refund(_call(lambda: _client(mood).v1.refunds.create(params, {"idempotency_key": key})))


def retrieve_refund(refund_id: str, *, mood: Mood = BACKGROUND) -> Refund:
    """Read a refund."""
    return _refund(_call(lambda: _client(mood).v1.refunds.retrieve(refund_id)))


def list_refunds(payment_intent_id: str, *, mood: Mood = BACKGROUND) -> list[Refund]:
    """Return every refund of an intent, wherever it was made."""
    params: Any = {"payment_intent": payment_intent_id, "limit": 100}
    page = _call(lambda: _client(mood).v1.refunds.list(params))
    return [_refund(found) for found in page.auto_paging_iter()]


def list_newest_refunds(*, everything: bool = False) -> Iterator[Refund]:
    """Yield the account's latest 100 refunds, or all of them, newest first."""
    params: Any = {"limit": 100}
    page = _call(lambda: _client(BACKGROUND).v1.refunds.list(params))
    for found in page.auto_paging_iter() if everything else page.data:
        yield _refund(found)


def read_event(body: bytes, signature: str) -> Event:
    """Return the event of a webhook request whose signature matches one of our secrets.

    :raises ForgedEvent: if none matches, the time is off by more than the tolerance, or it is no event.
    """
    for secret in settings.STRIPE_WEBHOOK_SECRETS:
        try:
            stripe.WebhookSignature.verify_header(
                body.decode("utf-8"), signature, secret, settings.STRIPE_WEBHOOK_TOLERANCE_S
            )
            return _event(json.loads(body))
        except stripe.SignatureVerificationError:
            continue
        except (ValueError, KeyError, TypeError) as error:
            raise ForgedEvent("not an event") from error
    raise ForgedEvent("no secret matches")


def is_live() -> bool:
    """Return whether our key moves real money."""
    return "_live_" in settings.STRIPE_SECRET_KEY


def _event(payload: dict[str, Any]) -> Event:
    about = payload.get("data", {}).get("object") or payload.get("related_object") or {}
    intent = about.get("payment_intent") or ""
    return Event(
        id=str(payload["id"])[:80],
        type=str(payload["type"])[:80],
        object_id=str(about.get("id") or "")[:80],
        object_type=str(about.get("object") or about.get("type") or "")[:40],
        payment_intent_id=intent if isinstance(intent, str) else str(intent.get("id", "")),
        summary={key: payload.get(key) for key in ("created", "api_version", "livemode")},
    )


def _client(mood: Mood) -> stripe.StripeClient:
    if not settings.STRIPE_SECRET_KEY:
        raise NotConfigured("Payments are not set up here yet. Try again later.", retry_after=60)
    till = mood is TILL
    timeouts = settings.STRIPE_TILL_TIMEOUTS_S if till else settings.STRIPE_BACKGROUND_TIMEOUTS_S
    retries = 0 if till else settings.STRIPE_BACKGROUND_RETRIES
    return _build_client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE, tuple(timeouts), retries)


@lru_cache(maxsize=8)
def _build_client(key: str, base: str, timeouts: tuple[float, float], retries: int) -> stripe.StripeClient:
    stripe.enable_telemetry = False
    return stripe.StripeClient(
        key,
        base_addresses={"api": base},
        stripe_version=API_VERSION,
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=timeouts),
    )


def _call(request: Callable[[], Any]) -> Any:
    try:
        return request()
    except stripe.CardError as error:
        raise _refusal(error) from error
    except stripe.IdempotencyError as error:
        # Our key with other parameters: a defect of ours, and nothing moved.
        raise Refused("idempotency_error", "", str(error.user_message or error), None) from error
    except stripe.InvalidRequestError as error:
        if error.http_status == 409:
            raise OutcomeUnknown("409") from error
        raise _refusal(error) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise NotConfigured("Stripe does not accept our key. Staff have to look.", retry_after=60) from error
    except (stripe.StripeError, ValueError) as error:
        # ValueError: an answer that was cut off before its JSON ended.
        raise OutcomeUnknown(f"{type(error).__name__}: {error}"[:200]) from error


def _refusal(error: stripe.StripeError) -> Refused:
    details = error.error
    found = getattr(details, "payment_intent", None)
    return Refused(
        code=str(error.code or "refused"),
        decline_code=str(getattr(details, "decline_code", None) or ""),
        message=str(error.user_message or error),
        intent=_intent(found) if found is not None else None,
    )


def _intent(found: Any) -> Intent:
    problem = getattr(found, "last_payment_error", None)
    customer = getattr(found, "customer", None)
    charge = getattr(found, "latest_charge", None)
    metadata = found.metadata.to_dict() if getattr(found, "metadata", None) else {}
    return Intent(
        id=found.id,
        status=found.status,
        amount=found.amount,
        amount_received=getattr(found, "amount_received", 0) or 0,
        currency=found.currency.upper(),
        livemode=bool(found.livemode),
        order_reference=str(metadata.get("order_id", "")),
        customer_id=_id_of(customer),
        client_secret=getattr(found, "client_secret", "") or "",
        card=_card(getattr(found, "payment_method", None)),
        charge_id=_id_of(charge),
        error_code=str(getattr(problem, "code", None) or "") if problem else "",
        decline_code=str(getattr(problem, "decline_code", None) or "") if problem else "",
        error_message=str(getattr(problem, "message", None) or "") if problem else "",
        created_at=datetime.fromtimestamp(found.created, tz=UTC),
    )


def _card(found: Any) -> Card | None:
    card = getattr(found, "card", None)
    if found is None or isinstance(found, str) or card is None:
        return None
    return Card(
        payment_method_id=found.id,
        customer_id=_id_of(getattr(found, "customer", None)),
        brand=card.brand,
        last4=card.last4,
        exp_month=card.exp_month,
        exp_year=card.exp_year,
    )


def _refund(found: Any) -> Refund:
    metadata = found.metadata.to_dict() if getattr(found, "metadata", None) else {}
    return Refund(
        id=found.id,
        status=found.status or "pending",
        amount=found.amount,
        currency=found.currency.upper(),
        payment_intent_id=_id_of(getattr(found, "payment_intent", None)),
        failure_reason=str(getattr(found, "failure_reason", None) or ""),
        our_refund_id=str(metadata.get("refund_id", "")),
        created_at=datetime.fromtimestamp(found.created, tz=UTC),
    )


def _id_of(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else str(value.id)
