"""The account and the movements of its balance."""

from __future__ import annotations

from collections import Counter
from typing import Any

from . import listing
from .context import Context, new_id, public
from .store import Obj

ACCOUNT = "acct_devstripe00000000"
DAYS_TO_AVAILABLE = 2
DAY = 86_400
REPORTED_AS = {
    "charge": "charge",
    "refund": "refund",
    "refund_failure": "refund_failure",
    "payout": "payout",
    "payout_failure": "payout_reversal",
}


def move(
    ctx: Context, type: str, amount: int, currency: str, source: str, *, fee: int = 0, text: str | None = None
) -> Obj:
    """Record a balance transaction; amounts and fees in minor units, negative when money leaves."""
    details = {"amount": fee, "application": None, "currency": currency, "description": "Stripe fee"}
    return ctx.store.add(
        {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": ctx.now + DAYS_TO_AVAILABLE * DAY,
            "balance_type": "payments",
            "created": ctx.now,
            "currency": currency,
            "description": text,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [{**details, "type": "stripe_fee"}] if fee else [],
            "net": amount - fee,
            "reporting_category": REPORTED_AS.get(type, "dispute"),
            "source": source,
            "status": "pending",
            "type": type,
            "_payout": None,
        }
    )


def retrieve(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """GET /v1/balance_transactions/:id."""
    return public(_settled(ctx, ctx.find("balance_transaction", id)))


def _settled(ctx: Context, transaction: Obj) -> Obj:
    available = transaction["_payout"] or transaction["available_on"] <= ctx.now
    return {**transaction, "status": "available" if available else "pending"}


def listed(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/balance_transactions."""
    answer = listing.page(
        ctx,
        "balance_transaction",
        params,
        url="/v1/balance_transactions",
        fields=("currency", "type", "source"),
        where=lambda row: params.get("payout") in (None, row["_payout"]),
    )
    answer["data"] = [public(_settled(ctx, ctx.find("balance_transaction", r["id"]))) for r in answer["data"]]
    return answer


def total(ctx: Context) -> Obj:
    """GET /v1/balance: net amounts not yet paid out, per currency."""
    sums: dict[str, Counter[str]] = {"available": Counter(), "pending": Counter()}
    for row in ctx.store.newest("balance_transaction"):
        if row["_payout"] is None and row["type"] != "payout":
            sums[_settled(ctx, row)["status"]][row["currency"]] += row["net"]
    rows = {
        name: [
            {"amount": n, "currency": c, "source_types": {"card": n}} for c, n in sorted(sums[name].items())
        ]
        for name in sums
    }
    return {"object": "balance", "livemode": False, **rows}


def retrieve_total(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/balance."""
    return total(ctx)


def account(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/account."""
    return {
        "id": ACCOUNT,
        "object": "account",
        "business_profile": {"name": "devstripe test account", "url": None},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "GB",
        "created": ctx.now,
        "default_currency": "gbp",
        "details_submitted": True,
        "email": None,
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "dashboard": {"display_name": "devstripe"},
            "payments": {"statement_descriptor": "DEVSTRIPE"},
        },
        "type": "standard",
    }
