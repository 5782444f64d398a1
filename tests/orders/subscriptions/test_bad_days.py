"""Refills on bad days: killed workers, lost answers, late webhooks, outages. Each is charged once in the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings

from catalog import inventory
from orders import reconciler, stripe_gateway, tasks
from orders.models import Order, PaymentAttempt, Refill, Subscription
from orders.subscriptions import billing, changes, fencing
from shop.clock import reading
from shop.mail import delivery
from shop.mail.models import OutboxMessage
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails
from tests.outages import answer_lost
from tests.stripe_side import StripeSide, post_event
from tests.till import Till, work_off

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


class Killed(BaseException):
    """SIGKILL: no code of ours runs after it."""


@contextmanager
def killed(verb: str, *, after: bool) -> Iterator[None]:
    """While open, the worker dies right before or right after it asks something of Stripe."""
    real = getattr(stripe_gateway, verb)

    def die(*args: Any, **kwargs: Any) -> Any:
        if after:
            real(*args, **kwargs)
        raise Killed

    with mock.patch.object(stripe_gateway, verb, die):
        yield


@contextmanager
def meanwhile(verb: str, what: Any, *, before: bool = False) -> Iterator[None]:
    """While open, something happens once between a call to Stripe and the worker's hearing of it."""
    real, done = getattr(stripe_gateway, verb), []

    def call(*args: Any, **kwargs: Any) -> Any:
        if before and not done:
            done.append(what())
        answer = real(*args, **kwargs)
        if not done:
            done.append(what())
        return answer

    with mock.patch.object(stripe_gateway, verb, call):
        yield


def announced(charged: Routine, *, card: str = "visa") -> tuple[Subscription, datetime]:
    """Return a subscription whose next refill was announced in time, and when that is due."""
    (subscription,) = charged.begin((make_variant(stock=20), 1, "week", 4), card=card)
    due_at = cycle_of(subscription).due_at
    charged.turn(due_at - days(5))
    return subscription, due_at


def assert_charged_once(subscription: Subscription, stripe: StripeSide) -> Order:
    """Everything of one paid refill, and nothing of a second: charge, order, receipt, next cycle, stock."""
    (refill,) = Refill.objects.all()
    assert (refill.status, refill.order is not None) == ("paid", True)
    (order,) = Order.objects.filter(origin="refill")
    assert (order.status, order.payment_status) == ("placed", "paid")
    assert [charge["amount"] for charge in stripe.charges_of(order.reference)] == [order.total]
    assert [cycle.status for cycle in subscription.cycles.order_by("index")] == ["paid", "open"]
    assert len(mails("refill_paid")) == 1
    assert not order.payment.attempts.filter(outcome__in=["started", "unknown"]).exists()
    assert inventory.differences() == []
    return order


def calls(order: Order) -> list[tuple[str, str]]:
    """Return the attempts of an order's payment: what was asked, and what came of it."""
    return list(order.payment.attempts.order_by("number").values_list("kind", "outcome"))


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("verb", ["create_intent", "confirm_intent"])
def test_a_worker_killed_at_a_call_to_stripe_is_followed_by_one_that_finishes_its_attempt(
    charged: Routine, stripe_side: StripeSide, verb: str, after: bool
) -> None:
    subscription, due_at = announced(charged)

    with killed(verb, after=after), pytest.raises(Killed):
        charged.turn(due_at)
    left = PaymentAttempt.objects.filter(payment__order__origin="refill", outcome="started")
    key = left.get().idempotency_key
    charged.turn(due_at + fencing.CLAIM_HOLDS_FOR)

    order = assert_charged_once(subscription, stripe_side)
    assert calls(order) == [("create_intent", "ok"), ("confirm", "ok")]
    assert order.payment.attempts.filter(idempotency_key=key).exists(), "the same attempt, not another one"


