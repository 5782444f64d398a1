"""What staff read of all refills together: value, churn, and what they will take from the shelves."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import StockLevel, Variant
from orders.models import BillingCycle, Refill, RefillExtra, Subscription
from orders.subscriptions import schedule
from shop.accounts.models import User
from shop.admin import when
from shop.backoffice import dashboard, tasks
from shop.backoffice.models import KeptCount
from shop.backoffice.refills import charts, counting, demand, figures
from shop.clock import reading
from tests.factories.catalog import AT, make_variant
from tests.factories.orders import make_customer, make_paid_order, make_subscription

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 23)


@pytest.fixture
def manager() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("manager@shop.example", "secret-words-9"))
    return client


def begin(variant: Variant | None = None, *, due_on: date = TODAY, **fields: Any) -> Subscription:
    """Return a subscription of a real order whose open cycle is due on a day."""
    order = make_paid_order(variant=variant or make_variant(stock=50), is_test=False)
    row = make_subscription(order, make_customer(), anchor_on=due_on, **fields)
    BillingCycle.objects.filter(subscription=row).update(index=0, due_on=due_on)
    return row


def test_value_is_normalised_to_a_month_by_currency() -> None:
    begin(interval_unit="week", interval_count=4, quantity=2, unit_price=1125)
    begin(interval_unit="month", interval_count=1, unit_price=1000)
    begin(interval_unit="day", interval_count=30, unit_price=1000, currency="EUR")
    begin(interval_unit="month", interval_count=2, unit_price=5000, status="paused")
    begin(unit_price=9900, status="cancelled")
    begin(unit_price=9900, is_test=True)

    found = {(row.currency, row.status): (row.count, row.a_month) for row in figures.values(is_test=False)}

    # 2 × 1125 × 30.44 / 28 = 2446.07, and 1000 × 30.44 / 30 = 1014.67
    assert found == {("GBP", "active"): (2, 3446), ("EUR", "active"): (1, 1015), ("GBP", "paused"): (1, 2500)}


def test_months_count_who_came_who_went_and_who_was_there() -> None:
    def at(year: int, month: int, day: int) -> datetime:
        return datetime(year, month, day, 12, tzinfo=UTC)

    begin(created_at=at(2024, 5, 1))
    begin(created_at=at(2025, 2, 1))
    begin(created_at=at(2026, 9, 3))
    begin(created_at=at(2025, 3, 1), status="cancelled", cancelled_at=at(2026, 10, 31))
    # 23:30 UTC on 31 August is 1 September on the shop's wall.
    begin(created_at=datetime(2026, 8, 31, 23, 30, tzinfo=UTC))
    begin(created_at=at(2026, 9, 9), is_test=True)

    months = {month.begins_on: month for month in figures.months(at=AT, is_test=False)}

    assert len(months) == 12
    assert min(months) == date(2025, 12, 1)
    september, october, november = (months[date(2026, month, 1)] for month in (9, 10, 11))
    assert (september.at_start, september.begun, september.at_end) == (3, 2, 5)
    assert (october.at_start, october.cancelled, october.churn) == (5, 1, Decimal("20.0"))
    assert (november.at_start, november.begun, november.churn) == (4, 0, Decimal("0.0"))


def test_reasons_are_counted_and_the_rare_ones_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "REASONS_SHOWN", 2)
    for reason in ("Too much.", "Too much.", "Too dear.", "", "Moved."):
        begin(status="cancelled", cancelled_at=AT, status_reason=reason)
    begin(status="cancelled", cancelled_at=AT - timedelta(days=800), status_reason="Long ago.")

    assert figures.reasons(at=AT, is_test=False) == [("Too much.", 2), ("Moved.", 1), ("others", 2)]


def test_demand_follows_the_dates_of_each_subscription() -> None:
    variant = make_variant(stock=5, lead_time_days=14)
    begin(variant, due_on=TODAY + timedelta(days=3), interval_unit="week", interval_count=4, quantity=2)
    begin(variant, due_on=TODAY - timedelta(days=2), interval_unit="week", interval_count=8, quantity=1)
    begin(variant, due_on=TODAY, status="paused")
    begin(variant, due_on=TODAY, is_test=True)
    begin(variant, due_on=TODAY + timedelta(days=70))

    (need,) = demand.needs(today=TODAY, is_test=False)

    # What is overdue counts today, and again 8 weeks after its day.
    assert need.weeks == (3, 0, 0, 0, 2, 0, 0, 1)
    assert need.available == 5
    assert need.covered == (3, 0, 0, 0, 2, 0, 0, 0)
    assert (need.out_on, need.days_left) == (TODAY + timedelta(days=54), 54)
    assert (need.order_by, need.is_late) == (TODAY + timedelta(days=40), False)


def test_months_keep_the_day_of_their_anchor() -> None:
    row = begin(due_on=date(2026, 12, 31), interval_unit="month", interval_count=1)

    days = {
        day
        for day in (schedule.due_on(row.anchor_on, "month", 1, k) for k in range(4))
        if day < TODAY + timedelta(days=demand.DAYS)
    }
    (need,) = demand.needs(today=TODAY, is_test=False)
    (far,) = demand.needs(today=date(2027, 1, 10), is_test=False)

    assert days == {date(2026, 12, 31)}
    assert need.weeks == (0, 0, 0, 0, 0, 1, 0, 0)
    # Overdue since 31 December: now, then 31 January and 28 February.
    assert far.weeks == (1, 0, 0, 1, 0, 0, 0, 1)


def test_what_waits_to_come_along_once_is_needed_once() -> None:
    row = begin(due_on=TODAY + timedelta(days=8), interval_unit="week", interval_count=1)
    oil = make_variant(stock=0, lead_time_days=10)
    RefillExtra.objects.create(
        subscription=row, variant=oil, quantity=3, unit_price=900, added_at=AT, status="waiting"
    )

    first, second = demand.needs(today=TODAY, is_test=False)

    assert (first.variant, first.weeks, first.is_late) == (oil, (0, 3, 0, 0, 0, 0, 0, 0), True)
    assert second.weeks == (0, 1, 1, 1, 1, 1, 1, 1)


def test_what_rests_until_a_day_is_needed_from_that_day_on_in_its_old_rhythm() -> None:
    weekly, oil = make_variant(stock=50), make_variant(stock=50)
    until = TODAY + timedelta(days=10)
    row = begin(
        weekly, due_on=TODAY - timedelta(days=5), interval_unit="week", interval_count=2, status="paused",
        paused_until=until,
    )  # fmt: skip
    begin(weekly, due_on=TODAY + timedelta(days=2), status="paused", paused_until=TODAY + timedelta(days=60))
    begin(weekly, due_on=TODAY + timedelta(days=2), status="paused", paused_until=None)
    RefillExtra.objects.create(
        subscription=row, variant=oil, quantity=3, unit_price=900, added_at=AT, status="waiting"
    )

    found = {need.variant: need.weeks for need in demand.needs(today=TODAY, is_test=False)}

    # Its days are 9, 23, 37 and 51 days away, and it rests until the tenth.
    assert found == {weekly: (0, 0, 0, 1, 0, 1, 0, 1), oil: (0, 0, 0, 3, 0, 0, 0, 0)}


def test_what_wakes_today_is_needed_on_its_next_day_and_not_for_those_that_passed() -> None:
    late = begin(
        due_on=TODAY - timedelta(days=40), interval_unit="week", interval_count=4, status="paused",
        paused_until=TODAY - timedelta(days=1),
    )  # fmt: skip
    monthly = begin(
        due_on=date(2026, 10, 31), interval_unit="month", interval_count=1, status="paused",
        paused_until=date(2026, 12, 1),
    )  # fmt: skip

    found = {need.variant: need.weeks for need in demand.needs(today=TODAY, is_test=False)}

    # 40 days ago and 12 days ago have passed; then 16 and 44 days from now. And 31 December, 38 days from now.
    assert found == {late.variant: (0, 0, 1, 0, 0, 0, 1, 0), monthly.variant: (0, 0, 0, 0, 0, 1, 0, 0)}


def test_the_chart_says_in_words_what_it_shows() -> None:
    begin(make_variant(sku="FLK-<B>", stock=1), quantity=2)
    (need,) = demand.needs(today=TODAY, is_test=False)

    drawn = charts.chart(need)

    assert '<title id="need-' in drawn
    assert "Coming need of FLK-&lt;B&gt;" in drawn
    assert "1 available. Units needed by week 1: 2" in drawn
    assert "The stock is too small from 23\xa0Nov\xa02026 on." in drawn
    assert drawn.count("<rect") == 17


@pytest.mark.parametrize("page", ["figures", "demand"])
def test_pages_cost_the_same_however_many_refills_there_are(manager: Client, page: str) -> None:
    begin(make_variant(stock=9))
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked:
            assert manager.get(f"/admin/refills/{page}/").status_code == 200
        counts.append(len(asked))
        for _ in range(6):
            begin(make_variant(stock=9))

    assert counts[0] == counts[1]
    assert counts[0] <= 12


@pytest.mark.parametrize("page", ["figures", "demand"])
def test_without_refills_the_pages_say_so(manager: Client, page: str) -> None:
    shown = manager.get(f"/admin/refills/{page}/").content.decode()

    assert "No refills yet." in shown or "No refill is due" in shown
    assert "Test orders are left out." in shown


def test_test_orders_are_left_out_and_can_be_looked_at_alone(manager: Client) -> None:
    begin(make_variant(sku="REAL-1", stock=9))
    begin(make_variant(sku="TEST-1", stock=9), is_test=True)

    real = manager.get("/admin/refills/demand/").content.decode()
    tests = manager.get("/admin/refills/demand/", {"orders": "test"}).content.decode()

    assert ("REAL-1" in real, "TEST-1" in real) == (True, False)
    assert ("REAL-1" in tests, "TEST-1" in tests) == (False, True)
    assert "Only what test orders began" in tests


def test_both_reports_come_as_csv_that_no_program_runs(manager: Client) -> None:
    begin(make_variant(sku="=cmd", stock=1), quantity=2)

    need = rows_of(manager.get("/admin/refills/demand/", {"format": "csv"}))
    months = rows_of(manager.get("/admin/refills/figures/", {"format": "csv"}))

    assert need[1][:3] == ["'=cmd", "1", "2"]
    assert need[0][0:3:2] == ["sku", f"week_from_{reading.now().date().isoformat()}"]
    assert len(months) == 13


def test_a_big_shop_shows_what_was_counted_last_and_says_when(
    manager: Client, doors_clock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "WORTH_KEEPING", 2)
    variant = make_variant(stock=5, sku="BIG-1")
    begin(variant, quantity=2, interval_unit="month", interval_count=1, unit_price=1000, created_at=AT)
    begin(variant, status="cancelled", cancelled_at=AT, created_at=AT, status_reason="Too much.")
    live = figures.count(at=AT, is_test=False), demand.needs(today=TODAY, is_test=False)

    assert counting.keep(at=AT) is True
    begin(variant, quantity=3)

    refills, needs = counting.refills(at=AT, is_test=False), counting.needs(at=AT, is_test=False)
    assert (refills.found, needs.found) == live
    assert (refills.at, needs.at) == (AT, AT)
    for page in ("figures", "demand"):
        assert f"Counted on {when(AT)}" in manager.get(f"/admin/refills/{page}/").content.decode()
    # The shelves are those of this moment.
    StockLevel.objects.update(on_hand=1)
    assert counting.needs(at=AT, is_test=False).found[0].available == 1


@pytest.mark.parametrize("later", [timedelta(hours=2), timedelta(hours=-1), timedelta(hours=14)])
def test_what_was_counted_too_long_ago_or_on_another_day_is_counted_anew(
    later: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "WORTH_KEEPING", 1)
    begin()
    counting.keep(at=AT)
    begin()

    found = counting.refills(at=AT + later, is_test=False)

    assert found.at is None
    assert found.found.values[0].count == 2


def test_midnight_in_the_shop_ends_what_was_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "WORTH_KEEPING", 1)
    begin()
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    counting.keep(at=late)

    assert counting.needs(at=late + timedelta(minutes=29), is_test=False).at == late
    assert counting.needs(at=late + timedelta(minutes=31), is_test=False).at is None


def test_a_small_shop_keeps_nothing_and_shows_what_is_true_now(manager: Client) -> None:
    begin()
    KeptCount.objects.create(report="refills", found={}, counted_at=AT)

    tasks.count_refills()

    assert not KeptCount.objects.exists()
    assert counting.refills(at=AT, is_test=False).at is None
    assert "Counted on" not in manager.get("/admin/refills/figures/").content.decode()


def test_tests_are_never_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "WORTH_KEEPING", 1)
    begin()
    begin(is_test=True)
    counting.keep(at=AT)

    assert counting.refills(at=AT, is_test=True).at is None
    assert counting.refills(at=AT, is_test=True).found.values[0].count == 1


def test_tomorrows_refills_are_counted_and_listed(manager: Client) -> None:
    begin()
    begin()
    tomorrow = Refill.objects.first()
    assert tomorrow is not None
    tomorrow.next_attempt_at = reading.now() + timedelta(days=1)
    tomorrow.save()

    listed = manager.get("/admin/orders/refill/", {"due": "tomorrow"}).content.decode()
    request = manager.get("/admin/").wsgi_request
    counts = {task.title: task.count for task in dashboard.tasks_for(request, at=reading.now())}

    assert counts["Tomorrow's refills"] == 1
    assert tomorrow.reference in listed
    assert Refill.objects.exclude(pk=tomorrow.pk).get().reference not in listed


def rows_of(answer: Any) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode()
    return list(csv.reader(io.StringIO(text)))


def test_the_list_of_bulk_changes_says_where_one_begins(manager):
    page = manager.get("/admin/orders/bulkchange/").content.decode()

    assert "A bulk change begins among the" in page
    assert 'href="/admin/orders/subscription/"' in page
