"""Payouts: what the balance sends to the bank."""

from __future__ import annotations

from typing import Any

from . import balance, errors, listing
from .context import Context, new_id, public
from .store import Obj

BANK_ACCOUNT = "ba_devstripe000000000000"


def send(ctx: Context, currency: str, outcome: str = "paid") -> Obj:
    """Pay out every movement of a currency that was not paid out yet.

    It has arrived at once, or is in transit, or the bank sends it back (`failed`): then the money is in the
    balance again, as a movement of its own.
    :raises ApiError: 400 balance_insufficient.
    """
    rows = [
        row
        for row in ctx.store.newest("balance_transaction")
        if row["currency"] == currency and row["_payout"] is None and row["type"] != "payout"
    ]
    amount = sum(row["net"] for row in rows)
    if amount <= 0:
        raise errors.refused("You have insufficient funds in your balance.", "balance_insufficient")
    payout = _new(ctx, amount, currency)
    for row in rows:
        ctx.store.edit(row["id"])["_payout"] = payout["id"]
    moved = balance.move(ctx, "payout", -amount, currency, payout["id"], text="STRIPE PAYOUT")
    moved["_payout"] = payout["id"]
    payout["balance_transaction"] = moved["id"]
    ctx.emit("payout.created", payout)
    if outcome == "in_transit":
        payout["status"] = "in_transit"
        ctx.emit("payout.updated", payout, {"status": "pending"})
        return payout
    payout["status"] = "paid"
    ctx.emit("payout.paid", payout)
    ctx.emit("payout.reconciliation_completed", payout)
    if outcome == "failed":
        _fail(ctx, payout)
    return payout


def _fail(ctx: Context, payout: Obj) -> None:
    """Source: https://docs.stripe.com/payouts#payout-failures"""
    text = "STRIPE PAYOUT FAILURE"
    back = balance.move(ctx, "payout_failure", payout["amount"], payout["currency"], payout["id"], text=text)
    payout.update(
        status="failed",
        failure_balance_transaction=back["id"],
        failure_code="account_closed",
        failure_message="The bank account has been closed.",
    )
    ctx.emit("payout.failed", payout)


def _new(ctx: Context, amount: int, currency: str) -> Obj:
    return ctx.store.add(
        {
            "id": new_id("po"),
            "object": "payout",
            "amount": amount,
            "application_fee": None,
            "application_fee_amount": None,
            "arrival_date": ctx.now,
            "automatic": True,
            "balance_transaction": None,
            "created": ctx.now,
            "currency": currency,
            "description": "STRIPE PAYOUT",
            "destination": BANK_ACCOUNT,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "livemode": False,
            "metadata": {},
            "method": "standard",
            "original_payout": None,
            "payout_method": None,
            "reconciliation_status": "completed",
            "reversed_by": None,
            "source_type": "card",
            "statement_descriptor": None,
            "status": "pending",
            "trace_id": None,
            "type": "bank_account",
        }
    )


def retrieve(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """GET /v1/payouts/:id."""
    return public(ctx.find("payout", id))


def listed(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/payouts."""
    return listing.page(ctx, "payout", params, url="/v1/payouts", fields=("status", "destination"))