@pytest.mark.parametrize("arrives", [True, False], ids=["after success", "before arrival"])
def test_a_charge_that_timed_out_is_asked_about_before_anything_else(
    charged: Routine, stripe_side: StripeSide, arrives: bool
) -> None:
    subscription, due_at = announced(charged)

    with answer_lost("confirm_intent", arrives=arrives):
        charged.turn(due_at)
    refill = Refill.objects.get()
    assert refill.order is not None
    assert calls(refill.order)[-1] == ("confirm", "unknown")
    charged.turn(due_at + HOUR)

    order = assert_charged_once(subscription, stripe_side)
    assert calls(order) == [("create_intent", "ok"), ("confirm", "ok")]


def test_a_webhook_that_is_faster_than_the_answer_settles_the_refill(
    charged: Routine, till: Till, stripe_side: StripeSide
) -> None:
    subscription, due_at = announced(charged)

    def webhook() -> str:
        stripe_side.deliver(till.client)
        work_off()
        return Refill.objects.get().status

    seen: list[str] = []
    with meanwhile("confirm_intent", lambda: seen.append(webhook())):
        charged.turn(due_at)

    assert seen == ["paid"]
    assert_charged_once(subscription, stripe_side)


def test_five_copies_of_every_webhook_in_reverse_change_nothing(
    charged: Routine, till: Till, stripe_side: StripeSide
) -> None:
    subscription, due_at = announced(charged)
    charged.turn(due_at)
    before = assert_charged_once(subscription, stripe_side)

    for event in [event for event in reversed(stripe_side.events()) for _ in range(5)]:
        post_event(till.client, event)
    work_off()
    charged.turn(due_at + HOUR)

    after = assert_charged_once(subscription, stripe_side)
    assert (after.pk, after.events.count()) == (before.pk, before.events.count())


def test_a_day_without_webhooks_costs_nothing_and_their_coming_late_changes_nothing(
    charged: Routine, till: Till, stripe_side: StripeSide
) -> None:
    subscription, due_at = announced(charged)
    with answer_lost("confirm_intent"):
        charged.turn(due_at)

    reconciler.check_silent_payments(at=due_at + timedelta(minutes=5))
    assert_charged_once(subscription, stripe_side)

    stripe_side.deliver(till.client)
    for event_pk in reconciler.due_event_ids(at=due_at + days(1)):
        reconciler.process_event(event_pk, at=due_at + days(1))
    charged.turn(due_at + days(1))
    assert_charged_once(subscription, stripe_side)


def test_news_of_the_first_decline_during_the_second_try_does_not_count_against_it(
    charged: Routine, till: Till, stripe_side: StripeSide
) -> None:
    subscription, due_at = announced(charged, card="chargeCustomerFail")
    charged.turn(due_at)
    good = charged.saved(subscription.customer, "visa")
    changes.change_card(subscription, payment_method_id=good.stripe_payment_method_id, at=due_at + HOUR)

    def late_news() -> None:
        answers = stripe_side.deliver(till.client, only="payment_failed")
        assert [answer.status_code for answer in answers] == [200]
        work_off()

    with meanwhile("confirm_intent", late_news, before=True):
        charged.turn(due_at + HOUR)

    order = assert_charged_once(subscription, stripe_side)
    assert calls(order) == [("create_intent", "ok"), ("confirm", "refused"), ("confirm", "ok")]
    assert Refill.objects.get().failed_attempts == 1
    assert len(mails("refill_declined")) == 1


@pytest.fixture
def stripes_clock(stripe_side: StripeSide) -> Iterator[StripeSide]:
    """Stripe, whose clock a test may move."""
    yield stripe_side
    stripe_side.control("clock")


