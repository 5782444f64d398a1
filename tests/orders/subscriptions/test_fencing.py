"""A worker that dies is followed at once, one that is slow is left alone, and one that wakes too late asks for nothing."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.test import override_settings

from orders import attempts, payments, stripe_gateway
from orders.models import Order, PaymentAttempt, Refill, SavedCard, Subscription
from orders.subscriptions import billing, changes, fencing, halts, holding
from orders.subscriptions.fencing import Claim
from shop import alive
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import Routine, confirms, cycle_of, days, mails, together
from tests.outages import NOBODY_LISTENS
from tests.stripe_side import StripeSide

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

SOON = billing.HANDED_OVER_WITHIN


def claimed(charged: Routine, *, card: str = "visa") -> tuple[int, datetime]:
    """Return a refill that is due and claimed, and the moment."""
    (subscription,) = charged.begin((make_variant(stock=20), 1, "week", 4), card=card)
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))
    (refill_id,) = billing.claim(at=at)
    return refill_id, at


class Stopped:
    """A worker that stops (SIGSTOP, a frozen machine) as it comes to a call, and goes on when told to."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._arrived, self._go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(work,))
        self.failure: BaseException | None = None

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            self.failure = error
        finally:
            connection.close()

    def pause(self) -> None:
        """Called in the middle of its work: only in this worker's thread does it wait."""
        if threading.current_thread() is self._thread and not self._arrived.is_set():
            self._arrived.set()
            assert self._go_on.wait(30)

    def __enter__(self) -> "Stopped":
        self._thread.start()
        assert self._arrived.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self.wake()

    def wake(self) -> None:
        self._go_on.set()
        self._thread.join(30)
        assert self.failure is None


def stopped(
    monkeypatch: pytest.MonkeyPatch, where: Any, name: str, work: Callable[[], object], *, after: bool = False
) -> Stopped:
    """Return a worker that will stop just before, or just after, its first call of `where.name`."""
    real = getattr(where, name)
    worker = Stopped(work)

    def pausing(*args: Any, **kwargs: Any) -> Any:
        if not after:
            worker.pause()
        answer = real(*args, **kwargs)
        worker.pause()
        return answer

    monkeypatch.setattr(where, name, pausing)
    return worker


@contextmanager
def at_work(kind: int, row_id: int) -> Iterator[psycopg.Connection]:
    """Another process that is at work on a row: its connection."""
    settings = connection.get_connection_params()
    settings = {
        key: settings[key] for key in ("dbname", "user", "password", "host", "port") if key in settings
    }
    with psycopg.connect(**settings, autocommit=True) as theirs:
        theirs.execute("SELECT pg_advisory_lock(%s, %s)", [kind, row_id])
        yield theirs


def order_of(refill_id: int) -> Order:
    order = Refill.objects.get(pk=refill_id).order
    assert order is not None
    return order


def charges(refill_id: int, stripe: StripeSide) -> int:
    return len(stripe.charges_of(order_of(refill_id).reference))


def test_what_a_dead_worker_left_is_taken_up_as_soon_as_its_connection_is_gone(charged: Routine) -> None:
    refill_id, at = claimed(charged)
    billing.bill(refill_id, at=at)

    with at_work(alive.REFILL, refill_id) as theirs:
        while_alive = billing.reclaim(at=at + SOON)
        theirs.close()
        after = [billing.reclaim(at=at + SOON)]
        while after[-1] == [] and len(after) < 500:
            after.append(billing.reclaim(at=at + SOON))

    assert while_alive == []
    assert after[-1] == [refill_id]
    assert Refill.objects.get().claims == 2


def test_a_worker_that_is_seen_alive_is_left_alone_for_six_minutes_at_most(charged: Routine) -> None:
    refill_id, at = claimed(charged)
    billing.bill(refill_id, at=at)

    with at_work(alive.REFILL, refill_id):
        assert billing.reclaim(at=at + timedelta(minutes=5, seconds=59)) == []
        assert billing.reclaim(at=at + timedelta(minutes=6)) == [refill_id]


