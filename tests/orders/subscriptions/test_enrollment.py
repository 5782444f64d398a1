"""What a paid order begins."""

from datetime import date, datetime

import pytest

from catalog.models import BundleComponent
from orders.models import Deployment, Order, SavedCard, Subscription
from orders.subscriptions import enrollment
from tests.factories.catalog import make_bundle, make_oil, make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of
from tests.till import Till

pytestmark = pytest.mark.django_db


def test_each_line_has_its_own_schedule(routine: Routine) -> None:
    flakes, oil = make_variant(), make_oil()

    first, second = routine.begin((flakes, 2, "week", 4), (oil, 1, "week", 9))

    assert (first.variant, first.quantity, first.unit_price, first.currency) == (flakes, 2, 1125, "GBP")
    assert first.anchor_on == second.anchor_on == date(2026, 11, 23)
    assert (cycle_of(first).index, cycle_of(first).due_on) == (1, date(2026, 12, 21))
    assert (cycle_of(second).index, cycle_of(second).due_on) == (1, date(2027, 1, 25))
    assert first.card == second.card == SavedCard.objects.get()
    assert Deployment.objects.get().name == "local"


def test_the_anchor_is_the_day_of_the_customers_own_calendar(regions: None, at: datetime) -> None:
    late = at.replace(hour=23)

    subscription = Routine(late).begin((make_variant(), 1, "day", 30), timezone="Australia/Lord_Howe")[0]

    assert subscription.anchor_on == date(2026, 11, 24)


def test_a_bundle_begins_what_is_used_up(routine: Routine) -> None:
    flakes, scoop = make_variant(prices={"GBP": 2000}), make_variant(is_subscribable=False)
    bundle = make_bundle([(flakes, 2), (scoop, 1)])
    BundleComponent.objects.filter(variant=scoop).update(in_refill=False)

    (subscription,) = routine.begin((bundle, 3, "week", 6))

    assert (subscription.variant, subscription.quantity, subscription.unit_price) == (flakes, 6, 1800)


def test_enrolling_twice_begins_once(routine: Routine, at: datetime) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    card = routine.card(subscription.customer, "visa")

    again = enrollment.enroll(subscription.started_by.order, card, at=at)

    assert again == [subscription]
    assert Subscription.objects.count() == subscription.cycles.count() == 1


def test_without_a_consent_no_card_is_kept(routine: Routine) -> None:
    assert routine.begin((make_variant(), 1, "week", 4), consent=False) == []

    assert not SavedCard.objects.exists()
    assert Order.objects.get().events.filter(kind="refill_refused").exists()


def test_paying_at_the_till_begins_the_refills(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1200})

    order = till.bought(("FLK", 2, {"unit": "month", "count": 1}))

    subscription = Subscription.objects.get()
    assert subscription.started_by.order == order
    assert (subscription.interval_unit, subscription.interval_count) == ("month", 1)
    assert (subscription.quantity, subscription.unit_price) == (2, 1080)
    assert subscription.card is not None
    assert subscription.card.last4 == "4242"
    assert order.consents.filter(kind="refill").exists()
