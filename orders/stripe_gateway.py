"""The only module that speaks to Stripe: SDK objects go in, small dataclasses come out.

Two moods: `TILL` has a person waiting (short timeouts, no retry), `BACKGROUND` has none. Every refusal is
one of two kinds: `Refused` (definite: nothing will happen) or `OutcomeUnknown` (it may have happened).

Source: https://docs.stripe.com/error-low-level and https://docs.stripe.com/api/idempotent_requests
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any

import stripe
from django.conf import settings
from requests import Session

from orders import stripe_events, stripe_transport
from shop.exceptions import Unavailable

API_VERSION = "2026-10-28.endive"
# What Stripe says of a card that was deleted or detached.
CARD_IS_GONE = frozenset({"resource_missing", "payment_method_unexpected_state"})
_EXPAND = ["payment_method", "latest_charge"]


@dataclass(frozen=True, slots=True)
class Mood:
    """How patient a call is; `ends_at` (monotonic) is one deadline over every call made in it."""

    is_till: bool
    ends_at: float | None = None


TILL = Mood(is_till=True)
BACKGROUND = Mood(is_till=False)


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


class NotConfigured(Unavailable):
    code = "payments_not_configured"
    title = "Payments are not set up"


class Refused(Exception):
    """Stripe answered and will not do it: 400, 402, 404. `intent` is the intent of a declined charge, `param`
    the parameter that Stripe names.
    """

    def __init__(
        self, code: str, decline_code: str, message: str, intent: Intent | None, param: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.decline_code = decline_code
        self.message = message
        self.intent = intent
        self.param = param

    @property
    def is_missing(self) -> bool:
        """Whether what was asked for is not there, or not there any more."""
        return self.code == "resource_missing"


class OutcomeUnknown(Exception):
    """No definite answer: timeout, cut connection, 409, 429 or 5xx. It may have happened."""


class ForgedEvent(Exception):
    """The signature matches none of our secrets, or is too old."""


def at_the_till() -> Mood:
    """Return the mood of one customer's request: its calls to Stripe share one deadline from now on."""
    return Mood(is_till=True, ends_at=stripe_transport.till_deadline())


def create_customer(*, email: str, name: str, reference: str, key: str, mood: Mood) -> str:
    """Create a customer at Stripe and return its id."""
    # An account need not have a name, and Stripe takes an empty one for an order to remove it.
    named = {"name": name} if name else {}
    params: Any = {"email": email, **named, "metadata": {"reference": reference}}
    return _call(lambda: _client(mood).v1.customers.create(params, {"idempotency_key": key})).id


def delete_customer(customer_id: str, *, mood: Mood) -> None:
    """Delete a customer at Stripe with their cards. What they were charged stays in its books."""
    _call(lambda: _client(mood).v1.customers.delete(customer_id))


def create_setup(*, stripe_customer_id: str, reference: str, key: str, mood: Mood) -> tuple[str, str]:
    """Open a SetupIntent, which saves a card where nothing is charged; return its id and client secret."""
    params: Any = {
        "customer": stripe_customer_id,
        "usage": "off_session",
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": {"card_setup": reference},
    }
    found = _call(lambda: _client(mood).v1.setup_intents.create(params, {"idempotency_key": key}))
    return found.id, found.client_secret or ""


def detach_card(payment_method_id: str, *, mood: Mood) -> None:
    """Take a card from its customer: nobody can charge it again. One that is gone already is no error."""
    try:
        _call(lambda: _client(mood).v1.payment_methods.detach(payment_method_id))
    except Refused as refusal:
        if refusal.code not in CARD_IS_GONE:
            raise


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


def list_intents_since(since: datetime | None, *, mood: Mood = BACKGROUND) -> Iterator[Intent]:
    """Yield every intent created since a moment (None: ever), newest first. A list: a search may be late."""
    for found in every("payment_intents", created_since(since), mood=mood):
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
    return [_refund(found) for found in every("refunds", {"payment_intent": payment_intent_id}, mood=mood)]


def list_refunds_since(since: datetime | None, *, mood: Mood = BACKGROUND) -> Iterator[Refund]:
    """Yield every refund created since a moment (None: ever), newest first."""
    for found in every("refunds", created_since(since), mood=mood):
        yield _refund(found)


