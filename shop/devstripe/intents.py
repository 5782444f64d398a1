"""PaymentIntents. Source: https://docs.stripe.com/payments/paymentintents/lifecycle"""

from __future__ import annotations

import re
from typing import Any

from . import amounts, attempts, charges, confirmation, errors, listing
from .context import Context, merge_metadata, new_id
from .store import Obj

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELLABLE = (*OPEN, "requires_capture", "processing")
ONLY_WITH_CONFIRM = (
    "off_session",
    "error_on_requires_action",
    "return_url",
    "use_stripe_sdk",
    "mandate_data",
)
PLAIN = (
    "description", "receipt_email", "shipping", "statement_descriptor", "statement_descriptor_suffix",
    "transfer_group", "setup_future_usage", "payment_method_options", "allowed_payment_method_types",
    "excluded_payment_method_types", "amount_details", "payment_details", "hooks", "capture_method",
)  # fmt: skip
ANY_TIME = ("description", "receipt_email", "shipping", "transfer_group", "metadata", "payment_details")
DESCRIPTOR = re.compile(r"^(?=.*[A-Za-z])[^<>\\'\"*]{1,22}$")


def _new(ctx: Context, params: dict[str, Any]) -> Obj:
    id = new_id("pi")
    return {
        "id": id,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": confirmation.automatic_methods(params),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": confirmation.client_secret(id),
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "created": ctx.now,
        "currency": amounts.currency(params["currency"]),
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "hooks": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_details": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"installments": None, "request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_record": None,
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
        "_return_url": None,
        "_off_session": False,
        "_authenticated": False,
    }


def create(ctx: Context, params: dict[str, Any]) -> Obj:
    """POST /v1/payment_intents.

    :raises ApiError: 400 for parameters Stripe refuses; 402 when confirmed at once and declined.
    """
    if not params.get("confirm"):
        for name in ONLY_WITH_CONFIRM:
            if name in params and name != "use_stripe_sdk":
                text = (
                    f"The parameter `{name}` cannot be passed when creating a PaymentIntent "
                    f"unless `confirm` is true."
                )
                raise errors.bad_parameter(name, text)
    intent = _new(ctx, params)
    _apply(ctx, intent, params)
    amounts.check_charge(intent["amount"], intent["currency"])
    if params.get("confirm"):
        confirmation.check_return_url(ctx, intent, params)
        _require_method(intent)
    ctx.store.add(intent)
    ctx.emit("payment_intent.created", intent)
    if params.get("confirm"):
        attempts.run(ctx, intent, params)
    return confirmation.view(ctx, intent)


def _apply(ctx: Context, intent: Obj, params: dict[str, Any]) -> None:
    """Set what creation, update and confirmation may set."""
    if "customer" in params:
        intent["customer"] = ctx.customer(params["customer"])["id"] if params["customer"] else None
    for name in PLAIN:
        if name in params:
            intent[name] = (
                _merged(intent[name], params[name]) if name == "payment_method_options" else params[name]
            )
            if intent[name] == "":
                intent[name] = None
    for name in ("statement_descriptor", "statement_descriptor_suffix"):
        if intent[name] and not DESCRIPTOR.match(intent[name]):
            text = (
                "The statement descriptor must have 1 to 22 characters, one letter, and none "
                "of < > \\ ' \" *."
            )
            raise errors.bad_parameter(name, text)
    merge_metadata(intent, params.get("metadata"))
    confirmation.choose_method(ctx, intent, params)
    if intent["status"] in OPEN and intent["payment_method"]:
        intent.update(status="requires_confirmation", next_action=None)
    elif intent["status"] in OPEN:
        intent.update(status="requires_payment_method", next_action=None)


def _merged(options: Obj | None, given: Any) -> Obj:
    merged = dict(options or {})
    for method, chosen in (given or {}).items():
        merged[method] = {**(merged.get(method) or {}), **(chosen or {})}
    return merged


def _require_method(intent: Obj) -> None:
    if intent["payment_method"]:
        return
    text = (
        "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
        "either update the "
        "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
        "payment method or ConfirmationToken."
    )
    raise confirmation.unexpected_state(intent, text)


