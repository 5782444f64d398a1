"""The last look: what Stripe's ledger says and what our tables say, side by side."""

from typing import Any

from tests.demo.stage import Stage

SUMS = """
SELECT p.currency, sum(p.amount_received), sum(p.amount_refunded)
FROM orders_payment p WHERE p.succeeded_at IS NOT NULL GROUP BY p.currency
"""
PAID_WITHOUT_PAYMENT = """
SELECT count(*) FROM orders_order o LEFT JOIN orders_payment p ON p.order_id = o.id
WHERE o.payment_status <> 'unpaid' AND o.payment_status <> 'processing' AND p.succeeded_at IS NULL
"""
NOT_ONE_OPEN_CYCLE = """
SELECT count(*) FROM orders_subscription s WHERE s.status <> 'cancelled' AND
(SELECT count(*) FROM orders_billing_cycle c WHERE c.subscription_id = s.id AND c.status = 'open') <> 1
"""


def strangers(stage: Stage) -> frozenset[str]:
    """Return the charges of which this database knew nothing before the demo began: another one's.

    Told and left out; a charge that becomes unknown while the demo runs is a lost order and fails it.
    """
    found = _unknown(stage, _charges(stage))
    if found:
        print(f"Stripe's ledger holds {len(found)} older charges of another database: left out.", flush=True)
    return frozenset(found)


def balance(stage: Stage, left_out: frozenset[str]) -> None:
    """Compare every currency's sums, and scan the invariants.

    :raises FactMissing: on any difference of a minor unit.
    """
    charges = [charge for charge in _charges(stage) if charge["id"] not in left_out]
    lost = _unknown(stage, charges)
    stage.need(not lost, f"Stripe charged what no payment here knows of: {', '.join(sorted(lost))}")
    there: dict[str, tuple[int, int]] = {}
    for charge in charges:
        currency = charge["currency"].upper()
        captured, refunded = there.get(currency, (0, 0))
        there[currency] = (captured + charge["amount_captured"], refunded + charge["amount_refunded"])
    here = {currency: (int(got), int(back)) for currency, got, back in stage.rows(SUMS)}
    stage.need(
        here == there,
        f"the books differ, as (captured, refunded) in minor units: in the database {here}, at Stripe {there}"
        " (a ledger that was removed while the database stayed differs too: `make stop; rm -rf .local`)",
    )
    orders = [charge["metadata"].get("order_id") for charge in charges]
    stage.need(len(orders) == len(set(orders)), "an order was charged twice")
    stage.need(stage.rows(PAID_WITHOUT_PAYMENT)[0][0] == 0, "a paid order has no payment")
    stage.need(stage.rows(NOT_ONE_OPEN_CYCLE)[0][0] == 0, "a subscription has not exactly one open cycle")
    stage.manage("check_stock")
    stage.proof("The books balance", f"{len(charges)} charges, captured and refunded {here}; stock checked")


def _charges(stage: Stage) -> list[dict[str, Any]]:
    return [charge for charge in stage.ledger()["charges"] if charge["status"] == "succeeded"]


def _unknown(stage: Stage, charges: list[dict[str, Any]]) -> set[str]:
    known = {row[0] for row in stage.rows("SELECT stripe_payment_intent_id FROM orders_payment")}
    return {charge["id"] for charge in charges if charge["payment_intent"] not in known}
