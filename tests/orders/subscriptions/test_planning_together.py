"""PLAN in batches: many customers in one transaction, each as if it were alone."""

import threading
from collections.abc import Collection
from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from orders.models import BillingCycle, Refill, RefillItem, Subscription
from orders.subscriptions import batches, cycles, planning, quoting, schedule
from shop.mail.models import OutboxMessage
from tests.factories.catalog import make_oil, make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails, together
from tests.till import ADDRESS

pytestmark = pytest.mark.django_db

BERLIN = {**ADDRESS, "country": "DE", "postal_code": "10115", "city": "Berlin"}
BELFAST = {**ADDRESS, "postal_code": "BT1 5GS", "city": "Belfast"}


def _several(routine: Routine, count: int) -> tuple[list[Subscription], datetime]:
    """Return the subscriptions of as many customers, and a moment at which all their reminders are due."""
    variant = make_variant(stock=10_000)
    rows = [routine.begin((variant, 1, "week", 4))[0] for _ in range(count)]
    return rows, max(cycle_of(row).due_at for row in rows) - days(4)


def test_a_batch_quotes_what_each_refill_is_quoted_alone(routine: Routine) -> None:
    flakes, oil = make_variant(), make_oil()
    rows = [
        routine.begin((flakes, 2, "week", 4), (oil, 1, "week", 4), address=address)[0]
        for address in (ADDRESS, BERLIN, BELFAST)
    ]

    assert planning.plan(at=max(cycle_of(row).due_at for row in rows) - days(4)) == 3

    told = {refill.pk: refill.quoted_total for refill in Refill.objects.all()}
    assert told == {refill.pk: quoting.quote(refill, at=routine.at).total for refill in Refill.objects.all()}
    assert len(set(told.values())) == 3
    assert {mail.locale for mail in mails("refill_upcoming")} == {"en-gb"}


def test_many_customers_take_no_more_statements_than_few(routine: Routine) -> None:
    rows, at = _several(routine, 12)
    few, many = ({row.customer_id for row in part} for part in (rows[:2], rows[2:]))
    with CaptureQueriesContext(connection) as for_two:
        batches.plan(few, at=at)

    with CaptureQueriesContext(connection) as for_ten:
        batches.plan(many, at=at)

    assert Refill.objects.count() == 12
    assert len(for_ten) == len(for_two) <= 25