def retrieve(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """GET /v1/payment_intents/:id; a publishable key needs the client secret."""
    intent = ctx.find("payment_intent", id, "intent")
    confirmation.check_secret(ctx, intent, params)
    return confirmation.view(ctx, intent)


def update(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/payment_intents/:id. What was said about money is fixed once it is under way.

    :raises ApiError: 400 payment_intent_unexpected_state, with the intent.
    """
    found = ctx.find("payment_intent", id, "intent")
    late = [name for name in params if name not in (*ANY_TIME, "expand")]
    if late and found["status"] not in OPEN:
        text = (
            f"This PaymentIntent's {late[0]} could not be updated because it has a status of "
            f"{found['status']}. "
            f"You may only update the {late[0]} of a PaymentIntent with one of the following statuses: "
            f"{', '.join(OPEN)}."
        )
        raise confirmation.unexpected_state(found, text)
    intent = ctx.store.edit(id)
    status, action = intent["status"], intent["next_action"]
    if "currency" in params:
        intent["currency"] = amounts.currency(params["currency"])
    intent["amount"] = params.get("amount", intent["amount"])
    amounts.check_charge(intent["amount"], intent["currency"])
    _apply(ctx, intent, params)
    if not late:
        intent.update(status=status, next_action=action)
    return confirmation.view(ctx, intent)


def confirm(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/payment_intents/:id/confirm, by the server or, with the client secret, by the browser.

    :raises ApiError: 400 payment_intent_unexpected_state; 402 when declined.
    """
    found = ctx.find("payment_intent", id, "intent")
    confirmation.check_secret(ctx, found, params)
    if found["status"] not in OPEN:
        raise confirmation.unexpected_state(found, _why_not(found))
    if params.get("amount_to_confirm", found["amount"]) != found["amount"]:
        text = "The amount to confirm does not match the PaymentIntent's amount."
        raise errors.refused(text, "amount_mismatch", "amount_to_confirm")
    intent = ctx.store.edit(id)
    confirmation.check_return_url(ctx, intent, params)
    _apply(ctx, intent, params)
    if intent["customer"]:
        ctx.customer(intent["customer"])
    _require_method(intent)
    _recheck_method(ctx, intent)
    attempts.run(ctx, intent, params)
    return confirmation.view(ctx, intent)


def _recheck_method(ctx: Context, intent: Obj) -> None:
    """The card may have been spent or detached since it was put on the intent."""
    confirmation.choose_method(ctx, intent, {"payment_method": intent["payment_method"]})


def _why_not(intent: Obj) -> str:
    if intent["status"] == "succeeded":
        return (
            "You cannot confirm this PaymentIntent because it has already succeeded after "
            "being previously confirmed."
        )
    return (
        f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}. "
        f"Only a PaymentIntent "
        f"with one of the following statuses may be confirmed: {', '.join(OPEN)}."
    )


def cancel(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/payment_intents/:id/cancel.

    :raises ApiError: 400 payment_intent_unexpected_state, with the intent.
    """
    found = ctx.find("payment_intent", id, "intent")
    if found["status"] not in CANCELLABLE or found["status"] == "processing":
        text = (
            f"You cannot cancel this PaymentIntent because it has a status of {found['status']}. "
            f"Only a PaymentIntent "
            f"with one of the following statuses may be canceled: {', '.join(CANCELLABLE)}."
        )
        raise confirmation.unexpected_state(found, text)
    intent = ctx.store.edit(id)
    if intent["status"] == "requires_capture":
        charge = ctx.store.edit(intent["latest_charge"])
        charge.update(amount_refunded=charge["amount"], refunded=True)
        ctx.emit("charge.refunded", charge)
    reason = params.get("cancellation_reason")
    intent.update(status="canceled", canceled_at=ctx.now, cancellation_reason=reason)
    intent.update(next_action=None, amount_capturable=0)
    ctx.emit("payment_intent.canceled", intent)
    return confirmation.view(ctx, intent)


def capture(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/payment_intents/:id/capture: take all or part (minor units) of an authorised amount.

    :raises ApiError: 400 payment_intent_unexpected_state or amount_too_large.
    """
    found = ctx.find("payment_intent", id, "intent")
    if found["status"] != "requires_capture":
        text = (
            f"This PaymentIntent could not be captured because it has a status of {found['status']}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture."
        )
        raise confirmation.unexpected_state(found, text)
    amount: int = found["amount_capturable"]
    if "amount_to_capture" in params:
        amount = params["amount_to_capture"]
    if not 1 <= amount <= found["amount_capturable"]:
        text = f"The amount to capture must lie between 1 and {found['amount_capturable']}."
        raise errors.refused(text, "amount_too_large", "amount_to_capture")
    intent = ctx.store.edit(id)
    charge = ctx.store.edit(intent["latest_charge"])
    charges.capture(ctx, charge, amount)
    intent.update(status="succeeded", amount_capturable=0, amount_received=amount)
    ctx.emit("charge.captured", charge)
    ctx.emit("payment_intent.succeeded", intent)
    return confirmation.view(ctx, intent)


def listed(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/payment_intents."""
    return listing.page(ctx, "payment_intent", params, url="/v1/payment_intents", fields=("customer",))


def finish_challenge(ctx: Context, intent: Obj, *, passed: bool) -> None:
    """Go on after 3-D Secure with an editable intent.

    :raises ApiError: 402 when the bank declines after all.
    """
    if passed:
        params = {"return_url": intent["_return_url"]}
        attempts.run(ctx, intent, params, authenticated=True)
    else:
        attempts.fail_challenge(ctx, intent)
