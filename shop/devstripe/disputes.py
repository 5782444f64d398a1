"""Disputes and early fraud warnings. Source: https://docs.stripe.com/disputes/how-disputes-work"""

from __future__ import annotations

from typing import Any

from . import balance, errors, listing
from .context import Context, merge_metadata, new_id, public
from .store import Obj

FEE = 2_000
DAYS_TO_ANSWER = 9
SECONDS_TO_DECIDE = 0.2
OPEN = ("needs_response", "warning_needs_response")
EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation",
    "duplicate_charge_explanation", "duplicate_charge_id", "enhanced_evidence",
    "product_description", "receipt",
    "refund_policy", "refund_policy_disclosure", "refund_refusal_explanation", "service_date",
    "service_documentation", "shipping_address", "shipping_carrier", "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
)  # fmt: skip


def open_against(ctx: Context, charge_id: str, reason: str, amount: int | None = None) -> Obj:
    """Have the customer's bank dispute a charge: the money (minor units) and a fee leave the balance."""
    charge = ctx.store.edit(charge_id)
    disputed = charge["amount_captured"] if amount is None else amount
    dispute = _new(ctx, charge, reason, disputed)
    taken = balance.move(ctx, "adjustment", -disputed, charge["currency"], dispute["id"], fee=FEE)
    dispute["balance_transactions"] = [public(taken)]
    charge.update(disputed=True, dispute=dispute["id"])
    ctx.emit("charge.dispute.created", dispute)
    ctx.emit("charge.dispute.funds_withdrawn", dispute)
    ctx.emit("charge.updated", charge, {"disputed": False, "dispute": None})
    return dispute


def _new(ctx: Context, charge: Obj, reason: str, amount: int) -> Obj:
    return ctx.store.add(
        {
            "id": new_id("du"),
            "object": "dispute",
            "amount": amount,
            "balance_transactions": [],
            "charge": charge["id"],
            "created": ctx.now,
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": dict.fromkeys(EVIDENCE),
            "evidence_details": {
                "due_by": ctx.now + DAYS_TO_ANSWER * balance.DAY,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": False,
            "livemode": False,
            "metadata": {},
            "network_reason_code": "10.4",
            "payment_intent": charge["payment_intent"],
            "payment_method_details": {
                "card": {
                    "brand": charge["payment_method_details"]["card"]["brand"],
                    "case_type": "chargeback",
                    "network_reason_code": "10.4",
                },
                "type": "card",
            },
            "reason": reason,
            "status": "needs_response",
        }
    )


def retrieve(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """GET /v1/disputes/:id."""
    return public(ctx.find("dispute", id))


def listed(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/disputes."""
    return listing.page(ctx, "dispute", params, url="/v1/disputes", fields=("charge", "payment_intent"))


def update(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/disputes/:id: keep evidence, and with `submit` (the default) hand it to the bank.

    Evidence `winning_evidence` or `losing_evidence` decides the case a moment later; any other
    leaves it open.
    :raises ApiError: 400 once the dispute is past evidence.
    """
    dispute = _open(ctx, id)
    merge_metadata(dispute, params.get("metadata"))
    if isinstance(params.get("evidence"), dict):
        dispute["evidence"].update({name: text or None for name, text in params["evidence"].items()})
        dispute["evidence_details"]["has_evidence"] = any(dispute["evidence"].values())
    if params.get("submit", "evidence" in params):
        dispute["status"] = "under_review"
        dispute["evidence_details"]["submission_count"] += 1
        verdict = {"winning_evidence": "won", "losing_evidence": "lost"}
        text = dispute["evidence"]["uncategorized_text"]
        if text in verdict:
            ctx.later(SECONDS_TO_DECIDE, "close_dispute", dispute=id, status=verdict[text])
    ctx.emit("charge.dispute.updated", dispute)
    return public(dispute)


def _open(ctx: Context, id: str) -> Obj:
    dispute = ctx.find("dispute", id)
    if dispute["status"] not in OPEN:
        raise errors.refused(f"This dispute is already {dispute['status']}.", "dispute_unexpected_state")
    return ctx.store.edit(id)


def close(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """POST /v1/disputes/:id/close: accept the loss."""
    _open(ctx, id)
    return public(decide(ctx, id, "lost"))


def decide(ctx: Context, id: str, status: str) -> Obj:
    """Close a dispute as won or lost; won money comes back, with the fee."""
    dispute = ctx.store.edit(id)
    dispute["status"] = status
    if status == "won":
        back = balance.move(ctx, "adjustment", dispute["amount"], dispute["currency"], id, fee=-FEE)
        dispute["balance_transactions"].append(public(back))
        ctx.emit("charge.dispute.funds_reinstated", dispute)
    ctx.emit("charge.dispute.closed", dispute)
    return dispute


def warn(ctx: Context, charge: Obj) -> Obj:
    """Record an early fraud warning against a charge."""
    warning = ctx.store.add(
        {
            "id": new_id("issfr"),
            "object": "radar.early_fraud_warning",
            "actionable": True,
            "charge": charge["id"],
            "created": ctx.now,
            "fraud_type": "made_with_stolen_card",
            "livemode": False,
            "payment_intent": charge["payment_intent"],
        }
    )
    ctx.emit("radar.early_fraud_warning.created", warning)
    return warning


def retrieve_warning(ctx: Context, params: dict[str, Any], id: str) -> Obj:
    """GET /v1/radar/early_fraud_warnings/:id."""
    return public(ctx.find("radar.early_fraud_warning", id))


def listed_warnings(ctx: Context, params: dict[str, Any]) -> Obj:
    """GET /v1/radar/early_fraud_warnings."""
    url, fields = "/v1/radar/early_fraud_warnings", ("charge", "payment_intent")
    return listing.page(ctx, "radar.early_fraud_warning", params, url=url, fields=fields)
