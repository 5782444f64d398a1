"""Payment methods: cards only, made from a published test card."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from . import cards, errors, listing
from .context import Context, merge_metadata, new_id, public
from .store import Obj

ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")
BILLING = ("email", "name", "phone", "tax_id")


def card_of(method: Obj) -> cards.Card:
    """Return the test card behind a payment method."""
    return cards.CARDS[method["_number"]]


def create(ctx: Context, params: dict[str, Any]) -> Obj:
    """POST /v1/payment_methods.

    :raises ApiError: 400 for other types than cards; 402 for numbers that are no published test card.
    """
    if params.get("payment_method"):
        raise errors.refused("Cloning payment methods needs Connect, which is off.", param="payment_method")
    return public(from_data(ctx, params))


def from_data(ctx: Context, data: dict[str, Any]) -> Obj:
    """Return a new payment method from `payment_method_data` or the parameters of a creation."""
    if data.get("type", "card") != "card":
        text = f"The payment method type provided: {data['type']} is invalid. Only cards are activated here."
        raise errors.bad_parameter("type", text)
    details = data.get("card")
    if not isinstance(details, dict):
        raise errors.bad_parameter("card", "Missing required param: card.", "parameter_missing")
    return _add(ctx, _card(details), details, data)


def _card(details: dict[str, Any]) -> cards.Card:
    if "token" in details:
        card = cards.by_name(details["token"], "tok_")
        if card is None:
            raise errors.no_such("token", details["token"], "card[token]", status=400)
        return card
    if "number" not in details:
        raise errors.bad_parameter(
            "card[number]", "Missing required param: card[number].", "parameter_missing"
        )
    digits = re.sub(r"[\s-]", "", str(details["number"]))
    if not cards.is_number(digits):
        raise _declined(cards.WRONG_NUMBER, "number")
    if digits not in cards.CARDS:
        raise _declined(cards.NOT_PUBLISHED, None)
    return cards.CARDS[digits]


def _declined(decline: cards.Decline, param: str | None) -> errors.ApiError:
    return errors.card_error(decline.code, decline.message, decline_code=decline.decline_code, param=param)


def _expiry(ctx: Context, details: dict[str, Any]) -> tuple[int, int]:
    month, year = int(details.get("exp_month", 12)), int(details.get("exp_year", 2034))
    year += 2000 if year < 100 else 0
    if not 1 <= month <= 12:
        text = "Your card's expiration month is invalid."
        raise errors.card_error("invalid_expiry_month", text, param="exp_month")
    this_year, this_month = year_and_month(ctx.now)
    if (year, month) < (this_year, this_month) or year > this_year + 50:
        text = "Your card's expiration year is invalid."
        raise errors.card_error("invalid_expiry_year", text, param="exp_year")
    return month, year


def year_and_month(now: int) -> tuple[int, int]:
    """Return the calendar year and month of a Unix time, UTC."""
    moment = datetime.fromtimestamp(now, UTC)
    return moment.year, moment.month


def _add(ctx: Context, card: cards.Card, details: dict[str, Any], data: dict[str, Any]) -> Obj:
    month, year = _expiry(ctx, details)
    method = {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": data.get("allow_redisplay", "unspecified"),
        "billing_details": billing(data.get("billing_details") or {}),
        "card": _described(card, month, year),
        "created": ctx.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "radar_options": {},
        "type": "card",
        "_number": card.number,
        "_used": False,
        "_set_up": False,
    }
    merge_metadata(method, data.get("metadata"))
    return ctx.store.add(method)


def billing(given: dict[str, Any]) -> Obj:
    """Return complete billing details from those given."""
    address = given.get("address") or {}
    details: Obj = {name: given.get(name) or None for name in BILLING}
    details["address"] = {name: address.get(name) or None for name in ADDRESS}
    return details


def _described(card: cards.Card, month: int, year: int) -> Obj:
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "unchecked"},
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": month,
        "exp_year": year,
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": card.brand not in ("amex", "unionpay")},
        "wallet": None,
    }


def named(ctx: Context, id: str, param: str = "payment_method") -> Obj:
    """Return the payment method a parameter names; pm_card_… makes a fresh one, as in Stripe's test mode.

    :raises ApiError: 400 `resource_missing`.
    """
    card = cards.by_name(id, "pm_card_")
    if card is not None:
        return _add(ctx, card, {}, {})
    return ctx.find("payment_method", id, param, status=400)


def retrieve(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """GET /v1/payment_methods/:id."""
    return public(ctx.find("payment_method", id, "payment_method"))


def update(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/payment_methods/:id."""
    ctx.find("payment_method", id, "payment_method")
    method = ctx.store.edit(id)
    before = public(method)
    merge_metadata(method, params.get("metadata"))
    if "billing_details" in params:
        given = params["billing_details"]
        address = {**method["billing_details"]["address"], **(given.get("address") or {})}
        method["billing_details"] = billing({**method["billing_details"], **given, "address": address})
    if "allow_redisplay" in params:
        method["allow_redisplay"] = params["allow_redisplay"]
    if params.get("card"):
        change = params["card"]
        month, year = _expiry(ctx, {**method["card"], **change})
        method["card"].update(exp_month=month, exp_year=year)
    changed = {name: value for name, value in before.items() if method[name] != value}
    if changed:
        ctx.emit("payment_method.updated", method, changed)
    return public(method)


