"""Discounts on later parcels: only those that repeat; what they make free is sent without a charge."""

from decimal import Decimal

import pytest

from orders import reconciler
from orders.models import DiscountCode, Order, OrderDiscount, PaymentAttempt, Refill
from tests.factories.catalog import make_variant
from tests.factories.discounts import make_discount
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails

pytestmark = pytest.mark.django_db


def test_a_discount_of_everything_sends_a_refill_without_a_charge(charged: Routine) -> None:
    make_discount(percent=Decimal(100), repeats=True)
    make_discount(kind="free_shipping", repeats=True)
    (subscription,) = charged.begin((make_variant(stock=20), 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    charged.turn(due_at - days(5))

    charged.turn(due_at)
    reconciler.settle_free_orders(at=due_at)
    reconciler.settle_free_orders(at=due_at)

    refill = Refill.objects.get()
    assert refill.order is not None
    assert (refill.status, refill.quoted_total, refill.order.total) == ("paid", 0, 0)
    assert (refill.order.status, refill.order.payment_status) == ("placed", "paid")
    assert not PaymentAttempt.objects.filter(payment__order=refill.order).exists()
    assert refill.order.discounts.count() == 2
    assert cycle_of(subscription).index == 2
    assert "Nothing is charged" in mails("refill_upcoming")[0].text
    assert len(mails("refill_paid")) == 1


def test_a_price_of_nothing_by_mistake_is_not_sent(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    make_discount(kind="free_shipping", repeats=True)
    subscription.unit_price = 0
    subscription.save()

    routine.turn(cycle_of(subscription).due_at - days(5))

    subscription.refresh_from_db()
    assert (subscription.status, Refill.objects.count()) == ("paused", 0)
    assert subscription.status_reason == "It comes to nothing, and no discount says so."


def test_only_a_discount_that_repeats_lowers_later_parcels(routine: Routine) -> None:
    make_discount(percent=Decimal(50))
    make_discount(percent=Decimal(20), repeats=True)
    (subscription,) = routine.begin((make_variant(), 2, "week", 4))

    refill = routine.remind(cycle_of(subscription).due_at - days(5))

    assert refill.quoted_total == 2 * 1125 - 450 + 595
    assert "Discount: -£4.50" in mails("refill_upcoming")[0].text


def test_a_code_repeats_only_for_the_refills_that_it_began(charged: Routine) -> None:
    discount = make_discount(code="ROUTINE", percent=Decimal(20), repeats=True)
    (with_code,) = charged.begin((make_variant(stock=20), 2, "week", 4))
    (without,) = charged.begin((make_variant(stock=20), 2, "week", 4))
    OrderDiscount.objects.create(
        order=with_code.started_by.order, position=1, discount=discount, code="ROUTINE", label="20 %",
        discount_code=DiscountCode.objects.get(), amount=450, customer_key="-", taken_at=charged.at,
    )  # fmt: skip
    due_at = max(cycle_of(row).due_at for row in (with_code, without))

    charged.turn(due_at - days(4))
    charged.turn(due_at)

    totals = {order.customer_id: order.discount_total for order in Order.objects.filter(origin="refill")}
    assert totals == {with_code.customer_id: 450, without.customer_id: 0}


def test_a_discount_that_is_gone_at_the_charge_is_told_before_more_is_charged(charged: Routine) -> None:
    discount = make_discount(percent=Decimal(20), repeats=True)
    (subscription,) = charged.begin((make_variant(stock=20), 2, "week", 4))
    due_at = cycle_of(subscription).due_at
    charged.turn(due_at - days(5))
    discount.is_active = False
    discount.save()

    charged.turn(due_at)

    refill = Refill.objects.get()
    assert (refill.status, refill.notices, refill.order) == ("planned", 2, None)
    assert refill.next_attempt_at == due_at + days(2)
