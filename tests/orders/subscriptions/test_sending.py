"""Send now, swap, and "still have plenty": what a customer may ask for between two refills."""

from datetime import date, timedelta

import pytest

from catalog import inventory
from orders.models import Consent, Order, Refill, Subscription
from orders.subscriptions import changes, extras, holding, schedule, sending, swaps
from tests.factories.catalog import make_oil, make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails, together
from tests.stripe_side import StripeSide

pytestmark = pytest.mark.django_db


def _refills() -> list[str]:
    return list(Refill.objects.order_by("pk").values_list("status", flat=True))


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_send_now_clicked_twice_is_one_charge(charged: Routine, stripe_side: StripeSide) -> None:
    (subscription,) = charged.begin((make_variant(stock=20), 1, "week", 4))
    at = charged.at + days(2)
    total = sending.preview(subscription, at=at).total

    def click() -> Subscription:
        mine = Subscription.objects.get(pk=subscription.pk)
        return sending.send_now(mine, expected_total=total, at=at)

    together(click, click)
    charged.turn(at)
    sending.send_now(subscription, expected_total=total, at=at + timedelta(seconds=30))
    charged.turn(at + timedelta(minutes=1))

    refill = Refill.objects.get()
    assert refill.order is not None
    assert (refill.status, refill.order.total) == ("paid", total)
    assert len(stripe_side.charges_of(refill.order.reference)) == 1
    assert Consent.objects.get(kind="change").terms["total"] == total


def test_the_guard_of_half_an_interval_steps_aside_and_the_day_stays(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(stock=20), 1, "week", 4))
    due_on, at = cycle_of(subscription).due_on, charged.at + days(2)

    sending.send_now(subscription, expected_total=1125 + 395, at=at)
    charged.turn(at)

    assert _refills() == ["paid"]
    assert cycle_of(subscription).due_on == due_on, "the first day at least half an interval later"
    later = cycle_of(subscription).due_at
    charged.turn(later - days(5))
    charged.turn(later)
    assert _refills() == ["paid", "paid"]
    assert cycle_of(subscription).due_on == due_on + timedelta(weeks=4)


def test_another_total_than_the_one_that_was_seen_is_not_charged(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(stock=20), 1, "week", 4))

    with pytest.raises(sending.TotalChanged) as refusal:
        sending.send_now(subscription, expected_total=1000, at=charged.at + days(2))
    charged.turn(charged.at + days(2))

    assert refusal.value.extra["total"] == {"amount": 1520, "currency": "GBP"}
    assert not Refill.objects.exists()
    assert not Order.objects.filter(origin="refill").exists()
    assert not Consent.objects.filter(kind="change").exists()


def test_what_shares_the_parcel_comes_along(routine: Routine) -> None:
    flakes, oil = routine.begin((make_variant(), 1, "week", 4), (make_oil(), 1, "week", 4))
    total = sending.preview(flakes, at=routine.at).total

    sending.send_now(flakes, expected_total=total, at=routine.at + days(1))

    assert total == 2 * 1125 + 595
    assert Refill.objects.get().items.count() == 2
    assert cycle_of(oil).refill == Refill.objects.get()


def test_a_paused_one_and_one_without_a_card_are_not_sent(routine: Routine) -> None:
    (paused,) = routine.begin((make_variant(), 1, "week", 4))
    (without,) = routine.begin((make_variant(), 1, "week", 4))
    changes.pause(paused, until=None, at=routine.at)
    Subscription.objects.filter(pk=without.pk).update(card=None)

    codes = []
    for row in (paused, without):
        with pytest.raises(sending.NotNow) as refusal:
            sending.send_now(row, expected_total=1520, at=routine.at + days(1))
        codes.append(refusal.value.problem_code)

    assert codes == ["not_sendable", "card_missing"]
    assert not Refill.objects.exists()


def test_a_dearer_swap_is_told_anew_and_a_cheaper_one_is_not(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    big, small = make_variant(prices={"GBP": 3000}), make_variant(prices={"GBP": 1000})
    due_at = cycle_of(subscription).due_at
    refill = routine.remind(due_at - days(5))

    swaps.swap(subscription, sku=small.sku, at=due_at - days(4))
    refill.refresh_from_db()
    assert (refill.quoted_total, refill.notices, refill.next_attempt_at) == (900 + 395, 1, due_at)
    swaps.swap(subscription, sku=big.sku, at=due_at - days(1))

    refill.refresh_from_db()
    subscription.refresh_from_db()
    assert (subscription.variant, subscription.unit_price) == (big, 2700)
    assert (refill.notices, refill.next_attempt_at) == (2, due_at + days(1))
    assert [item.variant for item in refill.items.all()] == [big]
    assert big.product.name in mails("subscription_changed")[-1].text


def test_oil_does_not_take_the_place_of_flakes_nor_what_is_short(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 2, "week", 4))
    oil, once, short = make_oil(), make_variant(is_subscribable=False), make_variant(stock=1)

    for other in (oil, once):
        with pytest.raises(swaps.NotSwappable):
            swaps.swap(subscription, sku=other.sku, at=routine.at)
    with pytest.raises(inventory.OutOfStock):
        swaps.swap(subscription, sku=short.sku, at=routine.at)
    routine.remind(cycle_of(subscription).due_at - days(5))
    Refill.objects.update(status="claimed", claimed_at=routine.at)
    with pytest.raises(holding.AppliesFromNextRefill):
        swaps.swap(subscription, sku=make_variant().sku, at=routine.at)

    subscription.refresh_from_db()
    assert subscription.variant.sku == subscription.started_sku


def test_plenty_left_makes_it_come_half_as_seldom_again(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    routine.remind(cycle_of(subscription).due_at - days(5))

    changes.lengthen(subscription, at=cycle_of(subscription).due_at - days(4))

    assert cycle_of(subscription).due_on == date(2027, 1, 4)
    assert _refills() == ["skipped"]
    assert [schedule.longer("week", 1), schedule.longer("month", 1), schedule.longer("month", 2)] == [
        ("week", 2),
        ("week", 6),
        ("month", 3),
    ]


def test_what_is_shown_holds_what_waits_to_come_along_once(routine: Routine) -> None:
    """Before PLAN: the total that is shown is the total that is asked for."""
    (subscription,) = routine.begin((make_variant(stock=20), 1, "week", 4))
    extras.add(subscription, sku=make_oil().sku, quantity=1, at=routine.at)

    shown = sending.preview(subscription, at=routine.at)
    sending.send_now(subscription, expected_total=shown.total, at=routine.at)

    assert len(shown.lines) == 2
    assert Refill.objects.get().items.count() == 2
