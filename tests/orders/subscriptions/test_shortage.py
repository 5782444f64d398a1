"""Never charge for what cannot ship: wait, tell, and leave out after thirty days."""

from datetime import timedelta

import pytest
from django.test import override_settings

from catalog.models import StockLevel
from orders.models import Order, Refill
from orders.subscriptions import billing
from tests.factories.catalog import make_oil, make_variant, put_in_stock
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails
from tests.stripe_side import StripeSide

pytestmark = pytest.mark.django_db


def test_after_thirty_days_it_is_left_out_and_the_cadence_stays(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(stock=1), 1, "week", 4))
    due_at, due_on = cycle_of(subscription).due_at, cycle_of(subscription).due_on
    charged.turn(due_at - days(5))

    for day in range(30):
        charged.turn(due_at + days(day))

    refill = Refill.objects.order_by("pk")[0]
    assert (refill.status, refill.order) == ("skipped", None)
    told = mails("refill_out_of_stock")
    assert [mail.occasion for mail in told] == ["day-1", "day-15", "day-30"]
    assert [mail.created_at for mail in told] == [due_at, due_at + days(14), due_at + days(29)]
    assert "We leave this refill out" in told[2].subject
    assert cycle_of(subscription).due_on == due_on + timedelta(weeks=8)
    subscription.refresh_from_db()
    assert subscription.status == "active"
    assert not Order.objects.filter(origin="refill").exists()


def test_stock_that_comes_back_is_sent_the_next_day(charged: Routine) -> None:
    flakes = make_variant(stock=1)
    (subscription,) = charged.begin((flakes, 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    charged.turn(due_at - days(5))
    for day in range(6):
        charged.turn(due_at + days(day))

    put_in_stock(flakes, 5)
    charged.turn(due_at + days(6))

    assert Refill.objects.get().status == "paid"
    assert [mail.occasion for mail in mails("refill_out_of_stock")] == ["day-1"]
    assert cycle_of(subscription).due_on == (due_at + days(28)).date()


def test_on_the_last_day_only_what_is_short_is_left_out(charged: Routine) -> None:
    flakes, oil = charged.begin((make_variant(stock=1), 1, "week", 6), (make_oil(stock=9), 1, "week", 6))
    due_at = cycle_of(flakes).due_at
    charged.turn(due_at - days(5))

    for day in range(33):
        charged.turn(due_at + days(day))

    assert [cycle.status for cycle in flakes.cycles.order_by("index")] == ["skipped", "open"]
    paid = Refill.objects.get(status="paid")
    assert [item.variant for item in paid.items.all()] == [oil.variant]
    assert paid.paid_at == due_at + days(32), "told anew, two days before"


def test_stock_of_three_goes_to_three_of_five_refills(charged: Routine, stripe_side: StripeSide) -> None:
    flakes = make_variant(stock=5)
    subscriptions = [charged.begin((flakes, 1, "week", 4))[0] for _ in range(5)]
    put_in_stock(flakes, 3)
    due_at = max(cycle_of(row).due_at for row in subscriptions)
    charged.turn(due_at - days(4))

    charged.turn(due_at)

    states = sorted(Refill.objects.values_list("status", flat=True))
    assert states == ["backordered", "backordered", "paid", "paid", "paid"]
    level = StockLevel.objects.get(variant=flakes)
    assert (level.on_hand, level.reserved) == (8, 8)
    orders = Order.objects.filter(origin="refill")
    assert [len(stripe_side.charges_of(order.reference)) for order in orders] == [1, 1, 1]
    assert len(mails("refill_out_of_stock")) == 2


@override_settings(STRIPE_BACKGROUND_RATE_PER_S=0.15)
def test_no_more_is_claimed_than_is_done_in_twenty_seconds(routine: Routine) -> None:
    subscriptions = [routine.begin((make_variant(), 1, "week", 4))[0] for _ in range(4)]
    due_at = max(cycle_of(row).due_at for row in subscriptions)
    routine.remind(due_at - days(4))

    first = billing.claim(at=due_at, limit=billing.room())
    second = billing.claim(at=due_at, limit=billing.room())

    assert (len(first), second) == (3, [])
    Refill.objects.filter(pk=first[0]).update(status="charging")
    assert billing.room() == 1