def every(kind: str, params: Mapping[str, Any], *, mood: Mood = BACKGROUND) -> Iterator[Any]:
    """Yield every object of one of Stripe's lists ("charges"), newest first; each page is a call of its own,
    so that a page that fails is an `OutcomeUnknown` like any other call.
    """
    request: Any = {**params, "limit": 100}
    while True:
        page = _call(partial(_list, kind, request, mood))
        yield from page.data
        if not page.has_more:
            return
        request = {**request, "starting_after": page.data[-1].id}


def read(kind: str, object_id: str, *, mood: Mood = BACKGROUND) -> Any:
    """Read one object of one of Stripe's lists by its id."""
    return _call(lambda: attrgetter(kind)(_client(mood).v1).retrieve(object_id))


def created_since(since: datetime | None) -> dict[str, Any]:
    """Return the parameters of a list that starts at a moment; None starts at the beginning."""
    return {} if since is None else {"created": {"gte": int(since.timestamp())}}


def read_event(body: bytes, signature: str) -> stripe_events.Event:
    """Return the event of a webhook request whose signature matches one of our secrets.

    :raises ForgedEvent: if none matches, the time is off by more than the tolerance, or it is no event.
    """
    for secret in settings.STRIPE_WEBHOOK_SECRETS:
        try:
            stripe.WebhookSignature.verify_header(
                body.decode("utf-8"), signature, secret, settings.STRIPE_WEBHOOK_TOLERANCE_S
            )
            return stripe_events.parse(body)
        except stripe.SignatureVerificationError:
            continue
        except (ValueError, TypeError, RecursionError) as error:
            # TypeError: a signature that is not ASCII cannot be compared.
            raise ForgedEvent("not an event") from error
    raise ForgedEvent("no secret matches")


def is_live() -> bool:
    """Return whether our key moves real money."""
    return "_live_" in settings.STRIPE_SECRET_KEY


def _list(kind: str, params: Mapping[str, Any], mood: Mood) -> Any:
    return attrgetter(kind)(_client(mood).v1).list(params)


def _client(mood: Mood) -> stripe.StripeClient:
    if not settings.STRIPE_SECRET_KEY:
        raise NotConfigured("Payments are not set up here yet. Try again later.", retry_after=60)
    key, base = settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE
    if mood.is_till:
        session = stripe_transport.TillSession(mood.ends_at or stripe_transport.till_deadline())
        return _build_client(key, base, tuple(settings.STRIPE_TILL_TIMEOUTS_S), 0, session)
    timeouts = tuple(settings.STRIPE_BACKGROUND_TIMEOUTS_S)
    return _background_client(key, base, timeouts, settings.STRIPE_BACKGROUND_RETRIES)


@lru_cache(maxsize=8)
def _background_client(key: str, base: str, timeouts: tuple[float, ...], retries: int) -> stripe.StripeClient:
    return _build_client(key, base, timeouts, retries, stripe_transport.BackgroundSession())


def _build_client(
    key: str, base: str, timeouts: tuple[float, ...], retries: int, session: Session
) -> stripe.StripeClient:
    stripe.enable_telemetry = False
    return stripe.StripeClient(
        key,
        base_addresses={"api": base},
        stripe_version=API_VERSION,
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=(timeouts[0], timeouts[1]), session=session),
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
        param=str(getattr(error, "param", None) or ""),
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
        customer_id=id_of(customer),
        client_secret=getattr(found, "client_secret", "") or "",
        card=card_of(getattr(found, "payment_method", None)),
        charge_id=id_of(charge),
        error_code=str(getattr(problem, "code", None) or "") if problem else "",
        decline_code=str(getattr(problem, "decline_code", None) or "") if problem else "",
        error_message=str(getattr(problem, "message", None) or "") if problem else "",
        created_at=datetime.fromtimestamp(found.created, tz=UTC),
    )


def card_of(found: Any) -> Card | None:
    card = getattr(found, "card", None)
    if found is None or isinstance(found, str) or card is None:
        return None
    return Card(
        payment_method_id=found.id,
        customer_id=id_of(getattr(found, "customer", None)),
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
        payment_intent_id=id_of(getattr(found, "payment_intent", None)),
        failure_reason=str(getattr(found, "failure_reason", None) or ""),
        our_refund_id=str(metadata.get("refund_id", "")),
        created_at=datetime.fromtimestamp(found.created, tz=UTC),
    )


def id_of(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else str(value.id)
