"""PLAN: what falls due together is one parcel, told ahead, once."""

from datetime import date, timedelta

import pytest
from django.test import override_settings

from orders.models import Deployment, Refill, ShippingZone, Subscription
from orders.subscriptions import planning
from shop.mail import delivery
from shop.mail.models import OutboxMessage, SuppressedAddress
from tests.factories.catalog import make_oil, make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails, together

pytestmark = pytest.mark.django_db


def test_what_falls_due_together_is_one_parcel_and_one_reminder(routine: Routine) -> None:
    flakes, oil = routine.begin((make_variant(), 2, "week", 4), (make_oil(), 1, "day", 28))
    due_at = cycle_of(flakes).due_at

    planned = planning.plan(at=due_at - days(5))

    refill = Refill.objects.get()
    assert planned == 1
    assert {item.cycle.subscription for item in refill.items.all() if item.cycle} == {flakes, oil}
    assert (refill.quoted_total, refill.due_at, refill.next_attempt_at) == (3 * 1125 + 595, due_at, due_at)
    (mail,) = mails("refill_upcoming")
    assert refill.notice == mail
    assert mail.subject == f"Your refill on 21 December: £39.70 [{refill.reference}]"
    assert mail.to == flakes.customer.email
    for words in ("2 ×", "1 ×", "£39.70", "21 December", "Visa ending in 4242", "http://testserver/r/"):
        assert words in mail.html
    assert "£39.70" in mail.text


def test_nothing_is_planned_before_its_window(routine: Routine) -> None:
    (monthly,) = routine.begin((make_variant(), 1, "month", 1))
    (weekly,) = routine.begin((make_variant(), 1, "week", 2))

    assert planning.plan(at=cycle_of(weekly).due_at - days(2) - timedelta(seconds=1)) == 0
    assert planning.plan(at=cycle_of(weekly).due_at - days(2)) == 1
    assert planning.plan(at=cycle_of(monthly).due_at - days(5) - timedelta(seconds=1)) == 0
    assert planning.plan(at=cycle_of(monthly).due_at - days(5)) == 1


def test_an_item_with_a_short_window_joins_the_parcel_that_is_planned(routine: Routine) -> None:
    monthly, fortnightly = routine.begin((make_variant(), 1, "week", 4), (make_variant(), 1, "week", 4))
    Subscription.objects.filter(pk=fortnightly.pk).update(interval_count=2)

    planning.plan(at=cycle_of(monthly).due_at - days(5))

    assert Refill.objects.get().items.count() == 2


def test_another_address_is_another_parcel(routine: Routine) -> None:
    first, second = routine.begin((make_variant(), 1, "week", 4), (make_variant(), 1, "week", 4))
    second.shipping_address = {**second.shipping_address, "line1": "1 Other Road"}
    second.save()

    planning.plan(at=cycle_of(first).due_at - days(5))

    assert Refill.objects.count() == len(mails("refill_upcoming")) == 2


def test_planning_twice_plans_once(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    at = cycle_of(subscription).due_at - days(5)

    assert [planning.plan(at=at), planning.plan(at=at)] == [1, 0]
    assert Refill.objects.count() == OutboxMessage.objects.filter(kind="refill_upcoming").count() == 1


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_four_planners_at_once_plan_each_customer_once(routine: Routine) -> None:
    items = [(make_variant(), 1, "week", 4), (make_oil(), 1, "week", 4)]
    subscriptions = [routine.begin(*items)[0] for _ in range(8)]
    at = max(cycle_of(row).due_at for row in subscriptions) - days(4)

    planned = together(*[lambda: planning.plan(at=at)] * 4)
    planned.append(planning.plan(at=at))

    assert sum(planned) == Refill.objects.count() == len(mails("refill_upcoming")) == 8
    assert all(refill.items.count() == 2 for refill in Refill.objects.all())


def test_a_lower_price_reaches_the_refill_and_a_higher_one_does_not(routine: Routine) -> None:
    cheaper, dearer = make_variant(prices={"GBP": 1000}), make_variant(prices={"GBP": 2000})
    subscription, _ = routine.begin((cheaper, 1, "week", 4), (dearer, 1, "week", 4))

    planning.plan(at=cycle_of(subscription).due_at - days(5))

    prices = dict(Refill.objects.get().items.values_list("variant", "unit_price"))
    assert prices == {cheaper.pk: 900, dearer.pk: 1125}


def test_what_cannot_be_shipped_is_paused_and_not_charged(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    ShippingZone.objects.update(is_active=False)

    assert planning.plan(at=cycle_of(subscription).due_at - days(5)) == 0

    subscription.refresh_from_db()
    assert subscription.status == "paused"
    assert subscription.status_reason == "We do not ship to this address yet."
    assert cycle_of(subscription).refill is None
    assert not Refill.objects.exists()


def test_a_notice_that_could_not_be_sent_moves_the_date(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    planning.plan(at=due_at - days(5))

    planning.postpone_unannounced(at=due_at)
    refill = Refill.objects.get()
    assert refill.next_attempt_at == due_at + timedelta(hours=48)

    delivery.deliver_due(at=due_at + timedelta(hours=1))
    planning.postpone_unannounced(at=due_at + timedelta(hours=48))
    refill.refresh_from_db()
    assert refill.next_attempt_at == due_at + timedelta(hours=49)
    assert len(mails("refill_upcoming")) == 1


def test_a_refill_long_overdue_is_announced_afresh(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    refill = routine.remind(due_at - days(5))

    back = due_at + timedelta(hours=73)
    planning.postpone_unannounced(at=back)

    refill.refresh_from_db()
    assert refill.next_attempt_at == back + timedelta(hours=48)
    assert [mail.occasion for mail in mails("refill_upcoming")] == ["notice-1", "notice-2"]
    assert "26 December" in mails("refill_upcoming")[1].subject


def test_an_address_that_bounces_is_not_charged(routine: Routine, at: object) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    SuppressedAddress.objects.create(email=subscription.customer.email, reason="bounced", created_at=due_at)
    refill = routine.remind(due_at - days(5))

    routine.turn(due_at)

    subscription.refresh_from_db()
    refill.refresh_from_db()
    assert (subscription.status, refill.status, refill.order) == ("paused", "skipped", None)


@pytest.mark.parametrize("name", ["staging", "production-2"])
def test_a_database_restored_elsewhere_plans_nothing(routine: Routine, name: str) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))

    with override_settings(DEPLOYMENT_NAME=name):
        assert planning.plan(at=cycle_of(subscription).due_at) == 0

    assert Deployment.objects.get().name == "local"
    assert cycle_of(subscription).due_on == date(2026, 12, 21)
