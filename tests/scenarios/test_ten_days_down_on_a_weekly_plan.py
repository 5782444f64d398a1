"""Ten days without a worker: whoever is billed every week is told afresh, billed once, and not twice to catch up."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from orders.models import BillingCycle, Order, PaymentAttempt, Refill
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.conftest import charged
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails

pytestmark = pytest.mark.django_db

PEOPLE = 12

__all__ = ["charged"]


def _turn_through(charged: Routine, start: datetime, until: datetime, *, hours: int = 6) -> None:
    """Let beat and worker turn every few hours."""
    at = start
    while at <= until:
        charged.turn(at)
        at += timedelta(hours=hours)


def _charges() -> Counter[int]:
    """Count how often each customer's card was asked for a refill."""
    asked = PaymentAttempt.objects.filter(kind="confirm", payment__order__origin="refill")
    return Counter(asked.values_list("payment__order__customer_id", flat=True))


def test_ten_days_down_on_a_weekly_plan_bill_each_once_after_a_fresh_notice(charged: Routine) -> None:
    flakes = make_variant(stock=200)
    rows = [charged.begin((flakes, 1, "week", 1))[0] for _ in range(PEOPLE)]
    due_at = max(cycle_of(row).due_at for row in rows)
    charged.turn(due_at - days(2))
    assert len(mails("refill_upcoming")) == PEOPLE

    # The worker stops the evening before they fall due, and comes back ten days later.
    back_at = due_at - timedelta(hours=12) + days(10)
    charged.turn(back_at)

    assert _charges() == Counter(), "a notice of twelve days ago is none"
    assert len(mails("refill_upcoming")) == 2 * PEOPLE, "everybody is told afresh"
    _turn_through(charged, back_at + timedelta(minutes=1), back_at + timedelta(hours=47, minutes=59))
    assert _charges() == Counter(), "and has two days to say no"

    charged.turn(back_at + timedelta(hours=48))
    assert set(_charges().values()) == {1}
    assert len(_charges()) == PEOPLE
    assert Refill.objects.filter(status="paid").count() == PEOPLE

    # Half an interval at least lies before the next one, and the missed days are left out for good.
    paid_at = back_at + timedelta(hours=48)
    for row in rows:
        following = cycle_of(row)
        assert following.due_at >= paid_at + days(3.5)
        assert (following.due_on - row.anchor_on).days % 7 == 0, "the rhythm stays"
        assert BillingCycle.objects.filter(subscription=row, status="paid").count() == 1
    _turn_through(charged, paid_at + timedelta(hours=6), paid_at + timedelta(days=3, hours=11))
    assert set(_charges().values()) == {1}

    # And then life goes on: one charge in the coming week, not two.
    next_due = max(cycle_of(row).due_at for row in rows)
    _turn_through(charged, paid_at + timedelta(days=3, hours=12), next_due)
    assert _charges() == Counter({row.customer_id: 2 for row in rows})
    assert Order.objects.filter(origin="refill").count() == 2 * PEOPLE
    for refill in Refill.objects.filter(status="paid"):
        assert refill.order is not None
        assert refill.order.total == refill.quoted_total
        assert len(charged.stripe.charges_of(refill.order.reference)) == 1  # type: ignore[union-attr]