def test_who_cannot_be_planned_holds_up_nobody(
    routine: Routine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rows, at = _several(routine, 7)
    unlucky, quote = rows[3].customer, quoting.quote_items

    def sometimes(refill: Refill, items: Any, *, facts: Any) -> Any:
        if refill.customer == unlucky:
            raise ZeroDivisionError
        return quote(refill, items, facts=facts)

    monkeypatch.setattr(quoting, "quote_items", sometimes)

    assert planning.plan(at=at) == 6

    assert not Refill.objects.filter(customer=unlucky).exists()
    assert cycle_of(rows[3]).refill is None
    assert Refill.objects.count() == RefillItem.objects.count() == len(mails("refill_upcoming")) == 6
    assert f"1 customers are not planned together, from customer {unlucky.pk}" in caplog.text
    monkeypatch.setattr(quoting, "quote_items", quote)
    assert planning.plan(at=at) == 1


def test_those_behind_somebody_who_cannot_be_planned_are_met(
    routine: Routine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, at = _several(routine, 5)
    first = min(rows, key=lambda row: (cycle_of(row).due_at, cycle_of(row).pk)).customer_id
    idle = cycles.lock_idle
    monkeypatch.setattr(planning, "BATCH", 1)
    monkeypatch.setattr(
        cycles, "lock_idle", lambda ids: [row for row in idle(ids) if row.customer_id != first]
    )

    assert planning.plan(at=at) == 4
    assert not Refill.objects.filter(customer=first).exists()


def test_a_limit_leaves_the_rest_to_the_next_turn(routine: Routine) -> None:
    _, at = _several(routine, 5)

    assert [planning.plan(at=at, limit=3) for _ in range(3)] == [3, 2, 0]


@pytest.mark.parametrize("unit", ["day", "week", "month"])
def test_the_table_knows_the_windows_that_the_schedule_knows(routine: Routine, unit: str) -> None:
    (row,) = routine.begin((make_variant(), 1, "week", 4))
    for count in (1, 2, 3, 13, 14, 15):
        Subscription.objects.filter(pk=row.pk).update(interval_unit=unit, interval_count=count)

        is_short = schedule.interval_days(unit, count) <= schedule.SHORT_INTERVAL_DAYS
        assert cycle_of(row).reminder == ("short" if is_short else "long"), count


def test_what_rests_waits_for_no_reminder(routine: Routine) -> None:
    (row,) = routine.begin((make_variant(), 1, "week", 4))
    card = row.card

    for change, waits_for in [
        ({"status": "paused"}, None),
        ({"status": "active"}, "long"),
        ({"card": None}, None),
        ({"card": card}, "long"),
        ({"interval_unit": "day"}, "short"),
        ({"status": "cancelled"}, None),
    ]:
        Subscription.objects.update(**change)
        assert cycle_of(row).reminder == waits_for, change


def test_a_closed_cycle_waits_for_no_reminder_and_one_taken_back_does(routine: Routine) -> None:
    (row,) = routine.begin((make_variant(), 1, "week", 4))
    cycle = cycle_of(row)

    cycles.close(cycle, BillingCycle.Status.SKIPPED, at=routine.at)
    cycle.refresh_from_db()
    assert cycle.reminder is None

    cycles.reopen(cycle)
    assert cycle_of(row).reminder == "long"


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_a_customer_at_whose_refills_somebody_works_is_left_alone(routine: Routine) -> None:
    rows, at = _several(routine, 3)
    held, waits = threading.Event(), threading.Event()

    def work() -> None:
        with transaction.atomic():
            cycles.lock_subscriptions(rows[1].customer_id)
            held.set()
            assert waits.wait(timeout=30)

    def plan() -> int:
        assert held.wait(timeout=30)
        try:
            return planning.plan(at=at)
        finally:
            waits.set()

    _, planned = together(work, plan)

    assert planned == 2
    assert not Refill.objects.filter(customer=rows[1].customer).exists()
    assert planning.plan(at=at) == 1


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_planners_share_batches_and_plan_each_parcel_once(
    routine: Routine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, at = _several(routine, 12)
    monkeypatch.setattr(planning, "BATCH", 2)

    planned = together(*[lambda: planning.plan(at=at)] * 3)

    assert sum(planned) == Refill.objects.count() == len(mails("refill_upcoming")) == 12
    assert Refill.objects.values("customer").distinct().count() == 12


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_planners_of_the_same_batch_plan_it_once(routine: Routine) -> None:
    rows, at = _several(routine, 6)
    customers = [row.customer_id for row in rows]

    planned = together(*[lambda: batches.plan(customers, at=at)] * 2)

    assert sorted(planned) == [0, 6]
    assert Refill.objects.count() == OutboxMessage.objects.filter(kind="refill_upcoming").count() == 6


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_without_the_lock_two_planners_write_the_same_batch(
    routine: Routine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: both see the same cycles, and it is the unique item of a cycle that stops the second."""
    rows, at = _several(routine, 6)
    customers = [row.customer_id for row in rows]
    both_have_read, learn = threading.Barrier(2), batches._learn

    def unlocked(ids: Collection[int]) -> list[Subscription]:
        return list(Subscription.objects.filter(customer_id__in=ids).order_by("pk"))

    def read_first(*args: Any) -> None:
        both_have_read.wait(timeout=30)
        learn(*args)

    def plan() -> Any:
        try:
            return batches.plan(customers, at=at)
        except IntegrityError:
            return "stopped"

    monkeypatch.setattr(cycles, "lock_idle", unlocked)
    monkeypatch.setattr(
        cycles,
        "lock_open",
        lambda rows: list(BillingCycle.objects.select_related("subscription").filter(subscription__in=rows)),
    )
    monkeypatch.setattr(batches, "_learn", read_first)

    assert sorted(together(plan, plan), key=str) == [6, "stopped"]
    assert Refill.objects.count() == 6
