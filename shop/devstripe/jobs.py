"""What happens by itself some time after a request, as banks take theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import attempts, disputes, refunds
from .context import Context


def _finish_payment(ctx: Context, intent: str) -> None:
    found = ctx.store.get(intent, "payment_intent")
    if found and found["status"] == "processing":
        attempts.finish(ctx, ctx.store.edit(intent))


def _fail_refund(ctx: Context, refund: str) -> None:
    if ctx.store.get(refund, "refund"):
        refunds.fail(ctx, refund)


def _settle_refund(ctx: Context, refund: str) -> None:
    if ctx.store.get(refund, "refund"):
        refunds.settle(ctx, refund)


def _close_dispute(ctx: Context, dispute: str, status: str) -> None:
    found = ctx.store.get(dispute, "dispute")
    if found and found["status"] == "under_review":
        disputes.decide(ctx, dispute, status)


ACTIONS: dict[str, Callable[..., Any]] = {
    "finish_payment": _finish_payment,
    "fail_refund": _fail_refund,
    "settle_refund": _settle_refund,
    "close_dispute": _close_dispute,
}


def run(ctx: Context, id: str) -> None:
    """Do a job once, within the current unit of work."""
    job = ctx.store.get(id, "_job")
    if job is not None:
        ctx.store.remove(id)
        ACTIONS[job["action"]](ctx, **job["arguments"])
