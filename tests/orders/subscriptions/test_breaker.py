"""When many charges go wrong, the next thousand customers are not tried."""

from datetime import datetime, timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from orders import tasks
from orders.models import Order, PaymentAttempt, Refill, RefillBreaker
from orders.subscriptions import billing, breaker, giving_back, planning
from shop.accounts.models import User
from shop.clock import reading
from shop.mail.models import OutboxMessage
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails
from tests.outages import answer_lost
from tests.stripe_side import StripeSide

pytestmark = pytest.mark.django_db
STAFF = override_settings(STAFF_ALERT_EMAILS=["staff@shop.example"])


def attempted(routine: Routine, *outcomes: str, at: datetime, kind: str = "confirm") -> None:
    """Write attempts at charging refills, each of a customer of its own."""
    for outcome in outcomes:
        order = routine.order(routine.customer(), (make_variant(), 1, "week", 4))
        Order.objects.filter(pk=order.pk).update(origin="refill")
        number = order.payment.attempts.count() + 1
        order.payment.attempts.filter(outcome="started").update(outcome="ok")
        PaymentAttempt.objects.create(
            payment=order.payment, number=number, kind=kind, idempotency_key=f"k-{order.pk}", outcome=outcome,
            started_at=at, finished_at=None if outcome == "unknown" else at,
        )  # fmt: skip


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "LEAST", 5)


def due(routine: Routine) -> datetime:
    """Return the moment at which one refill is due and announced."""
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    routine.remind(due_at - days(5))
    return due_at


@STAFF
def test_many_declines_stop_the_claims_and_staff_are_told_once(routine: Routine, quick: None) -> None:
    at = due(routine)
    attempted(routine, "refused", "refused", "refused", "ok", "ok", at=at)

    claimed = [billing.claim(at=at + timedelta(minutes=minute)) for minute in (0, 1, 5)]

    row = RefillBreaker.objects.get()
    assert claimed == [[], [], []]
    assert (row.state, row.cause, row.tripped_at) == ("open", "declines", at)
    assert planning.plan(at=at + days(28)) == 0
    (mail,) = OutboxMessage.objects.filter(kind="staff_refills_stopped")
    assert mail.to == "staff@shop.example"
    assert "3 of 5 cards were declined" in mail.text


def test_what_is_usual_stops_nothing(routine: Routine, quick: None) -> None:
    at = due(routine)
    attempted(routine, "refused", "refused", "ok", "ok", "ok", at=at)
    attempted(routine, *["refused"] * 9, at=at - timedelta(hours=1))

    assert len(billing.claim(at=at)) == 1
    assert RefillBreaker.objects.get().state == "closed"


@STAFF
def test_after_a_rest_one_refill_is_tried_and_all_go_on_when_it_is_paid(
    routine: Routine, quick: None
) -> None:
    at = max(due(routine), due(routine))
    attempted(routine, *["unknown"] * 5, at=at)
    assert billing.claim(at=at + days(1)) != [], "half an hour later nothing counts any more"
    Refill.objects.update(status="planned")
    assert billing.claim(at=at) == []

    tried = billing.claim(at=at + timedelta(minutes=10))
    waits = billing.claim(at=at + timedelta(minutes=11))
    attempted(routine, "unknown", at=at + timedelta(minutes=11))
    again = billing.claim(at=at + timedelta(minutes=12))
    rests = RefillBreaker.objects.get().state
    Refill.objects.update(status="planned")
    second = billing.claim(at=at + timedelta(minutes=22))
    attempted(routine, "ok", at=at + timedelta(minutes=23))
    Refill.objects.update(status="planned")
    all_of_them = billing.claim(at=at + timedelta(minutes=24))

    assert (len(tried), waits, again, rests, len(second)) == (1, [], [], "open", 1)
    assert len(all_of_them) == 2
    assert RefillBreaker.objects.get().state == "closed"
    assert OutboxMessage.objects.filter(kind="staff_refills_stopped").count() == 1


