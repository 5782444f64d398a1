"""Customers and the sessions that show their saved cards to the browser."""

from __future__ import annotations

import secrets
from typing import Any

from . import errors, listing, payment_methods
from .context import Context, merge_metadata, new_id, public
from .store import Obj

PLAIN = (
    "address", "description", "email", "name", "phone", "shipping", "preferred_locales",
    "tax_exempt", "balance",
    "business_name", "individual_name",
)  # fmt: skip
SESSION_SECONDS = 1_800


def create(ctx: Context, params: dict[str, Any]) -> Obj:
    """POST /v1/customers."""
    customer: Obj = {
        "id": new_id("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": ctx.now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": secrets.token_hex(4).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    ctx.store.add(customer)
    _apply(customer, params)
    if params.get("payment_method"):
        payment_methods.attach(ctx, {"customer": customer["id"]}, params["payment_method"])
    ctx.emit("customer.created", customer)
    return public(customer)


def _apply(customer: Obj, params: dict[str, Any]) -> None:
    email = params.get("email")
    if email and "@" not in email:
        raise errors.bad_parameter("email", f"Invalid email address: {email}", "email_invalid")
    for name in PLAIN:
        if name in params:
            customer[name] = params[name] if params[name] != "" else None
    merge_metadata(customer, params.get("metadata"))
    customer["invoice_settings"].update(params.get("invoice_settings") or {})


def retrieve(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """GET /v1/customers/:id; of a deleted one only the tombstone is left."""
    return public(ctx.find("customer", id))


def update(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/customers/:id."""
    _existing(ctx, id)
    default = (params.get("invoice_settings") or {}).get("default_payment_method")
    if default:
        method = ctx.find("payment_method", default, "payment_method", status=400)
        payment_methods.check_usable({**method, "_used": method["customer"] is None}, id)
    customer = ctx.store.edit(id)
    before = public(customer)
    _apply(customer, params)
    changed = {name: value for name, value in before.items() if customer[name] != value}
    if changed:
        ctx.emit("customer.updated", customer, changed)
    return public(customer)


def _existing(ctx: Context, id: str) -> Obj:
    customer = ctx.find("customer", id)
    if customer.get("deleted"):
        raise errors.no_such("customer", id)
    return customer


def delete(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """DELETE /v1/customers/:id: the cards are detached, a tombstone stays."""
    customer = _existing(ctx, id)
    for method in list(ctx.store.newest("payment_method")):
        if method["customer"] == id:
            payment_methods.release(ctx, method["id"])
    ctx.emit("customer.deleted", customer)
    tombstone = {"id": id, "object": "customer", "deleted": True}
    ctx.store.add(dict(tombstone))
    return tombstone


def listed(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/customers."""
    return listing.page(ctx, "customer", params, url="/v1/customers", fields=("email",))


def create_session(ctx: Context, params: dict[str, Any]) -> Obj:
    """POST /v1/customer_sessions."""
    if "customer" not in params:
        raise errors.bad_parameter("customer", "Missing required param: customer.", "parameter_missing")
    customer = ctx.customer(params["customer"])
    session = {
        "id": new_id("cuss"),
        "object": "customer_session",
        "client_secret": f"cuss_secret_{secrets.token_urlsafe(32)}",
        "components": params["components"],
        "created": ctx.now,
        "customer": customer["id"],
        "customer_account": None,
        "expires_at": ctx.now + SESSION_SECONDS,
        "livemode": False,
    }
    ctx.store.add(session)
    return {name: value for name, value in session.items() if name != "id"}
