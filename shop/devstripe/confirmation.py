"""What confirming a PaymentIntent and a SetupIntent have in common: the card, the challenge, the view."""

from __future__ import annotations

import secrets
from typing import Any

from . import cards, errors, payment_methods
from .context import Context, new_id, public
from .store import Obj

NOT_AUTHENTICATED = (
    "We are unable to authenticate your payment method. Please choose a different payment method and try "
    "again."
)
CLIENT_FIELDS = (
    "id", "object", "amount", "amount_details", "automatic_payment_methods", "canceled_at",
    "cancellation_reason",
    "capture_method", "client_secret", "confirmation_method", "created", "currency", "description",
    "last_payment_error", "last_setup_error", "livemode", "next_action", "payment_method",
    "payment_method_types",
    "processing", "receipt_email", "setup_future_usage", "shipping", "source", "status", "usage",
)  # fmt: skip
NAMES = {"payment_intent": "PaymentIntent", "setup_intent": "SetupIntent"}
DEFAULT_AUTOMATIC = {"allow_redirects": "always"}


def client_secret(id: str) -> str:
    """Return a fresh client secret for an intent."""
    return f"{id}_secret_{secrets.token_urlsafe(18).replace('-', 'x').replace('_', 'y')}"


def automatic_methods(params: dict[str, Any]) -> Obj | None:
    """Return the object's `automatic_payment_methods` from the parameter, None when it was not given.

    Not given means the dashboard's choice, which here is cards alone: nothing redirects,
    and no return_url is needed.
    """
    given = params.get("automatic_payment_methods")
    if not given or not given.get("enabled"):
        return None
    return {**DEFAULT_AUTOMATIC, **given}


def view(ctx: Context, intent: Obj) -> Obj:
    """Return the intent as the asker may see it: a publishable key sees less."""
    answer = public(intent)
    if ctx.publishable:
        return {name: value for name, value in answer.items() if name in CLIENT_FIELDS}
    return answer


def check_secret(ctx: Context, intent: Obj, params: dict[str, Any]) -> None:
    """Demand the intent's own client secret of a publishable key.

    :raises ApiError: 400 when it is missing or another one's.
    """
    given = params.get("client_secret")
    if given is None and ctx.publishable:
        text = "Missing required param: client_secret."
        raise errors.bad_parameter("client_secret", text, "parameter_missing")
    if given is not None and not secrets.compare_digest(given.encode(), intent["client_secret"].encode()):
        name = NAMES[intent["object"]]
        text = f"The client_secret provided does not match any associated {name} on this account."
        code = f"{intent['object']}_invalid_parameter"
        raise errors.ApiError(400, text, code=code, param="client_secret", executed=False)


def unexpected_state(intent: Obj, message: str) -> errors.ApiError:
    """Return the 400 for a step the intent's status does not allow; the intent comes with it."""
    more: dict[str, Any] = {intent["object"]: public(intent)}
    return errors.refused(message, f"{intent['object']}_unexpected_state", **more)


def choose_method(ctx: Context, intent: Obj, params: dict[str, Any]) -> None:
    """Put the payment method the parameters name, or describe, on the intent.

    :raises ApiError: 400 for a method that is unknown, spent, or another customer's.
    """
    if "payment_method_data" in params:
        if "payment_method" in params:
            text = "You may only specify one of these parameters: payment_method, payment_method_data."
            raise errors.bad_parameter("payment_method", text, "parameters_exclusive")
        intent["payment_method"] = payment_methods.from_data(ctx, params["payment_method_data"])["id"]
    elif params.get("payment_method"):
        method = payment_methods.named(ctx, params["payment_method"])
        payment_methods.check_usable(method, intent["customer"])
        intent["payment_method"] = method["id"]
    elif params.get("payment_method") == "":
        intent["payment_method"] = None


def check_return_url(ctx: Context, intent: Obj, params: dict[str, Any]) -> None:
    """Demand return_url where the intent may redirect and a server confirms it, as Stripe does.

    :raises ApiError: 400.
    """
    automatic = intent["automatic_payment_methods"]
    if not automatic or automatic["allow_redirects"] == "never" or params.get("return_url"):
        return
    if ctx.publishable or params.get("use_stripe_sdk"):
        return
    text = (
        f"This {NAMES[intent['object']]} is configured to accept payment methods enabled in your "
        f"Dashboard. Because "
        "some of these payment methods might redirect your customer off of your page, you must provide a "
        "`return_url`. If you don't want to accept redirect-based payment methods, set "
        "`automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to "
        "`never` when creating Setup Intents and Payment Intents."
    )
    raise errors.ApiError(400, text, param="return_url", executed=False)


def needs_challenge(method: Obj, *, off_session: bool, requested: bool) -> bool:
    """Whether the card's bank wants 3-D Secure for this use of it."""
    rule = payment_methods.card_of(method).authenticate
    return {
        "never": False,
        "if_requested": requested and not off_session,
        "on_session": not off_session or not method["_set_up"],
        "unless_set_up": not off_session or not method["_set_up"],
        "on_session_only": not off_session,
        "always": True,
    }[rule]


def challenge(ctx: Context, intent: Obj, params: dict[str, Any]) -> None:
    """Put the intent into requires_action, with the address of the bank's page."""
    page = f"{ctx.public_url}/hooks/3ds/{intent['id']}?client_secret={intent['client_secret']}"
    url = params.get("return_url") or intent.get("_return_url")
    intent.update(status="requires_action", _return_url=url)
    if url and not params.get("use_stripe_sdk"):
        intent["next_action"] = {
            "type": "redirect_to_url",
            "redirect_to_url": {"return_url": url, "url": page},
        }
    else:
        sdk = {"type": "three_d_secure_redirect", "stripe_js": page, "source": new_id("src")}
        intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": sdk}
    ctx.emit(f"{intent['object']}.requires_action", intent)


def decline_error(decline: cards.Decline, method: Obj, **more: Any) -> errors.ApiError:
    """Return the 402 of a decline, with the card it was about."""
    return errors.card_error(
        decline.code,
        decline.message,
        decline_code=decline.decline_code,
        payment_method=public(method),
        **more,
    )


def not_authenticated(intent: Obj, method: Obj) -> Obj:
    """Return the error to keep on an intent whose challenge the customer failed."""
    code = f"{intent['object']}_authentication_failure"
    error = errors.card_error(code, NOT_AUTHENTICATED, payment_method=public(method)).error
    return {**error, "type": "invalid_request_error"}


def wants_challenge(intent: Obj) -> bool:
    """Whether `payment_method_options[card][request_three_d_secure]` asks for 3-D Secure."""
    options = (intent["payment_method_options"] or {}).get("card") or {}
    return options.get("request_three_d_secure") in ("any", "challenge")
