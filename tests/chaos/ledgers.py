"""The auditor's two windows: Stripe's ledger, and our tables. Nothing else is ever looked at."""

from dataclasses import dataclass
from typing import Any

import requests

from tests.chaos.stack import Stack


@dataclass(frozen=True)
class Charge:
    """A charge at Stripe that succeeded. Amounts in minor units, currency in upper case."""

    id: str
    order: str
    intent: str
    currency: str
    captured: int


@dataclass(frozen=True)
class RefundThere:
    """A refund at Stripe that did not fail."""

    id: str
    intent: str
    currency: str
    amount: int


@dataclass(frozen=True)
class IntentThere:
    """A PaymentIntent at Stripe."""

    id: str
    order: str
    status: str


@dataclass(frozen=True)
class Ledger:
    """What Stripe says."""

    charges: tuple[Charge, ...] = ()
    refunds: tuple[RefundThere, ...] = ()
    intents: tuple[IntentThere, ...] = ()


@dataclass(frozen=True)
class OrderHere:
    """An order of ours with its payment and the mails that went out for it."""

    reference: str
    status: str
    payment_status: str
    currency: str
    total: int
    intent: str
    received: int
    refunded: int
    review: str = ""
    mails: int = 0

    @property
    def is_paid(self) -> bool:
        return self.payment_status in {"paid", "partially_refunded", "refunded"}


@dataclass(frozen=True)
class RefundHere:
    """A refund of ours that counts: requested, pending or succeeded."""

    stripe_id: str
    order: str
    currency: str
    amount: int
    status: str


@dataclass(frozen=True)
class Books:
    """What our tables say. `loose_ends` maps a sentence to the number of rows it is true of: all 0 when done."""

    orders: tuple[OrderHere, ...] = ()
    refunds: tuple[RefundHere, ...] = ()
    loose_ends: tuple[tuple[str, int], ...] = ()
    stock: str = ""


# what a run writes: counted in the report, and kept as CSV when the books do not balance
TABLES = (
    "orders_order", "orders_payment", "orders_payment_attempt", "orders_stripe_refund", "orders_webhook_event",
    "orders_refill", "orders_subscription", "catalog_stock_reservation", "catalog_stock_movement", "orders_order_event", "mail_outbox",
)  # fmt: skip
ORDERS = """
SELECT o.reference, o.status, o.payment_status, p.currency, o.total, coalesce(p.stripe_payment_intent_id, ''),
       p.amount_received, p.amount_refunded, o.review_reason,
       (SELECT count(*) FROM mail_outbox m WHERE m.status = 'sent' AND (
           (m.subject_key = 'order:' || o.reference AND m.kind IN ('order_confirmation', 'paid_too_late'))
           OR (m.kind = 'refill_paid' AND m.subject_key =
               (SELECT 'refill:' || r.reference FROM orders_refill r WHERE r.order_id = o.id))))
FROM orders_order o JOIN orders_payment p ON p.order_id = o.id ORDER BY o.id
"""
REFUNDS = """
SELECT coalesce(r.stripe_refund_id, ''), o.reference, r.currency, r.amount, r.status
FROM orders_stripe_refund r JOIN orders_payment p ON p.id = r.payment_id JOIN orders_order o ON o.id = p.order_id
WHERE r.status NOT IN ('failed', 'canceled')
"""
LOOSE_ENDS = {
    "payment attempts without a definite outcome": "SELECT count(*) FROM orders_payment_attempt"
    " WHERE outcome IN ('started', 'unknown')",
    "refunds that Stripe was never asked for": "SELECT count(*) FROM orders_stripe_refund WHERE status = 'requested'",
    "stored events that were not worked off": "SELECT count(*) FROM orders_webhook_event WHERE processed_at IS NULL",
    "mails that were not sent": "SELECT count(*) FROM mail_outbox WHERE status = 'pending'",
    "events of a forger": "SELECT count(*) FROM orders_webhook_event WHERE event_id ~ '^evt_(bad|tamper|old|no_sig)[a-z_]*_[0-9a-f]{12}$'",
    "orders without a payment": "SELECT count(*) FROM orders_order o"
    " WHERE NOT EXISTS (SELECT FROM orders_payment p WHERE p.order_id = o.id)",
    "reservations of orders that ended": "SELECT count(*) FROM catalog_stock_reservation r"
    " JOIN orders_order o ON r.reference = 'order:' || o.reference"
    " WHERE o.status IN ('cancelled', 'expired') AND r.status IN ('held', 'allocated')",
    "placed orders whose stock is not allocated": "SELECT count(*) FROM orders_order o WHERE o.status = 'placed'"
    " AND o.fulfilment_status = 'unfulfilled' AND NOT EXISTS (SELECT FROM catalog_stock_reservation r"
    " WHERE r.reference = 'order:' || o.reference AND r.status IN ('allocated', 'short'))",
    "subscriptions without exactly one open cycle": "SELECT count(*) FROM orders_subscription s"
    " WHERE s.status <> 'cancelled' AND 1 <> (SELECT count(*) FROM orders_billing_cycle c"
    " WHERE c.subscription_id = s.id AND c.status = 'open')",
    "refills left at work": "SELECT count(*) FROM orders_refill WHERE status IN ('claimed', 'charging')",
    "items of one order that began two subscriptions": "SELECT count(*) FROM (SELECT FROM orders_subscription"
    " GROUP BY started_by_id, variant_id HAVING count(*) > 1) twice",
}


def read_ledger(stripe_url: str) -> Ledger:
    """Read devstripe's own books."""
    found = requests.get(f"{stripe_url}/_test/ledger", timeout=120).json()
    return Ledger(
        charges=tuple(_charge(row) for row in found["charges"] if row["status"] == "succeeded"),
        refunds=tuple(
            _refund(row) for row in found["refunds"] if row["status"] not in {"failed", "canceled"}
        ),
        intents=tuple(
            IntentThere(row["id"], row["metadata"].get("order_id", ""), row["status"])
            for row in found["intents"]
        ),
    )


def read_books(stack: Stack) -> Books:
    """Read our tables, and let the stock check itself."""
    code, said = stack.do("manage", "check_stock", may_fail=True)
    return Books(
        orders=tuple(OrderHere(*row) for row in stack.rows(ORDERS)),  # type: ignore[arg-type]
        refunds=tuple(RefundHere(*row) for row in stack.rows(REFUNDS)),  # type: ignore[arg-type]
        loose_ends=tuple((what, int(str(stack.rows(sql)[0][0]))) for what, sql in LOOSE_ENDS.items()),
        stock=said if code else "",
    )


def _charge(row: dict[str, Any]) -> Charge:
    order = row["metadata"].get("order_id", "")
    return Charge(
        row["id"], order, row["payment_intent"] or "", row["currency"].upper(), row["amount_captured"]
    )


def _refund(row: dict[str, Any]) -> RefundThere:
    return RefundThere(row["id"], row["payment_intent"] or "", row["currency"].upper(), row["amount"])