def attach(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/payment_methods/:id/attach.

    :raises ApiError: 402 for a card its bank refuses; 400 when it is another customer's.
    """
    if "customer" not in params:
        raise errors.bad_parameter("customer", "Missing required param: customer.", "parameter_missing")
    customer = ctx.customer(params["customer"])
    method = named(ctx, id)
    check_usable(method, customer["id"], attaching=True)
    check_attachable(method)
    return public(bind(ctx, method["id"], customer["id"]))


def check_attachable(method: Obj) -> None:
    """Refuse cards whose bank refuses to have them saved.

    :raises ApiError: 402 with the card's own decline.
    """
    card = card_of(method)
    if card.decline and not card.attachable:
        raise _declined(card.decline, None)


def check_usable(method: Obj, customer: str | None, *, attaching: bool = False) -> None:
    """Refuse another customer's card, and one that was spent or detached.

    :raises ApiError: 400.
    """
    if method["customer"]:
        if attaching and method["customer"] != customer:
            text = "The payment method you provided has already been attached to a customer."
            raise errors.refused(text, "payment_method_unexpected_state")
        if method["customer"] != customer:
            raise errors.refused(_foreign(method, customer), param="payment_method")
    elif method["_used"]:
        text = (
            "The provided PaymentMethod was previously used with a PaymentIntent without "
            "Customer attachment, "
            "shared with a connected account without Customer attachment, or was detached from "
            "a Customer. It "
            "may not be used again. To use a PaymentMethod multiple times, you must attach it "
            "to a Customer first."
        )
        raise errors.refused(text, "payment_method_unexpected_state", "payment_method")


def _foreign(method: Obj, customer: str | None) -> str:
    if customer is None:
        return (
            f"The payment method {method['id']} belongs to a customer. Please include the Customer in the "
            "`customer` parameter."
        )
    return (
        f"The customer does not have a payment method with the ID {method['id']}. The payment method must be "
        "attached to the customer."
    )


def bind(ctx: Context, id: str, customer: str) -> Obj:
    """Attach a payment method to a customer, with its event; once is enough."""
    method = ctx.store.edit(id)
    if method["customer"] != customer:
        method["customer"] = customer
        method["card"]["checks"]["cvc_check"] = card_of(method).cvc_check
        ctx.emit("payment_method.attached", method)
    return method


def detach(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/payment_methods/:id/detach. A detached card can never be used again."""
    method = ctx.find("payment_method", id, "payment_method")
    if not method["customer"]:
        text = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise errors.refused(text, "payment_method_unexpected_state")
    return public(release(ctx, id))


def release(ctx: Context, id: str) -> Obj:
    """Take a payment method from its customer, with its event."""
    method = ctx.store.edit(id)
    customer, method["customer"] = method["customer"], None
    method["_used"] = True
    ctx.emit("payment_method.detached", method, {"customer": customer})
    return method


def listed(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/payment_methods?customer=…"""
    if "customer" in params:
        ctx.customer(params["customer"])
    return listing.page(
        ctx,
        "payment_method",
        params,
        url="/v1/payment_methods",
        fields=("customer", "type", "allow_redisplay"),
        where=lambda method: method["customer"] is not None,
    )


def of_customer(ctx: Context, params: dict[str, Any], customer: str) -> Obj:
    """GET /v1/customers/:id/payment_methods."""
    ctx.find("customer", customer, "customer")
    return listing.page(
        ctx,
        "payment_method",
        {**params, "customer": customer},
        url=f"/v1/customers/{customer}/payment_methods",
        fields=("customer", "type", "allow_redisplay"),
    )


def of_customer_one(ctx: Context, params: dict[str, Any], customer: str, id: str) -> Obj:
    """GET /v1/customers/:id/payment_methods/:id."""
    method = ctx.find("payment_method", id, "payment_method")
    if method["customer"] != customer:
        raise errors.no_such("PaymentMethod", id, "payment_method")
    return public(method)