@pytest.mark.parametrize("verb", ["create_intent", "confirm_intent"])
def test_a_lost_answer_is_found_out_when_stripe_has_forgotten_the_key(
    charged: Routine, stripes_clock: StripeSide, verb: str
) -> None:
    subscription, due_at = announced(charged)
    stripes_clock.control("clock", now=int(due_at.timestamp()))
    with answer_lost(verb):
        charged.turn(due_at)

    later = due_at + 25 * HOUR
    stripes_clock.control("clock", now=int(later.timestamp()))
    assert stripes_clock.control("idempotency/prune")["pruned"] >= 1
    charged.turn(later)
    charged.turn(later + HOUR)

    order = assert_charged_once(subscription, stripes_clock)
    assert len(stripes_clock.charges_of(order.reference)) == 1


def test_after_six_hours_without_worker_everybody_is_charged_once(
    charged: Routine, stripe_side: StripeSide
) -> None:
    flakes = make_variant(stock=40)
    rows = [charged.begin((flakes, 1, "week", 4))[0] for _ in range(8)]
    first_due = min(cycle_of(row).due_at for row in rows)
    charged.turn(first_due - days(5) + 2 * HOUR)
    assert Refill.objects.filter(status="planned").count() == 8

    back = first_due + 6 * HOUR
    charged.turn(back)
    charged.turn(back + timedelta(minutes=1))

    assert list(Refill.objects.values_list("status", flat=True)) == ["paid"] * 8
    for refill in Refill.objects.select_related("order"):
        assert refill.order is not None
        assert len(stripe_side.charges_of(refill.order.reference)) == 1
    assert len(mails("refill_upcoming")) == 8, "the notices of before still count"
    assert {cycle_of(row).due_on - row.anchor_on for row in rows} == {timedelta(days=56)}


def test_ten_days_without_worker_bring_one_parcel_of_a_weekly_plan(
    charged: Routine, stripe_side: StripeSide
) -> None:
    (subscription,) = charged.begin((make_variant(stock=20), 1, "week", 1))
    due_at = cycle_of(subscription).due_at
    charged.turn(due_at - days(2))
    back = due_at + days(10)

    charged.turn(back)
    assert [mail.occasion for mail in mails("refill_upcoming")] == ["notice-1", "notice-2"]
    charged.turn(back + days(2) - timedelta(seconds=1))
    assert not Order.objects.filter(origin="refill").exists(), "announced afresh, not charged"
    charged.turn(back + days(2))

    assert_charged_once(subscription, stripe_side)
    coming = cycle_of(subscription)
    paid_on = due_at + days(12)
    assert (coming.index, coming.due_at) == (4, due_at + days(21)), "on its weekday"
    assert days(3.5) <= coming.due_at - paid_on < days(10.5), "half an interval later at least"