def test_a_claim_whose_wake_up_was_lost_is_handed_out_again(charged: Routine) -> None:
    refill_id, at = claimed(charged)

    assert billing.reclaim(at=at + timedelta(seconds=29)) == []
    assert billing.reclaim(at=at + timedelta(seconds=30)) == [refill_id]
    assert billing.reclaim(at=at + timedelta(seconds=30)) == []


@pytest.mark.parametrize("guard", ["the claim", "the count of answers"])
def test_a_worker_that_wakes_after_another_was_declined_does_not_ask_the_card_again(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    refill_id, at = claimed(charged, card="chargeCustomerFail")
    if guard == "the claim":
        monkeypatch.setattr(attempts, "answered_confirmations", lambda payment: 0)
    else:
        monkeypatch.setattr(Claim, "holds", lambda self: True)

    with stopped(monkeypatch, payments, "_confirm", lambda: charged.bill(refill_id, at)) as worker:
        charged.turn(at + fencing.CLAIM_HOLDS_FOR)
        assert Refill.objects.get().status == "dunning"
        worker.wake()

    assert confirms(order_of(refill_id)) == 1
    assert len(mails("refill_declined")) == 1
    assert charges(refill_id, stripe_side) == 0


def test_without_the_fence_the_woken_worker_would_ask_the_card_again(
    charged: Routine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same race, with a claim that always says yes."""
    refill_id, at = claimed(charged, card="chargeCustomerFail")
    monkeypatch.setattr(Claim, "holds", lambda self: True)
    monkeypatch.setattr(attempts, "answered_confirmations", lambda payment: 0)

    with stopped(monkeypatch, payments, "_confirm", lambda: charged.bill(refill_id, at)) as worker:
        charged.turn(at + fencing.CLAIM_HOLDS_FOR)
        worker.wake()

    assert confirms(order_of(refill_id)) == 2


def test_a_worker_that_wakes_after_its_refill_was_skipped_charges_nothing(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    refill_id, at = claimed(charged)

    with stopped(monkeypatch, payments, "_confirm", lambda: charged.bill(refill_id, at)) as worker:
        cancelled_at = at + fencing.CLAIM_HOLDS_FOR
        subscription = Refill.objects.get().cycles.get().subscription
        changes.cancel(subscription, reason="Stop.", at=cancelled_at)
        worker.wake()

    subscription.refresh_from_db()
    assert subscription.status == "cancelled"
    assert confirms(order_of(refill_id)) == 0
    assert charges(refill_id, stripe_side) == 0


def test_a_cancellation_does_not_pass_by_a_worker_that_is_about_to_ask(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    refill_id, at = claimed(charged)
    subscription = Refill.objects.get().cycles.get().subscription
    late = at + fencing.CLAIM_HOLDS_FOR

    bill = stopped(monkeypatch, Claim, "holds", lambda: charged.bill(refill_id, at), after=True)
    with bill as worker:
        with pytest.raises(changes.ChargeInProgress):
            changes.cancel(subscription, reason="Stop.", at=late)
        worker.wake()
    changes.cancel(subscription, reason="Stop.", at=late)

    subscription.refresh_from_db()
    assert subscription.status == "cancelled"
    assert Refill.objects.get(pk=refill_id).status == "paid"
    assert charges(refill_id, stripe_side) == 1, "before it was cancelled"


def test_without_a_look_at_the_order_a_cancelled_refill_would_be_charged(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same race, with a cancellation that does not ask for the order's lock."""
    refill_id, at = claimed(charged)
    subscription = Refill.objects.get().cycles.get().subscription
    monkeypatch.setattr(holding, "is_being_charged", fencing.in_flight)

    bill = stopped(monkeypatch, Claim, "holds", lambda: charged.bill(refill_id, at), after=True)
    with bill as worker:
        changes.cancel(subscription, reason="Stop.", at=at + fencing.CLAIM_HOLDS_FOR)
        worker.wake()

    subscription.refresh_from_db()
    assert subscription.status == "cancelled"
    assert charges(refill_id, stripe_side) == 1, "after it was cancelled"


def dispute(refill_id: int, *, at: datetime) -> Subscription:
    """A bank disputes the payment that a refill's subscription began with."""
    subscription = Refill.objects.get(pk=refill_id).cycles.get().subscription
    with transaction.atomic(durable=True):
        order = subscription.started_by.order
        theirs = halts.lock_for(order)
        Order.objects.select_for_update().get(pk=order.pk)
        halts.halt(theirs, at=at)
    return subscription


def test_a_dispute_leaves_a_worker_that_is_about_to_ask_to_its_one_charge(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    refill_id, at = claimed(charged)
    late = at + fencing.CLAIM_HOLDS_FOR

    with stopped(monkeypatch, Claim, "holds", lambda: charged.bill(refill_id, at), after=True) as worker:
        subscription = dispute(refill_id, at=late)
        assert Refill.objects.get(pk=refill_id).status == "charging", "it is on its way"
        worker.wake()
    charged.turn(late + days(40))

    subscription.refresh_from_db()
    assert (subscription.status, subscription.status_reason) == ("paused", Subscription.DISPUTE)
    assert Refill.objects.get().status == "paid"
    assert charges(refill_id, stripe_side) == 1


def test_without_a_look_at_the_order_a_dispute_ends_a_refill_that_is_charged_then(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same race, with a dispute that does not ask for the order's lock."""
    refill_id, at = claimed(charged)
    monkeypatch.setattr(holding, "is_being_charged", fencing.in_flight)

    with stopped(monkeypatch, Claim, "holds", lambda: charged.bill(refill_id, at), after=True) as worker:
        dispute(refill_id, at=at + fencing.CLAIM_HOLDS_FOR)
        assert Refill.objects.get(pk=refill_id).status == "skipped"
        worker.wake()

    assert charges(refill_id, stripe_side) == 1, "after its customer was told that nothing is charged"


def test_a_worker_that_wakes_after_a_dispute_charges_nothing(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    refill_id, at = claimed(charged)

    with stopped(monkeypatch, payments, "_confirm", lambda: charged.bill(refill_id, at)) as worker:
        dispute(refill_id, at=at + fencing.CLAIM_HOLDS_FOR)
        worker.wake()

    assert Refill.objects.get(pk=refill_id).status == "skipped"
    assert confirms(order_of(refill_id)) == 0
    assert charges(refill_id, stripe_side) == 0


@pytest.mark.parametrize("race", range(5))
def test_a_dispute_and_a_claim_at_one_moment_leave_one_charge_or_none(
    charged: Routine, stripe_side: StripeSide, race: int
) -> None:
    (subscription,) = charged.begin((make_variant(stock=20), 1, "week", 4))
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))
    (refill,) = Refill.objects.all()

    def work() -> None:
        for refill_id in billing.claim(at=at):
            charged.bill(refill_id, at)

    together(work, lambda: dispute(refill.pk, at=at))
    status = Refill.objects.get().status
    for later in (1, 40):
        charged.turn(at + days(later))

    refill.refresh_from_db()
    subscription.refresh_from_db()
    made = len(stripe_side.charges_of(refill.order.reference)) if refill.order else 0
    assert (status, made) in {("paid", 1), ("skipped", 0)}
    assert (refill.status, Refill.objects.count()) == (status, 1)
    assert (subscription.status, subscription.status_reason) == ("paused", Subscription.DISPUTE)


@pytest.mark.parametrize("after", [False, True])
def test_a_worker_that_wakes_in_the_middle_of_its_call_charges_once(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    refill_id, at = claimed(charged)

    with stopped(
        monkeypatch, stripe_gateway, "confirm_intent", lambda: charged.bill(refill_id, at), after=after
    ) as worker:
        charged.turn(at + fencing.CLAIM_HOLDS_FOR)
        assert Refill.objects.get(pk=refill_id).status == "paid"
        worker.wake()

    assert charges(refill_id, stripe_side) == 1
    assert Refill.objects.get(pk=refill_id).status == "paid"
    assert mails("refill_declined") == []
    assert len(mails("refill_paid")) == 1


def test_a_silent_stripe_is_asked_less_and_less_often(charged: Routine) -> None:
    refill_id, at = claimed(charged)
    waits = []

    with override_settings(STRIPE_API_BASE=NOBODY_LISTENS, STRIPE_BACKGROUND_RETRIES=0):
        for _ in range(6):
            billing.bill(refill_id, at=at)
            refill = Refill.objects.get()
            assert refill.next_attempt_at is not None
            waits.append((refill.next_attempt_at - at).total_seconds())
            at = refill.next_attempt_at
            assert billing.reclaim(at=at - timedelta(seconds=1)) == []
            assert billing.reclaim(at=at) == [refill_id]

    assert waits == [15, 30, 60, 120, 240, 360]
    assert PaymentAttempt.objects.filter(payment__order=order_of(refill_id)).count() == 1


@pytest.mark.parametrize("answer", ["the bank takes its time", "there is no such payment"])
def test_what_stripe_cannot_finish_now_is_not_asked_at_every_tick(
    charged: Routine, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    refill_id, at = claimed(charged)

    def charge(order: Order, card: SavedCard, **how: Any) -> Any:
        intent = payments.open_intent(order, at=at, mood=stripe_gateway.BACKGROUND)
        if answer == "there is no such payment":
            raise payments.PaymentRefused("No such payment_intent.")
        return replace(intent, status="processing")

    monkeypatch.setattr(payments, "charge_saved_card", charge)
    waits = []
    for _ in range(3):
        billing.bill(refill_id, at=at)
        refill = Refill.objects.get()
        assert refill.status == "charging"
        waits.append((refill.next_attempt_at or at) - at)
        at = at + waits[-1]
        assert billing.reclaim(at=at - timedelta(seconds=1)) == []
        assert billing.reclaim(at=at) == [refill_id]

    assert waits == [timedelta(seconds=15), timedelta(seconds=30), timedelta(seconds=60)]


def test_a_cancellation_waits_while_the_bank_takes_its_time(
    charged: Routine, monkeypatch: pytest.MonkeyPatch
) -> None:
    refill_id, at = claimed(charged)
    subscription = Refill.objects.get().cycles.get().subscription

    def charge(order: Order, card: SavedCard, **how: Any) -> Any:
        intent = payments.open_intent(order, at=at, mood=stripe_gateway.BACKGROUND)
        return replace(intent, status="processing")

    monkeypatch.setattr(payments, "charge_saved_card", charge)
    charged.bill(refill_id, at)

    with pytest.raises(changes.ChargeInProgress):
        changes.cancel(subscription, reason="Stop.", at=at + days(1))
    subscription.refresh_from_db()
    assert subscription.status == "active"


def test_a_card_asked_while_its_owner_paid_is_no_decline(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    refill_id, at = claimed(charged)
    real = stripe_gateway.confirm_intent

    def too_late(intent_id: str, *args: Any, **kwargs: Any) -> Any:
        secret = stripe_side.intent(intent_id)["client_secret"]
        assert stripe_side.pay(secret)["status"] == "succeeded"
        return real(intent_id, *args, **kwargs)

    monkeypatch.setattr(stripe_gateway, "confirm_intent", too_late)

    charged.bill(refill_id, at)

    refill = Refill.objects.get(pk=refill_id)
    assert (refill.status, refill.failed_attempts) == ("paid", 0)
    assert charges(refill_id, stripe_side) == 1
    assert mails("refill_declined") == []
