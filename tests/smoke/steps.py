"""The steps of the smoke test. Each uses `orders.stripe_gateway` as the shop does, and checks what came back."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from orders import stripe_gateway as gateway
from orders import stripe_lists
from orders.stripe_gateway import TILL, Intent
from shop.exceptions import ShopError
from tests.smoke.wire import recorded
from tests.stripe_side import sign

AMOUNT = 1250
EVENT_PATIENCE_S = 30.0
DELIVERY = (
    "note    Webhook delivery was NOT tested: for that Stripe must reach this machine. Use a public URL, or\n"
    "        `stripe listen --forward-to localhost:8000/webhooks/stripe`. What was shown is that our check\n"
    "        accepts a real event signed with our own secret, and refuses a changed copy."
)


class Unexpected(Exception):
    """Stripe answered, and not as the shop relies on."""


@dataclass
class Smoke:
    """One run: a name that marks everything it makes at Stripe, and what later steps need of earlier ones."""

    name: str = field(default_factory=lambda: f"smoke-{uuid.uuid4().hex[:10]}")
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(minutes=1))
    paid: Intent | None = None

    def key(self, what: str) -> str:
        """Return an idempotency key of this run."""
        return f"{self.name}-{what}"

    def intent(self, what: str, **more: Any) -> Intent:
        """Create an unconfirmed intent as the shop does, under a name that no order has."""
        params: dict[str, Any] = {
            "amount": AMOUNT,
            "currency": "gbp",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "description": f"Smoke test {self.name}",
            "metadata": {"order_id": self.key(what)},
            **more,
        }
        return gateway.create_intent(params, key=self.key(f"create-{what}"), mood=TILL)

    def confirm(self, intent: Intent, what: str, card: str, **more: Any) -> Intent:
        """Confirm an intent with a payment method."""
        params = {"payment_method": card, **more}
        return gateway.confirm_intent(intent.id, params, key=self.key(f"confirm-{what}"), mood=TILL)


def pay(smoke: Smoke) -> str:
    """An intent is created unconfirmed, then confirmed, and reads back as paid."""
    created = smoke.intent("pay")
    need(created.status == "requires_payment_method", f"a new intent is {created.status}")
    again = smoke.intent("pay")
    need(again.id == created.id, "the same idempotency key gave another intent")
    smoke.confirm(created, "pay", "pm_card_visa")
    smoke.paid = gateway.retrieve_intent(created.id, mood=TILL)
    need(smoke.paid.status == "succeeded", f"the intent is {smoke.paid.status}")
    need(smoke.paid.amount_received == AMOUNT, f"{smoke.paid.amount_received} was received")
    need(smoke.paid.order_reference == smoke.key("pay"), "the metadata did not come back")
    need(not smoke.paid.livemode, "this is live mode")
    return f"{created.id} {smoke.paid.charge_id}"


def decline(smoke: Smoke) -> str:
    """A declined card is a definite refusal with its code, and the intent waits for another card."""
    created = smoke.intent("decline")
    try:
        smoke.confirm(created, "decline", "pm_card_chargeDeclined")
    except gateway.Refused as refusal:
        need(refusal.code == "card_declined", f"the code is {refusal.code}")
        need(refusal.decline_code == "generic_decline", f"the decline code is {refusal.decline_code}")
        need(refusal.intent is not None, "the refusal carries no intent")
        status = refusal.intent.status if refusal.intent else ""
        need(status == "requires_payment_method", f"the intent is {status}")
        return f"{created.id} {refusal.code}/{refusal.decline_code}"
    raise Unexpected("the card was not declined")


def authenticate(smoke: Smoke) -> str:
    """A card that wants 3-D Secure parks the intent; cancelling it is final."""
    created = smoke.intent("3ds")
    parked = smoke.confirm(created, "3ds", "pm_card_threeDSecure2Required")
    need(parked.status == "requires_action", f"the intent is {parked.status}")
    ended = gateway.cancel_intent(created.id, key=smoke.key("cancel-3ds"), mood=TILL)
    need(ended.status == "canceled", f"after the cancel it is {ended.status}")
    return f"{created.id} requires_action, then canceled"


def refund(smoke: Smoke) -> str:
    """A part goes back, then the rest, and Stripe refuses more."""
    paid = first(smoke)
    part = _refund(smoke, paid, 500, "part")
    rest = _refund(smoke, paid, AMOUNT - 500, "rest")
    for found in (part, rest):
        need(found.status in {"succeeded", "pending"}, f"{found.id} is {found.status}")
    listed = {found.id: found.amount for found in gateway.list_refunds(paid.id, mood=TILL)}
    need(listed == {part.id: 500, rest.id: AMOUNT - 500}, f"Stripe lists {listed}")
    try:
        _refund(smoke, paid, 1, "more")
    except gateway.Refused as refusal:
        return f"{part.id} {rest.id}, then {refusal.code}"
    raise Unexpected("more was refunded than was paid")


def saved_card(smoke: Smoke) -> str:
    """A card is saved by a payment and charged again while its owner is away."""
    reference = smoke.key("customer")
    customer = gateway.create_customer(
        email="smoke@shop.example", name="Smoke Test", reference=reference, key=reference, mood=TILL
    )
    begun = smoke.intent("save", customer=customer, setup_future_usage="off_session")
    saved = smoke.confirm(begun, "save", "pm_card_visa")
    need(saved.status == "succeeded" and saved.card is not None, f"the first payment is {saved.status}")
    card = saved.card.payment_method_id if saved.card else ""
    later = smoke.intent("refill", customer=customer)
    charged = smoke.confirm(later, "refill", card, off_session=True)
    need(charged.status == "succeeded", f"the charge of the saved card is {charged.status}")
    return f"{customer} {card} {charged.id}"


def webhook(smoke: Smoke) -> str:
    """The event of the first payment, signed with our own secret, passes our check; a changed copy does not."""
    paid = first(smoke)
    event = _event_about(smoke, paid.id)
    body = json.dumps(event).encode()
    read = gateway.read_event(body, sign(body))
    need((read.id, read.object_id) == (event["id"], paid.id), f"it was read as {read.id} {read.object_id}")
    try:
        gateway.read_event(body.replace(b"succeeded", b"canceled__"), sign(body))
    except gateway.ForgedEvent:
        return f"{read.id} {read.type}"
    raise Unexpected("a changed copy was accepted")


STEPS: tuple[Callable[[Smoke], str], ...] = (pay, decline, authenticate, refund, saved_card, webhook)


def run(tell: Callable[[str], object]) -> int:
    """Run every step, one after the other, and say how each went; return the exit code."""
    smoke = Smoke()
    tell(f"Stripe at {settings.STRIPE_API_BASE}, API version {gateway.API_VERSION}, run {smoke.name}")
    failed = sum(not _step(smoke, step, tell) for step in STEPS)
    tell(DELIVERY)
    tell(f"{len(STEPS) - failed} of {len(STEPS)} steps are ok." + (f" {failed} FAILED." if failed else ""))
    return 1 if failed else 0


def first(smoke: Smoke) -> Intent:
    """Return the payment of the first step.

    :raises Unexpected: if it failed.
    """
    if smoke.paid is None:
        raise Unexpected("there is no payment to go on with: the first step failed")
    return smoke.paid


def need(fact: bool, otherwise: str) -> None:
    """Stop the step when a fact is missing."""
    if not fact:
        raise Unexpected(otherwise)


def _step(smoke: Smoke, step: Callable[[Smoke], str], tell: Callable[[str], object]) -> bool:
    started = time.monotonic()
    with recorded() as heard:
        try:
            said, passed = step(smoke), True
        except (Unexpected, gateway.Refused, gateway.OutcomeUnknown, gateway.ForgedEvent, ShopError) as error:
            said, passed = f"{type(error).__name__}: {error}", False
    took = time.monotonic() - started
    tell(f"{'ok' if passed else 'FAILED':<7} {step.__name__:<13} {took:5.1f} s  {said}")
    for answer in heard:
        tell(f"          {answer}")
    return passed


def _refund(smoke: Smoke, paid: Intent, amount: int, what: str) -> gateway.Refund:
    return gateway.create_refund(
        payment_intent_id=paid.id,
        amount=amount,
        our_refund_id=smoke.key(what),
        order_reference=paid.order_reference,
        key=smoke.key(f"refund-{what}"),
        mood=TILL,
    )


def _event_about(smoke: Smoke, intent_id: str) -> dict[str, Any]:
    """Wait for Stripe to list the event of a payment: it may come a little after the answer."""
    give_up_at = time.monotonic() + EVENT_PATIENCE_S
    while time.monotonic() < give_up_at:
        for event in stripe_lists.events_since(
            smoke.started_at, types=["payment_intent.succeeded"], mood=TILL
        ):
            if event["data"]["object"]["id"] == intent_id:
                return event
        time.sleep(1)
    raise Unexpected(f"no payment_intent.succeeded of {intent_id} within {EVENT_PATIENCE_S:.0f} s")
