"""CLAIM → RESERVE → INTENT → ATTEMPT → APPLY: charged once, for what ships, at no more than was told."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import override_settings

from catalog.models import StockLevel
from orders.models import Order, Refill, ShippingRate
from orders.subscriptions import billing, planning
from shop.clock import reading
from tests.factories.catalog import make_oil, make_variant, put_in_stock
from tests.orders.subscriptions.routine import Routine, confirms, cycle_of, days, mails, together

pytestmark = pytest.mark.django_db


def reserved(variant: object) -> tuple[int, int]:
    level = StockLevel.objects.get(variant=variant)
    return level.on_hand, level.reserved


def test_a_refill_is_announced_charged_and_followed_by_the_next(charged: Routine) -> None:
    flakes, oil = make_variant(stock=20), make_oil(stock=20)
    first, second = charged.begin((flakes, 2, "week", 4), (oil, 1, "week", 4))
    due_at = cycle_of(first).due_at

    charged.turn(due_at - days(5))
    charged.turn(due_at)

    refill = Refill.objects.get()
    order = refill.order
    assert order is not None
    assert (refill.status, refill.paid_at) == ("paid", due_at)
    assert (order.origin, order.status, order.payment_status) == ("refill", "placed", "paid")
    assert order.total == refill.quoted_total == 3 * 1125 + 595
    assert charged.stripe is not None
    (charge,) = charged.stripe.charges_of(order.reference)
    assert charge["amount"] == order.total
    assert reserved(flakes) == (20, 4)
    assert [cycle.status for cycle in first.cycles.order_by("index")] == ["paid", "open"]
    assert cycle_of(first).due_on == cycle_of(second).due_on == refill.due_at.date() + timedelta(days=28)
    (receipt,) = mails("refill_paid")
    assert f"[{refill.order.reference}]" in receipt.subject
    assert order.reference in receipt.text
    assert mails("order_confirmation") == []


def test_a_second_turn_finds_nothing(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    charged.turn(due_at - days(5))

    for minutes in range(0, 30, 7):
        charged.turn(due_at + timedelta(minutes=minutes))

    order = Refill.objects.get().order
    assert confirms(order) == 1
    assert len(mails("refill_paid")) == 1


def test_nothing_is_charged_before_its_time(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    refill = routine.remind(cycle_of(subscription).due_at - days(5))

    assert billing.claim(at=refill.due_at - timedelta(seconds=1)) == []
    assert billing.claim(at=refill.due_at) == [refill.pk]
    assert billing.claim(at=refill.due_at) == []


def test_nothing_is_charged_without_a_notice_two_days_before(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    refill = routine.remind(due_at - timedelta(hours=47))

    assert billing.claim(at=due_at) == []
    assert billing.claim(at=due_at + timedelta(minutes=59)) == []
    assert billing.claim(at=due_at + timedelta(hours=1)) == [refill.pk]


@pytest.fixture
def many(request: pytest.FixtureRequest) -> Iterator[tuple[list[int], datetime]]:
    """Twenty refills that are due, and the moment."""
    routine: Routine = request.getfixturevalue("routine")
    variant = make_variant(stock=100)
    cycles = [cycle_of(routine.begin((variant, 1, "week", 4))[0]) for _ in range(20)]
    routine.remind(min(cycle.due_at for cycle in cycles) - days(4))
    return sorted(Refill.objects.values_list("pk", flat=True)), max(cycle.due_at for cycle in cycles)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_dispatchers_claim_each_refill_once(many: tuple[list[int], datetime]) -> None:
    ids, at = many

    claimed = together(*[lambda: billing.claim(at=at, limit=15)] * 4)

    assert sorted(pk for part in claimed for pk in part) == ids


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_without_the_conditional_update_a_refill_would_be_claimed_twice(
    many: tuple[list[int], datetime],
) -> None:
    """The control: looking first and writing afterwards, in the same race, hands rows out twice."""
    ids, at = many

    def look_then_write() -> list[int]:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM orders_refill WHERE status = 'planned' AND next_attempt_at <= %s", [at]
            )
            found = [row[0] for row in cursor.fetchall()]
            cursor.execute("SELECT pg_sleep(0.2)")
            cursor.execute("UPDATE orders_refill SET status = 'claimed' WHERE id = ANY(%s)", [found])
        return found

    claimed = [pk for part in together(look_then_write, look_then_write) for pk in part]

    assert len(claimed) > len(ids)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_task_delivered_four_times_at_once_charges_once(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))
    (refill_id,) = billing.claim(at=at)

    together(*[lambda: charged.bill(refill_id, at)] * 4)

    refill = Refill.objects.get()
    assert refill.status == "paid"
    assert refill.order is not None
    assert charged.stripe is not None
    assert len(charged.stripe.charges_of(refill.order.reference)) == 1
    assert subscription.cycles.count() == 2


def test_a_killed_worker_leaves_a_refill_that_is_taken_up_again(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))
    (refill_id,) = billing.claim(at=at)
    billing.bill(refill_id, at=at)
    assert Refill.objects.get().status == "charging", "charged at Stripe, and killed before anybody was told"

    charged.turn(at + timedelta(seconds=9))
    assert Refill.objects.get().status == "charging"
    charged.turn(at + timedelta(seconds=10))

    refill = Refill.objects.get()
    assert refill.status == "paid"
    assert refill.order is not None
    assert charged.stripe is not None
    assert len(charged.stripe.charges_of(refill.order.reference)) == 1
    assert Order.objects.filter(origin="refill").count() == 1


def test_a_silent_stripe_costs_time_and_no_second_charge(charged: Routine, settings: object) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))

    with override_settings(STRIPE_API_BASE="http://127.0.0.1:9", STRIPE_BACKGROUND_RETRIES=0):
        charged.turn(at)
    assert Refill.objects.get().status == "charging"
    charged.turn(at + timedelta(seconds=14))
    assert Refill.objects.get().unanswered == 1
    charged.turn(at + timedelta(seconds=15))

    refill = Refill.objects.get()
    assert refill.status == "paid"
    assert refill.order is not None
    assert charged.stripe is not None
    assert len(charged.stripe.charges_of(refill.order.reference)) == 1


def test_what_cannot_ship_is_not_charged_and_is_looked_at_daily(charged: Routine) -> None:
    flakes = make_variant(stock=1)
    (subscription,) = charged.begin((flakes, 1, "week", 4))
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))

    charged.turn(at)
    charged.turn(at + days(1))
    refill = Refill.objects.get()
    assert (refill.status, refill.order, refill.next_attempt_at) == ("backordered", None, at + days(2))
    assert len(mails("refill_out_of_stock")) == 1
    assert reserved(flakes) == (1, 1)

    put_in_stock(flakes, 5)
    charged.turn(at + days(2))
    refill.refresh_from_db()
    assert refill.status == "paid"
    assert cycle_of(subscription).due_on == refill.due_at.date() + timedelta(days=28), "the rhythm stays"


def test_more_than_was_quoted_is_told_first(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))
    ShippingRate.objects.filter(amount=395).update(amount=495)

    charged.turn(at)
    refill = Refill.objects.get()
    assert (refill.status, refill.order, refill.quoted_total) == ("planned", None, 1125 + 495)
    charged.turn(at + timedelta(hours=47))
    assert Refill.objects.get().status == "planned"
    charged.turn(at + timedelta(hours=48))

    refill.refresh_from_db()
    assert refill.status == "paid"
    assert [mail.occasion for mail in mails("refill_upcoming")] == ["notice-1", "notice-2"]


def test_no_second_charge_within_half_an_interval(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))
    subscription.last_paid_at = at - days(13)
    subscription.save()

    charged.turn(at)

    refill = Refill.objects.get()
    assert (refill.status, refill.order) == ("skipped", None)
    assert [cycle.status for cycle in subscription.cycles.order_by("index")] == ["skipped", "open"]
    assert cycle_of(subscription).due_on == refill.due_at.date() + timedelta(days=28)


def test_after_an_outage_one_parcel_comes_and_the_rhythm_goes_on(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 2))
    back = charged.at + days(100)

    charged.turn(back)
    charged.turn(back + days(2) - timedelta(seconds=1))
    assert not Order.objects.filter(origin="refill").exists(), "announced, not charged"
    charged.turn(back + days(2))
    charged.turn(back + days(2))

    (order,) = Order.objects.filter(origin="refill")
    assert order.is_paid
    coming = cycle_of(subscription)
    assert (coming.due_on - subscription.anchor_on).days % 14 == 0
    assert coming.due_at >= back + days(2) + days(7)


@pytest.mark.parametrize("change", [{"REFILLS_ENABLED": False}, {"DEPLOYMENT_NAME": "a copy of production"}])
def test_guards_stop_every_step(charged: Routine, change: dict[str, object]) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))
    (refill_id,) = billing.claim(at=at)

    with override_settings(**change):
        assert planning.plan(at=at) == 0
        assert billing.claim(at=at) == []
        assert billing.reclaim(at=at + days(1)) == []
        assert billing.bill(refill_id, at=at) is None

    assert not Order.objects.filter(origin="refill").exists()


def test_the_command_plans_claims_and_bills(
    charged: Routine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    at = cycle_of(subscription).due_at
    charged.remind(at - days(5))
    monkeypatch.setattr(reading, "now", lambda: at)

    call_command("dispatch_due_refills")

    assert capsys.readouterr().out == "planned 0, claimed 1, charged 1\n"
    assert Refill.objects.get().status == "paid"
