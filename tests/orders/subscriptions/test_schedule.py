"""Dates of refills: counted from the anchor, at a morning hour on the customer's own wall clock."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from orders.subscriptions import schedule


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        (date(2026, 1, 31), [(2, 28), (3, 31), (4, 30), (5, 31)]),
        (date(2026, 1, 30), [(2, 28), (3, 30), (4, 30), (5, 30)]),
        (date(2026, 1, 29), [(2, 28), (3, 29), (4, 29), (5, 29)]),
    ],
)
def test_a_month_end_stays_a_month_end(anchor: date, expected: list[tuple[int, int]]) -> None:
    days = [schedule.due_on(anchor, "month", 1, k) for k in range(1, 5)]

    assert days == [date(2026, month, day) for month, day in expected]


def test_a_leap_day_comes_back_on_the_leap_day() -> None:
    anchor = date(2028, 2, 29)

    assert schedule.due_on(anchor, "month", 12, 1) == date(2029, 2, 28)
    assert schedule.due_on(anchor, "month", 12, 4) == date(2032, 2, 29)
    assert schedule.due_on(date(2028, 1, 31), "month", 1, 1) == date(2028, 2, 29)


def test_weeks_and_days_are_counted_as_days() -> None:
    assert schedule.due_on(date(2026, 12, 21), "week", 4, 1) == date(2027, 1, 18)
    assert schedule.due_on(date(2026, 12, 21), "day", 9, 3) == date(2027, 1, 17)


@pytest.mark.parametrize(
    ("zone", "night"),
    [
        ("Europe/Berlin", date(2027, 3, 28)),
        ("Europe/Berlin", date(2026, 10, 25)),
        ("America/New_York", date(2027, 3, 14)),
        ("America/New_York", date(2026, 11, 1)),
        ("Australia/Lord_Howe", date(2027, 4, 4)),
        ("Australia/Lord_Howe", date(2026, 10, 4)),
    ],
)
def test_a_summer_time_night_does_not_move_the_morning(zone: str, night: date) -> None:
    moments = [schedule.due_at(night + timedelta(days=n), zone, 7) for n in (-1, 0, 1)]

    walls = [moment.astimezone(ZoneInfo(zone)) for moment in moments]
    assert [wall.date() for wall in walls] == [night + timedelta(days=n) for n in (-1, 0, 1)]
    assert len({wall.time() for wall in walls}) == 1
    assert 8 <= walls[0].hour < 10
    assert {moments[1] - moments[0], moments[2] - moments[1]} != {timedelta(days=1)}


def test_every_customer_has_the_same_share_of_the_morning_every_time() -> None:
    day = date(2026, 12, 1)
    moments = {schedule.due_at(day, "UTC", customer) for customer in range(500)}

    assert schedule.due_at(day, "UTC", 7) == schedule.due_at(day, "UTC", 7)
    assert len(moments) > 100
    assert min(moments) >= datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    assert max(moments) < datetime(2026, 12, 1, 10, 0, tzinfo=UTC)


def test_after_an_outage_the_days_in_between_are_left_out() -> None:
    anchor = date(2026, 1, 31)

    k = schedule.next_index(anchor, "month", 1, after=1, not_before=date(2026, 6, 15))

    assert k == 5
    assert schedule.due_on(anchor, "month", 1, k) == date(2026, 6, 30)


@pytest.mark.parametrize("unit", ["day", "week", "month"])
@pytest.mark.parametrize("count", [1, 2, 9])
def test_the_next_day_is_the_first_that_is_not_too_early(unit: str, count: int) -> None:
    anchor = date(2026, 1, 31)
    for ahead in range(0, 700, 23):
        not_before = anchor + timedelta(days=ahead)

        k = schedule.next_index(anchor, unit, count, after=0, not_before=not_before)

        assert schedule.due_on(anchor, unit, count, k) >= not_before
        assert k == 1 or schedule.due_on(anchor, unit, count, k - 1) < not_before


def test_short_intervals_are_reminded_later() -> None:
    assert schedule.reminder_days("week", 2) == 2
    assert schedule.reminder_days("day", 14) == 2
    assert schedule.reminder_days("day", 15) == 5
    assert schedule.reminder_days("month", 1) == 5
