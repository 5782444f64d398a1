"""The last look: what Stripe's ledger says and what our tables say, side by side."""

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


def balance(stage: Stage) -> None:
    """Compare every currency's sums, and scan the invariants.

    :raises FactMissing: on any difference of a minor unit.
    """
    charges = [charge for charge in stage.ledger()["charges"] if charge["status"] == "succeeded"]
    there: dict[str, tuple[int, int]] = {}
    for charge in charges:
        captured, refunded = there.get(charge["currency"].upper(), (0, 0))
        there[charge["currency"].upper()] = (
            captured + charge["amount_captured"],
            refunded + charge["amount_refunded"],
        )
    here = {currency: (int(got), int(back)) for currency, got, back in stage.rows(SUMS)}
    stage.need(here == there, f"the books differ: here {here}, at Stripe {there}")
    orders = [charge["metadata"].get("order_id") for charge in charges]
    stage.need(len(orders) == len(set(orders)), "an order was charged twice")
    stage.need(stage.rows(PAID_WITHOUT_PAYMENT)[0][0] == 0, "a paid order has no payment")
    stage.need(stage.rows(NOT_ONE_OPEN_CYCLE)[0][0] == 0, "a subscription has not exactly one open cycle")
    stage.manage("check_stock")
    stage.proof("The books balance", f"{len(charges)} charges, captured and refunded {here}; stock checked")