def test_staff_let_refills_go_on(routine: Routine, quick: None) -> None:
    at = due(routine)
    boss = User.objects.create_user("boss@shop.example", "-", is_staff=True)
    attempted(routine, *["refused"] * 6, at=at)
    assert billing.claim(at=at) == []

    breaker.reset(actor=boss, at=at + timedelta(minutes=1))

    assert len(billing.claim(at=at + timedelta(minutes=2))) == 1
    row = RefillBreaker.objects.get()
    assert (row.state, row.reset_by, row.reason) == ("closed", boss, "")


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(hours=-2)])
def test_a_worker_with_a_wrong_clock_leaves_refills_alone(
    routine: Routine, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    Refill.objects.all().delete()
    right = timezone.now
    assert not reading.is_wrong()
    monkeypatch.setattr(timezone, "now", lambda: right() + ahead)
    monkeypatch.setattr(reading, "now", lambda: cycle_of(subscription).due_at)

    tasks.plan_refills()
    tasks.dispatch_due_refills()

    assert reading.is_wrong()
    assert not Refill.objects.exists()
    monkeypatch.setattr(timezone, "now", right)
    tasks.plan_refills()
    assert Refill.objects.count() == 1


def waiting(routine: Routine, count: int) -> datetime:
    """Return the moment at which so many refills are due and announced."""
    flakes = make_variant(stock=40)
    rows = [routine.begin((flakes, 1, "week", 4))[0] for _ in range(count)]
    due_at = max(cycle_of(row).due_at for row in rows)
    routine.turn(due_at - days(4))
    return due_at


@pytest.mark.parametrize("guard", ["on", "off"])
def test_what_was_claimed_before_the_breaker_opened_is_not_charged(
    charged: Routine, stripe_side: StripeSide, quick: None, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    at = waiting(charged, 3)
    before = dict(Refill.objects.values_list("pk", "next_attempt_at"))
    claimed = billing.claim(at=at)
    attempted(charged, *["refused"] * 6, at=at)
    if guard == "off":
        monkeypatch.setattr(giving_back, "after_a_trip", lambda: 0)
        monkeypatch.setattr(giving_back, "may_begin", lambda refill_id: True)

    assert billing.claim(at=at + timedelta(seconds=5)) == []
    for refill_id in claimed:
        charged.bill(refill_id, at + timedelta(seconds=6))

    found = Refill.objects.filter(pk__in=claimed)
    if guard == "off":
        assert {row.status for row in found} == {"paid"}, "the control: all of them are charged"
        return
    assert {(row.status, row.order) for row in found} == {("planned", None)}
    assert dict(found.values_list("pk", "next_attempt_at")) == before
    assert billing.room() == 400
    assert mails("refill_declined") == mails("refill_paid") == []


def test_what_was_given_back_is_charged_once_when_charges_go_well_again(
    charged: Routine, stripe_side: StripeSide, quick: None
) -> None:
    at = waiting(charged, 3)
    billing.claim(at=at)
    attempted(charged, *["unknown"] * 6, at=at)
    charged.turn(at + timedelta(seconds=5))
    PaymentAttempt.objects.filter(outcome="unknown").update(outcome="ok", finished_at=at)

    charged.turn(at + timedelta(minutes=11))
    assert Refill.objects.filter(status="paid").count() == 1, "the one that is tried"
    charged.turn(at + timedelta(minutes=12))

    refills = Refill.objects.select_related("order")
    assert [row.status for row in refills] == ["paid"] * 3
    assert [len(stripe_side.charges_of(row.order.reference)) for row in refills if row.order] == [1, 1, 1]
    assert len(mails("refill_upcoming")) == 3, "nobody is told anew"


def test_a_worker_that_comes_before_the_next_tick_looks_at_the_breaker_itself(
    charged: Routine, stripe_side: StripeSide
) -> None:
    at = waiting(charged, 1)
    (refill_id,) = billing.claim(at=at)
    RefillBreaker.objects.update(state="open", since=at, tripped_at=at)

    charged.bill(refill_id, at)

    assert Refill.objects.get().order is None


def test_each_goes_back_to_what_it_was(charged: Routine, stripe_side: StripeSide, quick: None) -> None:
    at = waiting(charged, 2)
    short, declined = Refill.objects.order_by("pk")
    card = charged.saved(declined.customer, "chargeCustomerFail")
    Refill.objects.filter(pk=declined.pk).update(card=card)
    Refill.objects.filter(pk=short.pk).update(status="backordered", short_since=at - days(1))
    for refill_id in billing.claim(at=at):
        if refill_id == declined.pk:
            charged.bill(refill_id, at)
    retry_at = Refill.objects.get(pk=declined.pk).next_attempt_at
    assert retry_at is not None
    Refill.objects.filter(pk=declined.pk).update(status="claimed")
    attempted(charged, *["refused"] * 6, at=at)

    billing.claim(at=at + timedelta(seconds=5))

    found = {row.pk: (row.status, row.next_attempt_at) for row in Refill.objects.all()}
    assert found == {short.pk: ("backordered", short.next_attempt_at), declined.pk: ("dunning", retry_at)}


def test_a_charge_whose_answer_is_not_known_is_brought_to_its_end_all_the_same(
    charged: Routine, stripe_side: StripeSide, quick: None
) -> None:
    at = waiting(charged, 1)
    with answer_lost("confirm_intent"):
        charged.turn(at)
    attempted(charged, *["refused"] * 6, at=at)

    charged.turn(at + timedelta(minutes=1))

    assert RefillBreaker.objects.get().state == "open"
    refill = Refill.objects.get()
    assert refill.order is not None
    assert refill.status == "paid"
    assert len(stripe_side.charges_of(refill.order.reference)) == 1


def test_so_is_a_retry_whose_answer_is_not_known(
    charged: Routine, stripe_side: StripeSide, quick: None
) -> None:
    at = waiting(charged, 1)
    refill = Refill.objects.get()
    good = refill.card
    Refill.objects.update(card=charged.saved(refill.customer, "chargeCustomerFail"))
    charged.turn(at)
    Refill.objects.update(card=good)
    retry_at = at + days(1)
    with answer_lost("confirm_intent"):
        charged.turn(retry_at)
    attempted(charged, *["refused"] * 6, at=retry_at)

    charged.turn(retry_at + timedelta(minutes=1))

    assert RefillBreaker.objects.get().state == "open"
    refill = Refill.objects.get()
    assert refill.order is not None
    assert (refill.status, refill.failed_attempts) == ("paid", 1)
    assert len(stripe_side.charges_of(refill.order.reference)) == 1
