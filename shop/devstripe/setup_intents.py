"""SetupIntents: saving a card where nothing is charged. Source: https://docs.stripe.com/payments/setupintents/lifecycle"""

from __future__ import annotations

from typing import Any

from . import cards, confirmation, errors, listing, payment_methods
from .context import Context, merge_metadata, new_id, public
from .store import Obj

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
ONLY_WITH_CONFIRM = ("return_url", "mandate_data")


def _new(ctx: Context, params: dict[str, Any]) -> Obj:
    id = new_id("seti")
    return {
        "id": id,
        "object": "setup_intent",
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "application": None,
        "attach_to_self": None,
        "automatic_payment_methods": confirmation.automatic_methods(params),
        "cancellation_reason": None,
        "client_secret": confirmation.client_secret(id),
        "created": ctx.now,
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": params.get("excluded_payment_method_types"),
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"mandate_options": None, "request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
        "_return_url": None,
    }


def create(ctx: Context, params: dict[str, Any]) -> Obj:
    """POST /v1/setup_intents."""
    for name in ONLY_WITH_CONFIRM:
        if name in params and not params.get("confirm"):
            text = (
                f"The parameter `{name}` cannot be passed when creating a SetupIntent unless "
                f"`confirm` is true."
            )
            raise errors.bad_parameter(name, text)
    intent = _new(ctx, params)
    _apply(ctx, intent, params)
    if params.get("confirm"):
        confirmation.check_return_url(ctx, intent, params)
        _require_method(intent)
    ctx.store.add(intent)
    ctx.emit("setup_intent.created", intent)
    if params.get("confirm"):
        _attempt(ctx, intent, params)
    return confirmation.view(ctx, intent)


def _apply(ctx: Context, intent: Obj, params: dict[str, Any]) -> None:
    if "customer" in params:
        intent["customer"] = ctx.customer(params["customer"])["id"] if params["customer"] else None
    for name in ("description", "payment_method_options"):
        if name in params:
            intent[name] = params[name] or None
    merge_metadata(intent, params.get("metadata"))
    confirmation.choose_method(ctx, intent, params)
    ready = "requires_confirmation" if intent["payment_method"] else "requires_payment_method"
    intent.update(status=ready, next_action=None)


def _require_method(intent: Obj) -> None:
    if not intent["payment_method"]:
        text = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise confirmation.unexpected_state(intent, text)


def _check_open(intent: Obj, verb: str) -> None:
    if intent["status"] not in OPEN:
        text = (
            f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}. "
            f"Only a SetupIntent "
            f"with one of the following statuses may be used: {', '.join(OPEN)}."
        )
        raise confirmation.unexpected_state(intent, text)


def retrieve(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """GET /v1/setup_intents/:id; a publishable key needs the client secret."""
    intent = ctx.find("setup_intent", id, "intent")
    confirmation.check_secret(ctx, intent, params)
    return confirmation.view(ctx, intent)


def update(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/setup_intents/:id; afterwards only metadata and the description may change."""
    found = ctx.find("setup_intent", id, "intent")
    if set(params) - {"metadata", "description"}:
        _check_open(found, "update")
        intent = ctx.store.edit(id)
        _apply(ctx, intent, params)
    else:
        intent = ctx.store.edit(id)
        merge_metadata(intent, params.get("metadata"))
        intent["description"] = params.get("description", intent["description"]) or None
    return confirmation.view(ctx, intent)


def confirm(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/setup_intents/:id/confirm.

    :raises ApiError: 400 setup_intent_unexpected_state; 402 when the bank refuses the card.
    """
    found = ctx.find("setup_intent", id, "intent")
    confirmation.check_secret(ctx, found, params)
    _check_open(found, "confirm")
    intent = ctx.store.edit(id)
    confirmation.check_return_url(ctx, intent, params)
    _apply(ctx, intent, params)
    _require_method(intent)
    _attempt(ctx, intent, params)
    return confirmation.view(ctx, intent)


def _attempt(ctx: Context, intent: Obj, params: dict[str, Any]) -> None:
    method = ctx.store.get(intent["payment_method"])
    assert method is not None
    card = payment_methods.card_of(method)
    if card.decline and not card.attachable:
        _decline(ctx, intent, method, card.decline)
    requested = confirmation.wants_challenge(intent)
    if confirmation.needs_challenge(method, off_session=False, requested=requested):
        confirmation.challenge(ctx, intent, params)
    else:
        _succeed(ctx, intent)


def _decline(ctx: Context, intent: Obj, method: Obj, decline: cards.Decline) -> None:
    error = confirmation.decline_error(decline, method)
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_setup_error=dict(error.error),
    )
    ctx.emit("setup_intent.setup_failed", intent)
    error.error["setup_intent"] = confirmation.view(ctx, intent)
    raise error


def _succeed(ctx: Context, intent: Obj) -> None:
    method = ctx.store.edit(intent["payment_method"])
    method["_set_up"] = method["_set_up"] or intent["usage"] == "off_session"
    if intent["customer"]:
        payment_methods.bind(ctx, method["id"], ctx.customer(intent["customer"])["id"])
    intent.update(status="succeeded", next_action=None, last_setup_error=None)
    ctx.emit("setup_intent.succeeded", intent)


def finish_challenge(ctx: Context, intent: Obj, *, passed: bool) -> None:
    """Go on after 3-D Secure with an editable intent."""
    if passed:
        _succeed(ctx, intent)
        return
    method = ctx.store.get(intent["payment_method"])
    assert method is not None
    error = confirmation.not_authenticated(intent, public(method))
    intent.update(
        status="requires_payment_method", payment_method=None, next_action=None, last_setup_error=error
    )
    ctx.emit("setup_intent.setup_failed", intent)


def cancel(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/setup_intents/:id/cancel."""
    _check_open(ctx.find("setup_intent", id, "intent"), "cancel")
    intent = ctx.store.edit(id)
    reason = params.get("cancellation_reason")
    intent.update(status="canceled", cancellation_reason=reason, next_action=None)
    ctx.emit("setup_intent.canceled", intent)
    return confirmation.view(ctx, intent)


def listed(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/setup_intents."""
    fields = ("customer", "payment_method")
    return listing.page(ctx, "setup_intent", params, url="/v1/setup_intents", fields=fields)
