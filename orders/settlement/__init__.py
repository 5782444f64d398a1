"""The one place that learns that money moved, whoever brings the news: webhook, return page, reconciler, or
the answer to our own call. Only what was read from Stripe gets here; only `succeeded` pays.

Everything is safe to repeat and to reorder: money facts move forward only, and success absorbs the rest.
"""

from orders.settlement.disputes import observe_dispute, observe_warning
from orders.settlement.intents import (
    PROCESSING_HOLD,
    observe,
    observe_by_id,
    settle_free,
    waiting_free_orders,
)
from orders.settlement.refunds import observe_refund, refund_refused

__all__ = [
    "PROCESSING_HOLD",
    "observe",
    "observe_by_id",
    "observe_dispute",
    "observe_refund",
    "observe_warning",
    "refund_refused",
    "settle_free",
    "waiting_free_orders",
]
