"""An attempt to pay: from a confirmed PaymentIntent to a charge, a challenge or a decline."""

from __future__ import annotations

from typing import Any

from . import cards, charges, confirmation, disputes, payment_methods
from .context import Context, public
from .store import Obj

SETTINGS = "_settings"


def run(ctx: Context, intent: Obj, params: dict[str, Any], *, authenticated: bool = False) -> None:
    """Try to pay an editable intent with its payment method.

    :raises ApiError: 402 when the bank declines, or wants authentication nobody can give.
    """
    method = ctx.store.get(intent["payment_method"])
    assert method is not None
    off_session = bool(params.get("off_session"))
    intent["_off_session"] = off_session
    requested = confirmation.wants_challenge(intent)
    if not authenticated and confirmation.needs_challenge(
        method, off_session=off_session, requested=requested
    ):
        if off_session or params.get("error_on_requires_action"):
            _decline(ctx, intent, method, cards.AUTHENTICATION)
        intent["last_payment_error"] = None
        confirmation.challenge(ctx, intent, params)
        return
    decline = payment_methods.card_of(method).decline or _expired(ctx, method)
    if decline:
        _decline(ctx, intent, method, decline)
    _hold_or_finish(ctx, intent, method, authenticated)


def _expired(ctx: Context, method: Obj) -> cards.Decline | None:
    expiry = (method["card"]["exp_year"], method["card"]["exp_month"])
    return cards.EXPIRED if expiry < payment_methods.year_and_month(ctx.now) else None


def _decline(ctx: Context, intent: Obj, method: Obj, decline: cards.Decline) -> None:
    charge = charges.make(ctx, intent, method, decline, authenticated=False)
    error = confirmation.decline_error(decline, method, charge=charge["id"])
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        latest_charge=charge["id"],
        last_payment_error=dict(error.error),
    )
    ctx.emit("payment_intent.payment_failed", intent)
    error.error["payment_intent"] = confirmation.view(ctx, intent)
    raise error


def _hold_or_finish(ctx: Context, intent: Obj, method: Obj, authenticated: bool) -> None:
    intent.update(last_payment_error=None, next_action=None, _authenticated=authenticated)
    settings = ctx.store.get(SETTINGS) or {}
    seconds = settings.get("processing_seconds", 0)
    if seconds:
        intent["status"] = "processing"
        ctx.emit("payment_intent.processing", intent)
        ctx.later(seconds, "finish_payment", intent=intent["id"])
    else:
        finish(ctx, intent)


def finish(ctx: Context, intent: Obj) -> None:
    """Charge the card of an editable intent; nothing stands in the way any more."""
    method = ctx.store.edit(intent["payment_method"])
    charge = charges.make(ctx, intent, method, None, authenticated=intent["_authenticated"])
    intent["latest_charge"] = charge["id"]
    method["_used"] = True
    if intent["setup_future_usage"] and intent["customer"]:
        method["_set_up"] = method["_set_up"] or intent["setup_future_usage"] == "off_session"
        payment_methods.bind(ctx, method["id"], intent["customer"])
    if intent["capture_method"] == "manual":
        intent.update(status="requires_capture", amount_capturable=intent["amount"])
        ctx.emit("payment_intent.amount_capturable_updated", intent)
        return
    intent.update(status="succeeded", amount_received=intent["amount"])
    ctx.emit("payment_intent.succeeded", intent)
    _consequences(ctx, charge, payment_methods.card_of(method))


def _consequences(ctx: Context, charge: Obj, card: cards.Card) -> None:
    if card.dispute:
        disputes.open_against(ctx, charge["id"], card.dispute)
    if card.warning:
        disputes.warn(ctx, charge)


def fail_challenge(ctx: Context, intent: Obj) -> None:
    """Record that the customer failed or gave up 3-D Secure."""
    method = ctx.store.get(intent["payment_method"])
    assert method is not None
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_payment_error=confirmation.not_authenticated(intent, public(method)),
    )
    ctx.emit("payment_intent.payment_failed", intent)
