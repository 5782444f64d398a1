"""Charges: the attempt a confirmed payment makes, paid or failed."""

from __future__ import annotations

from typing import Any

from . import amounts, balance, cards, listing
from .context import Context, merge_metadata, new_id, public
from .payment_methods import card_of
from .store import Obj

DESCRIPTOR = "DEVSTRIPE"
DAYS_TO_CAPTURE = 7
RISK_SCORES = {"normal": 12, "elevated": 65, "highest": 88}


def make(
    ctx: Context, intent: Obj, method: Obj, decline: cards.Decline | None, *, authenticated: bool
) -> Obj:
    """Record a charge for a payment; with a decline it failed. Its event follows.

    The amount is the intent's, in minor units; the fee is booked when it is captured.
    """
    paid, captured = decline is None, decline is None and intent["capture_method"] != "manual"
    charge = {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": DESCRIPTOR,
        "captured": False,
        "created": ctx.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "destination": None,
        "dispute": None,
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": _outcome(card_of(method), decline),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(ctx, intent, method, authenticated),
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": f"{ctx.public_url}/receipts/{intent['id']}" if paid else None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "succeeded" if paid else "failed",
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }
    ctx.store.add(charge)
    if captured:
        capture(ctx, charge, intent["amount"])
    ctx.emit("charge.succeeded" if paid else "charge.failed", charge)
    return charge


def _outcome(card: cards.Card, decline: cards.Decline | None) -> Obj:
    blocked = decline is cards.FRAUDULENT
    kind = "authorized" if decline is None else "blocked" if blocked else "issuer_declined"
    status = {"authorized": "approved_by_network", "blocked": "not_sent_to_network"}
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": "05" if kind == "issuer_declined" else None,
        "network_status": status.get(kind, "declined_by_network"),
        "reason": (decline.decline_code or decline.code) if decline else None,
        "risk_level": card.risk,
        "risk_score": RISK_SCORES[card.risk],
        "seller_message": "Payment complete." if decline is None else "The bank did not accept the payment.",
        "type": kind,
    }


def _details(ctx: Context, intent: Obj, method: Obj, authenticated: bool) -> Obj:
    card = method["card"]
    secure = {"authentication_flow": "challenge", "result": "authenticated", "version": "2.2.0"}
    checks = {**card["checks"], "cvc_check": card_of(method).cvc_check}
    same = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
    return {
        "card": {
            **{name: card[name] for name in same},
            "amount_authorized": intent["amount"],
            "authorization_code": "000000",
            "capture_before": ctx.now + DAYS_TO_CAPTURE * balance.DAY,
            "checks": checks,
            "installments": None,
            "mandate": None,
            "network": card["brand"],
            "network_token": {"used": False},
            "network_transaction_id": None,
            "regulated_status": "unregulated",
            "three_d_secure": secure if authenticated else None,
        },
        "type": "card",
    }


def capture(ctx: Context, charge: Obj, amount: int) -> None:
    """Take the money of an authorised charge (minor units) and book it with its fee."""
    charge["captured"] = True
    charge["amount_captured"] = amount
    text = charge["description"]
    booked = balance.move(
        ctx, "charge", amount, charge["currency"], charge["id"], fee=amounts.fee(amount), text=text
    )
    charge["balance_transaction"] = booked["id"]


def retrieve(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """GET /v1/charges/:id."""
    return public(ctx.find("charge", id))


def update(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/charges/:id."""
    ctx.find("charge", id)
    charge = ctx.store.edit(id)
    before = public(charge)
    merge_metadata(charge, params.get("metadata"))
    for name in ("description", "receipt_email", "shipping", "transfer_group", "fraud_details"):
        if name in params:
            charge[name] = params[name] or None
    changed = {name: value for name, value in before.items() if charge[name] != value}
    if changed:
        ctx.emit("charge.updated", charge, changed)
    return public(charge)


def listed(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/charges."""
    fields = ("customer", "payment_intent", "transfer_group")
    return listing.page(ctx, "charge", params, url="/v1/charges", fields=fields)
