"""Never charge for what cannot ship: wait, tell, and leave out after thirty days."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from django.test import override_settings

from catalog.models import StockLevel, Variant
from orders.models import Order, Refill, Subscription
from orders.subscriptions import billing, changes, sending
from shop.transitions import InvalidTransition
from tests.factories.catalog import make_oil, make_variant, put_in_stock
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails
from tests.orders.subscriptions.test_fencing import charges, stopped
from tests.stripe_side import StripeSide

pytestmark = pytest.mark.django_db


def short_for(turns: int, charged: Routine, flakes: Variant) -> tuple[Subscription, datetime]:
    """Return a subscription whose refill was told of and then not sent for so many days, and its due moment."""
    (subscription,) = charged.begin((flakes, 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    charged.turn(due_at - days(5))
    for day in range(turns):
        charged.turn(due_at + days(day))
    return subscription, due_at


def test_after_thirty_days_it_is_left_out_and_the_cadence_stays(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(stock=1), 1, "week", 4))
    due_at, due_on = cycle_of(subscription).due_at, cycle_of(subscription).due_on
    charged.turn(due_at - days(5))

    for day in range(30):
        charged.turn(due_at + days(day))

    refill = Refill.objects.order_by("pk")[0]
    assert (refill.status, refill.order) == ("skipped", None)
    told = mails("refill_out_of_stock")
    first = due_at.date()
    assert [mail.occasion for mail in told] == [f"day-1 {first}", f"day-15 {first}", f"day-30 {first}"]
    assert [mail.created_at for mail in told] == [due_at, due_at + days(14), due_at + days(29)]
    assert "We leave this refill out" in told[2].subject
    assert cycle_of(subscription).due_on == due_on + timedelta(weeks=8)
    subscription.refresh_from_db()
    assert subscription.status == "active"
    assert not Order.objects.filter(origin="refill").exists()


def test_stock_that_comes_back_is_sent_the_next_day(charged: Routine) -> None:
    flakes = make_variant(stock=1)
    subscription, due_at = short_for(3, charged, flakes)

    put_in_stock(flakes, 5)
    charged.turn(due_at + days(2.9))
    charged.turn(due_at + days(3))

    refill = Refill.objects.get()
    assert (refill.status, refill.paid_at, refill.short_since) == ("paid", due_at + days(3), None)
    assert len(mails("refill_out_of_stock")) == len(mails("refill_upcoming")) == 1
    assert cycle_of(subscription).due_on == (due_at + days(28)).date()


def test_stock_that_comes_back_after_more_than_three_days_is_announced_before_it_is_charged(
    charged: Routine, stripe_side: StripeSide
) -> None:
    flakes = make_variant(stock=1)
    _, due_at = short_for(5, charged, flakes)
    told = mails("refill_upcoming")
    put_in_stock(flakes, 5)

    charged.turn(due_at + days(5))
    refill = Refill.objects.get()
    before = (refill.status, refill.order, refill.short_since, refill.next_attempt_at)
    charged.turn(due_at + days(6.9))
    untouched = Refill.objects.get().order
    charged.turn(due_at + days(7))

    assert len(told) == 1, "while it is short nobody is told of a charge"
    assert before == ("planned", None, None, due_at + days(7))
    assert [mail.occasion for mail in mails("refill_upcoming")] == ["notice-1", "notice-2"]
    assert untouched is None
    refill.refresh_from_db()
    assert (refill.status, refill.paid_at) == ("paid", due_at + days(7))
    assert refill.order is not None
    assert len(stripe_side.charges_of(refill.order.reference)) == 1


def test_who_asks_for_it_now_once_stock_is_back_waits_for_no_second_notice(
    charged: Routine, stripe_side: StripeSide
) -> None:
    flakes = make_variant(stock=1)
    subscription, due_at = short_for(5, charged, flakes)
    put_in_stock(flakes, 5)
    asked_at = due_at + days(4.5)
    total = sending.preview(subscription, at=asked_at).total

    sending.send_now(subscription, expected_total=total, at=asked_at)
    charged.turn(asked_at)

    refill = Refill.objects.get()
    assert (refill.status, refill.paid_at, refill.short_since) == ("paid", asked_at, None)
    assert refill.order is not None
    assert refill.order.total == total
    assert len(stripe_side.charges_of(refill.order.reference)) == 1
    assert len(mails("refill_upcoming")) == 1


def test_a_second_shortage_is_told_and_counted_from_its_own_first_day(charged: Routine) -> None:
    flakes = make_variant(stock=1)
    _, due_at = short_for(20, charged, flakes)
    put_in_stock(flakes, 1)
    charged.turn(due_at + days(20))
    charged.order(charged.customer(), (flakes, 1, "week", 4))

    for day in range(22, 50):
        charged.turn(due_at + days(day))

    refill = Refill.objects.get()
    assert (refill.status, refill.short_since) == ("backordered", due_at + days(22))
    told = [mail.created_at for mail in mails("refill_out_of_stock")]
    assert told == [due_at + days(day) for day in (0, 14, 22, 36)]


def test_a_refill_whose_total_rose_while_it_was_short_is_still_counted_from_its_first_day(
    charged: Routine,
) -> None:
    (subscription,) = charged.begin((make_variant(stock=1), 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    charged.turn(due_at - days(5))
    charged.turn(due_at)
    changes.change_quantity(subscription, quantity=2, at=due_at + days(0.5))

    for day in range(1, 6):
        charged.turn(due_at + days(day))

    refill = Refill.objects.get()
    assert (refill.status, refill.short_since) == ("backordered", due_at)
    assert len(mails("refill_upcoming")) == 2, "told of the change, not of every day"


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


@pytest.mark.django_db(transaction=True)
@pytest.mark.race
@pytest.mark.parametrize("guard", ["on", "off"])
def test_what_was_short_and_is_charged_by_another_meanwhile_does_not_wait_for_stock(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    """A worker stops between taking its order back and writing down why. And the control: without a second
    look only the table of steps stands in the way.
    """
    flakes = make_variant(stock=1)
    (subscription,) = charged.begin((flakes, 1, "week", 4))
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))
    (refill_id,) = billing.claim(at=at)
    refused: list[InvalidTransition] = []

    def unguarded(refill_id: int, step: Callable[[Refill], None]) -> None:
        try:
            with transaction.atomic():
                step(Refill.objects.get(pk=refill_id))
        except InvalidTransition as refusal:
            refused.append(refusal)

    if guard == "off":
        monkeypatch.setattr(billing, "_make_way", unguarded)
    with stopped(monkeypatch, billing, "_make_way", lambda: charged.bill(refill_id, at)) as worker:
        put_in_stock(flakes, 1)
        charged.turn(at + billing.WAKES_WITHIN)
        assert Refill.objects.get().status == "paid"
        worker.wake()

    assert (Refill.objects.get().status, charges(refill_id, stripe_side)) == ("paid", 1)
    assert mails("refill_out_of_stock") == []
    assert len(refused) == (1 if guard == "off" else 0)
    assert Order.objects.filter(origin="refill").count() == 1
