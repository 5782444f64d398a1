"""Hosted Checkout Sessions, as far as opening, reading and expiring them."""

from __future__ import annotations

from typing import Any

from . import amounts, errors, listing
from .context import Context, merge_metadata, new_id, public
from .store import Obj

SECONDS = 86_400


def create(ctx: Context, params: dict[str, Any]) -> Obj:
    """POST /v1/checkout/sessions, for payments of ad-hoc prices (amounts in minor units) and for set-ups.

    :raises ApiError: 400 for what hosted prices or subscriptions would need.
    """
    mode = params.get("mode", "payment")
    if mode == "subscription":
        raise errors.bad_parameter("mode", "Subscriptions are not activated on this account.")
    items = [_item(ctx, item) for item in params.get("line_items", [])]
    if mode == "payment" and not items:
        raise errors.bad_parameter("line_items", "Missing required param: line_items.", "parameter_missing")
    session = _new(ctx, params, mode)
    total = sum(item["amount_total"] for item in items)
    session.update(_line_items=items, amount_subtotal=total, amount_total=total)
    if items:
        session["currency"] = items[0]["currency"]
    if params.get("customer"):
        session["customer"] = ctx.customer(params["customer"])["id"]
    merge_metadata(session, params.get("metadata"))
    return public(ctx.store.add(session))


def _item(ctx: Context, given: dict[str, Any]) -> Obj:
    price = given.get("price_data")
    if not price or "unit_amount" not in price:
        text = "Only line_items with price_data[unit_amount] are kept here: there are no stored prices."
        raise errors.bad_parameter("line_items", text)
    quantity, currency = given.get("quantity", 1), amounts.currency(price["currency"])
    total = price["unit_amount"] * quantity
    amounts.check_charge(total, currency)
    return {
        "id": new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": currency,
        "description": (price.get("product_data") or {}).get("name"),
        "quantity": quantity,
    }


def _new(ctx: Context, params: dict[str, Any], mode: str) -> Obj:
    id = new_id("cs_test", 58)
    return {
        "id": id,
        "object": "checkout.session",
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": params.get("billing_address_collection"),
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "created": ctx.now,
        "currency": params.get("currency"),
        "custom_fields": [],
        "custom_text": {},
        "customer": None,
        "customer_creation": params.get("customer_creation", "if_required" if mode == "payment" else None),
        "customer_details": None,
        "customer_email": params.get("customer_email"),
        "expires_at": params.get("expires_at", ctx.now + SECONDS),
        "invoice": None,
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": {},
        "mode": mode,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "unpaid" if mode == "payment" else "no_payment_required",
        "setup_intent": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "subscription": None,
        "success_url": params.get("success_url"),
        "ui_mode": params.get("ui_mode", "hosted"),
        "url": f"{ctx.public_url}/c/pay/{id}",
        "_line_items": [],
    }


def retrieve(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """GET /v1/checkout/sessions/:id."""
    return public(ctx.find("checkout.session", id, "session"))


def line_items(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """GET /v1/checkout/sessions/:id/line_items."""
    return listing.line_items(ctx.find("checkout.session", id, "session"))


def expire(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/checkout/sessions/:id/expire.

    :raises ApiError: 400 when it is not open.
    """
    if ctx.find("checkout.session", id, "session")["status"] != "open":
        raise errors.refused("Only Checkout Sessions with a status of `open` can be expired.")
    session = ctx.store.edit(id)
    session.update(status="expired", url=None)
    ctx.emit("checkout.session.expired", session)
    return public(session)


def listed(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/checkout/sessions."""
    fields = ("customer", "payment_intent", "status")
    return listing.page(ctx, "checkout.session", params, url="/v1/checkout/sessions", fields=fields)