def test_wake_ups_that_redis_forgot_cost_seconds_and_no_refill(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription, due_at = announced(charged)
    sent: list[int] = []
    monkeypatch.setattr(tasks, "wake", lambda task, refill_id: sent.append(refill_id))
    monkeypatch.setattr(reading, "now", lambda: due_at)

    tasks.dispatch_due_refills()
    assert len(sent) == 1, "and nobody ever takes it from there"
    assert Refill.objects.get().status == "claimed"
    monkeypatch.setattr(reading, "now", lambda: due_at + fencing.CLAIM_HOLDS_FOR)
    tasks.dispatch_due_refills()
    for refill_id in sent:
        tasks.bill_refill(refill_id)

    assert len(sent) == 2
    assert_charged_once(subscription, stripe_side)


def test_a_dump_restored_on_staging_charges_nothing_even_what_was_claimed(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, due_at = announced(charged)
    (claimed_id,) = billing.claim(at=due_at)
    monkeypatch.setattr(tasks, "wake", lambda task, refill_id: task(refill_id))

    with override_settings(DEPLOYMENT_NAME="staging"):
        for later in (HOUR, days(1), days(40)):
            monkeypatch.setattr(reading, "now", lambda at=due_at + later: at)
            tasks.plan_refills()
            tasks.look_ahead()
            tasks.dispatch_due_refills()
            tasks.bill_refill(claimed_id)

    assert not Order.objects.filter(origin="refill").exists()
    assert not PaymentAttempt.objects.filter(payment__order__origin="refill").exists()
    assert Refill.objects.get().status == "claimed"


def test_a_mail_server_that_is_down_touches_no_money_and_loses_no_mail(
    charged: Routine, stripe_side: StripeSide, settings: Any, mailoutbox: list[Any]
) -> None:
    subscription, due_at = announced(charged)
    mailoutbox.clear()
    working = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9

    charged.turn(due_at)
    delivery.deliver_due(at=due_at + HOUR)
    assert_charged_once(subscription, stripe_side)
    (receipt,) = mails("refill_paid")
    assert (receipt.status, receipt.sent_at, receipt.attempts) == ("pending", None, 2)
    settings.EMAIL_BACKEND = working
    delivery.deliver_due(at=due_at + days(1))
    delivery.deliver_due(at=due_at + days(2))

    assert [mail.extra_headers["Message-ID"] for mail in mailoutbox].count(receipt.message_id) == 1
    assert not OutboxMessage.objects.exclude(status="sent").exists()


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        (datetime(2027, 1, 29, 10, tzinfo=UTC), ["2027-02-28", "2027-03-29", "2027-04-29"]),
        (datetime(2027, 1, 30, 10, tzinfo=UTC), ["2027-02-28", "2027-03-30", "2027-04-30"]),
        (datetime(2027, 1, 31, 10, tzinfo=UTC), ["2027-02-28", "2027-03-31", "2027-04-30"]),
        (datetime(2028, 1, 31, 10, tzinfo=UTC), ["2028-02-29", "2028-03-31", "2028-04-30"]),
    ],
)
def test_month_ends_are_charged_on_month_ends(
    charged: Routine, stripe_side: StripeSide, anchor: datetime, expected: list[str]
) -> None:
    charged.at = anchor
    (subscription,) = charged.begin((make_variant(stock=20, at=anchor), 1, "month", 1))

    charged_on = []
    for _ in expected:
        due_at = cycle_of(subscription).due_at
        charged.turn(due_at - days(5))
        charged.turn(due_at - timedelta(seconds=1))
        charged.turn(due_at)
        charged_on.append(str(Refill.objects.get(status="paid", due_at=due_at).paid_at.date()))  # type: ignore[union-attr]

    assert charged_on == expected
    assert Order.objects.filter(origin="refill", payment_status="paid").count() == 3


@pytest.mark.parametrize(
    ("zone", "begins", "utc_hours_apart"),
    [
        ("Europe/Berlin", datetime(2027, 3, 23, 12, tzinfo=UTC), 7 * 24 - 1),
        ("America/New_York", datetime(2027, 3, 9, 12, tzinfo=UTC), 7 * 24 - 1),
        ("Australia/Lord_Howe", datetime(2027, 3, 30, 1, tzinfo=UTC), 7 * 24 + 0.5),
    ],
)
def test_a_summer_time_night_moves_no_charge_on_the_customers_clock(
    charged: Routine, zone: str, begins: datetime, utc_hours_apart: float
) -> None:
    """The first refill falls due on one side of the night, the anchor lies on the other."""
    charged.at = begins
    (subscription,) = charged.begin((make_variant(stock=20, at=begins), 1, "week", 1), timezone=zone)

    first = cycle_of(subscription).due_at
    charged.turn(first - days(2))
    charged.turn(first)
    second = cycle_of(subscription).due_at

    refill = Refill.objects.get()
    assert (refill.status, refill.paid_at) == ("paid", first)
    walls = [moment.astimezone(ZoneInfo(zone)).time() for moment in (first, second)]
    assert walls[0] == walls[1]
    assert second - first == timedelta(hours=7 * 24)
    before_the_night = first - timedelta(hours=utc_hours_apart)
    assert before_the_night.astimezone(ZoneInfo(zone)).time() == walls[0]
