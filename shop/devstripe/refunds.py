"""Refunds. Source: https://docs.stripe.com/refunds"""

from __future__ import annotations

from typing import Any

from . import balance, cards, errors, listing
from .context import Context, merge_metadata, new_id, public
from .store import Obj

SECONDS_TO_SETTLE = 0.5


def create(ctx: Context, params: dict[str, Any]) -> Obj:
    """POST /v1/refunds: all or part (minor units) of a payment goes back.

    :raises ApiError: 400 charge_already_refunded, or when more is asked than is left.
    """
    charge = _charge(ctx, params)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if not charge["paid"] or not charge["captured"]:
        raise errors.refused(f"Charge {charge['id']} has not been captured.", "charge_not_refundable")
    if left == 0:
        text = f"Charge {charge['id']} has already been refunded."
        raise errors.refused(text, "charge_already_refunded")
    if charge["disputed"]:
        raise errors.refused(f"Charge {charge['id']} has been charged back.", "charge_disputed")
    amount = params.get("amount", left)
    if amount < 1:
        text = "This value must be greater than or equal to 1."
        raise errors.bad_parameter("amount", text, "parameter_invalid_integer")
    if amount > left:
        text = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise errors.refused(text, "amount_too_large", "amount")
    return public(_make(ctx, ctx.store.edit(charge["id"]), amount, params))


def _charge(ctx: Context, params: dict[str, Any]) -> Obj:
    if "payment_intent" in params:
        intent = ctx.find("payment_intent", params["payment_intent"], "payment_intent", status=400)
        charge = ctx.store.get(intent["latest_charge"] or "")
        if charge is None or not charge["paid"]:
            text = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
            raise errors.refused(text, "payment_intent_unexpected_state", "payment_intent")
        if params.get("charge", charge["id"]) != charge["id"]:
            raise errors.refused("The charge does not belong to the PaymentIntent.", param="charge")
        return charge
    if "charge" not in params:
        text = "One of the following params should be provided for this request: payment_intent or charge."
        raise errors.bad_parameter("payment_intent", text, "parameter_missing")
    return ctx.find("charge", params["charge"], "charge", status=400)


def _make(ctx: Context, charge: Obj, amount: int, params: dict[str, Any]) -> Obj:
    last4 = charge["payment_method_details"]["card"]["last4"]
    method = ctx.store.get(charge["payment_method"])
    behaviour = cards.CARDS[method["_number"]].refund if method else "succeeded"
    refund = _new(ctx, charge, amount, params)
    refund["status"] = "pending" if behaviour == "pending" else "succeeded"
    text = f"REFUND FOR CHARGE (card ending {last4})"
    booked = balance.move(ctx, "refund", -amount, charge["currency"], refund["id"], text=text)
    refund["balance_transaction"] = booked["id"]
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    ctx.emit("refund.created", refund)
    ctx.emit("charge.refunded", charge, before)
    if behaviour == "failed":
        ctx.later(SECONDS_TO_SETTLE, "fail_refund", refund=refund["id"])
    elif behaviour == "pending":
        ctx.later(SECONDS_TO_SETTLE, "settle_refund", refund=refund["id"])
    return refund


def _new(ctx: Context, charge: Obj, amount: int, params: dict[str, Any]) -> Obj:
    refund = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": ctx.now,
        "currency": charge["currency"],
        "destination_details": {
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    merge_metadata(refund, params.get("metadata"))
    return ctx.store.add(refund)


def retrieve(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """GET /v1/refunds/:id."""
    return public(ctx.find("refund", id))


def update(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/refunds/:id: metadata only."""
    ctx.find("refund", id)
    refund = ctx.store.edit(id)
    before = dict(refund["metadata"])
    merge_metadata(refund, params.get("metadata"))
    if refund["metadata"] != before:
        ctx.emit("refund.updated", refund, {"metadata": before})
    return public(refund)


def cancel(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/refunds/:id/cancel: card refunds cannot be cancelled.

    :raises ApiError: always, 400.
    """
    refund = ctx.find("refund", id)
    raise errors.refused(f"Refund {id} cannot be canceled because it has a status of {refund['status']}.")


def listed(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/refunds."""
    return listing.page(ctx, "refund", params, url="/v1/refunds", fields=("charge", "payment_intent"))


def fail(ctx: Context, id: str) -> None:
    """Have the customer's bank send a refund back: the money returns to the balance."""
    refund = ctx.store.edit(id)
    charge = ctx.store.edit(refund["charge"])
    back = balance.move(ctx, "refund_failure", refund["amount"], refund["currency"], id)
    before = {"status": refund["status"]}
    reason, booked = "lost_or_stolen_card", back["id"]
    refund.update(status="failed", failure_reason=reason, failure_balance_transaction=booked)
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    ctx.emit("refund.updated", refund, before)
    ctx.emit("refund.failed", refund)
    ctx.emit("charge.refund.updated", refund, before)


def settle(ctx: Context, id: str) -> None:
    """Have a pending refund arrive."""
    refund = ctx.store.edit(id)
    refund["status"] = "succeeded"
    ctx.emit("refund.updated", refund, {"status": "pending"})
    ctx.emit("charge.refund.updated", refund, {"status": "pending"})
