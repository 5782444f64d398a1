"""What is told long before a charge: dearer prices, ending cards, the terms, goods that are gone."""

from datetime import datetime, timedelta

import pytest
from django.test import override_settings

from orders.models import PriceRise, Refill, SavedCard, Subscription
from orders.subscriptions import changes, foresight, repricing, swaps
from shop.exceptions import InvalidInput
from shop.mail import delivery
from tests.factories.catalog import make_oil, make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails

pytestmark = pytest.mark.django_db


def reprice(subscription: Subscription, price: int, at: datetime, **how: object) -> int:
    """Decide on a price that applies two weeks later."""
    applies_at = at + days(14)
    return repricing.reprice(
        subscription.variant,
        currency="GBP",
        unit_price=price,
        applies_at=applies_at,
        actor=None,
        at=at,
        **how,
    )  # type: ignore[arg-type]


def price_of(subscription: Subscription) -> int:
    subscription.refresh_from_db()
    return subscription.unit_price


def test_a_price_rises_only_after_its_notice_was_sent(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(prices={"GBP": 2000}), 1, "week", 4))
    at = routine.at + days(1)

    assert reprice(subscription, 1300, at) == 1
    repricing.tell(at=at)
    repricing.apply_due(at=at + days(15))
    assert price_of(subscription) == 1125, "it was written, but not sent"
    delivery.deliver_due(at=at + days(16))
    repricing.apply_due(at=at + days(17))
    assert price_of(subscription) == 1125, "sent, but only a day ago"
    repricing.apply_due(at=at + days(23))

    assert price_of(subscription) == 1300
    assert PriceRise.objects.get().status == "applied"
    (mail,) = mails("price_rise")
    for words in ("£11.25", "£13.00", "8 December 2026"):
        assert words in mail.text


def test_a_price_that_rose_in_time_is_in_the_next_reminder_and_not_before(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(prices={"GBP": 2000}), 1, "week", 4))
    at = routine.at + days(1)
    reprice(subscription, 1300, at)
    repricing.tell(at=at)
    delivery.deliver_due(at=at)

    repricing.apply_due(at=at + days(13))
    before = price_of(subscription)
    repricing.apply_due(at=at + days(14))
    refill = routine.remind(cycle_of(subscription).due_at - days(5))

    assert (before, refill.quoted_total) == (1125, 1300 + 395)


def test_a_refill_that_is_announced_keeps_its_quote(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(prices={"GBP": 2000}), 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    reprice(subscription, 1300, due_at - days(16))
    repricing.tell(at=due_at - days(16))
    delivery.deliver_due(at=due_at - days(16))
    refill = routine.remind(due_at - days(5))

    repricing.apply_due(at=due_at - days(1))

    refill.refresh_from_db()
    assert (price_of(subscription), refill.quoted_total, refill.notices) == (1300, 1125 + 395, 1)


def test_a_rise_is_for_its_region_and_what_gets_cheaper_needs_no_notice(routine: Routine) -> None:
    (dear,) = routine.begin((make_variant(), 1, "week", 4))

    assert reprice(dear, 1300, routine.at, countries=["DE"]) == 0
    assert reprice(dear, 900, routine.at) == 0

    assert price_of(dear) == 900
    assert not PriceRise.objects.exists()


@pytest.mark.parametrize("ahead", [6, 31])
def test_a_notice_is_seven_to_thirty_days_long(routine: Routine, ahead: int) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))

    with pytest.raises(InvalidInput):
        repricing.reprice(
            subscription.variant, currency="GBP", unit_price=1300, applies_at=routine.at + days(ahead),
            actor=None, at=routine.at,
        )  # fmt: skip

    assert not PriceRise.objects.exists()


def test_a_later_decision_and_a_swap_withdraw_the_rise(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    other = make_variant()

    reprice(subscription, 1300, routine.at)
    reprice(subscription, 1400, routine.at + days(1))
    swaps.swap(subscription, sku=other.sku, at=routine.at + days(2))

    assert [row.status for row in PriceRise.objects.order_by("pk")] == ["withdrawn", "withdrawn"]
    assert price_of(subscription) == 1125


def test_a_card_that_ends_before_the_next_refill_is_told_of_twice(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 8))
    (soon,) = routine.begin((make_variant(), 1, "week", 1))
    SavedCard.objects.update(exp_year=2026, exp_month=12)

    for day in range(45):
        foresight.tell_expiring_cards(at=routine.at + days(day))

    told = mails("card_expiring")
    assert [(mail.to, mail.created_at) for mail in told] == [
        (subscription.customer.email, routine.at + days(9)),
        (subscription.customer.email, routine.at + days(32)),
    ]
    assert "12/2026" in told[0].text
    assert cycle_of(soon).due_on.year == 2026
    SavedCard.objects.update(exp_year=2027, exp_month=1)
    assert foresight.tell_expiring_cards(at=routine.at + days(46)) == 0, "its bank renewed it"


def test_once_a_year_the_terms_are_told_as_often_as_the_region_asks(routine: Routine) -> None:
    flakes, _oil = routine.begin((make_variant(), 2, "week", 4), (make_oil(), 1, "month", 1))

    early = foresight.remind_of_terms(at=routine.at + days(364))
    told = [foresight.remind_of_terms(at=routine.at + days(day)) for day in (365, 366, 729, 730)]
    with override_settings(REFILL_TERMS_EVERY_DAYS={"GB": 180}):
        sooner = foresight.remind_of_terms(at=routine.at + days(910))

    assert (early, told, sooner) == (0, [1, 0, 0, 1], 1)
    mail = mails("subscription_terms")[0]
    for words in (f"2 × {flakes.variant.product.name}", "£11.25", "every 4 weeks", "every month", "cancel"):
        assert words in mail.text


def test_what_is_no_longer_sold_rests_until_something_takes_its_place(routine: Routine) -> None:
    flakes, other = make_variant(), make_variant(prices={"GBP": 1000})
    (subscription,) = routine.begin((flakes, 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    flakes.archived_at = routine.at
    flakes.save()

    for day in (-5, -4, 0):
        routine.turn(due_at + timedelta(days=day))
    subscription.refresh_from_db()
    assert (subscription.status, Refill.objects.count()) == ("paused", 0)
    (mail,) = mails("refill_not_sold")
    assert other.product.name in mail.text
    swaps.swap(subscription, sku=other.sku, at=due_at + days(1))

    subscription.refresh_from_db()
    assert (subscription.status, subscription.status_reason) == ("active", "")
    assert cycle_of(subscription).due_at > due_at + days(1)
    routine.turn(cycle_of(subscription).due_at - days(5))
    assert Refill.objects.get().quoted_total == 900 + 395


@pytest.mark.parametrize("what", ["taken back", "cancelled"])
def test_a_rise_that_is_over_before_its_notice_went_is_not_told(routine: Routine, what: str) -> None:
    (subscription,) = routine.begin((make_variant(prices={"GBP": 2000}), 1, "week", 4))
    at = routine.at + days(1)
    reprice(subscription, 1900, at)
    repricing.tell(at=at)
    if what == "cancelled":
        changes.cancel(subscription, reason="Enough.", at=at)
    else:
        reprice(subscription, 1300, at)

    delivery.deliver_due(at=at)

    assert [mail.status for mail in mails("price_rise")] == ["suppressed"]
    repricing.tell(at=at)
    delivery.deliver_due(at=at)
    told = [(mail.status, "£13.00" in mail.text) for mail in mails("price_rise")[1:]]
    assert told == ([] if what == "cancelled" else [("sent", True)])
