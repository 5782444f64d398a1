"""One refill that our own work stumbles over is put aside, counted and shown; nobody else waits behind it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client, override_settings
from django.urls import reverse

from orders import settlement, tasks
from orders.models import Refill, Subscription
from orders.subscriptions import billing, changes, giving_back, quoting
from shop.clock import reading
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails
from tests.stripe_side import StripeSide

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def tick(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Beat and worker turn once at a moment, through the tasks themselves; returns what was handed out."""

    def turn(at: datetime) -> list[int]:
        handed: list[int] = []
        monkeypatch.setattr(reading, "now", lambda: at)
        monkeypatch.setattr(tasks, "wake", lambda task, refill_id: handed.append(refill_id))
        tasks.dispatch_due_refills()
        for refill_id in handed:
            tasks.bill_refill(refill_id)
        return handed

    return turn


def poison(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, of: Subscription, error: Any) -> None:
    """Let our own work on one customer's refills raise what nobody expects."""
    real = getattr(where, name)

    def broken(subject: Any, **how: Any) -> Any:
        if isinstance(subject, Refill) and subject.customer_id != of.customer_id:
            return real(subject, **how)
        raise error

    monkeypatch.setattr(where, name, broken)


def announced(routine: Routine, count: int) -> tuple[list[Subscription], datetime]:
    flakes = make_variant(stock=40)
    rows = [routine.begin((flakes, 1, "week", 4))[0] for _ in range(count)]
    due_at = max(cycle_of(row).due_at for row in rows)
    routine.turn(due_at - days(4))
    return rows, due_at


@override_settings(STRIPE_BACKGROUND_RATE_PER_S=0.05)
def test_a_poisoned_refill_is_given_back_and_the_next_customer_is_charged(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch, tick: Any
) -> None:
    (broken, sound), due_at = announced(charged, 2)
    Refill.objects.update(next_attempt_at=due_at)
    Refill.objects.filter(customer=broken.customer).update(next_attempt_at=due_at - MINUTE)
    poison(monkeypatch, quoting, "quote", broken, KeyError("scent"))
    assert billing.room() == 1

    first, second = tick(due_at), tick(due_at + timedelta(seconds=5))

    one, other = (Refill.objects.get(customer=row.customer) for row in (broken, sound))
    assert (first, second) == ([one.pk], [other.pk])
    assert (one.status, one.order, one.next_attempt_at) == ("planned", None, due_at - MINUTE)
    assert (one.stumbles, one.rests_until, one.stumbled_over) == (1, due_at + MINUTE, "KeyError: 'scent'")
    assert (other.status, other.stumbles) == ("paid", 0)


def test_the_command_charges_the_others_too(
    charged: Routine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (broken, sound), due_at = announced(charged, 2)
    Refill.objects.filter(customer=broken.customer).update(next_attempt_at=due_at - days(0.5))
    poison(monkeypatch, quoting, "quote", broken, KeyError("scent"))
    monkeypatch.setattr(reading, "now", lambda: due_at)

    call_command("dispatch_due_refills")

    assert capsys.readouterr().out == "planned 0, claimed 2, charged 1\n"
    assert Refill.objects.get(customer=broken.customer).stumbles == 1
    assert Refill.objects.get(customer=sound.customer).status == "paid"


def test_its_pause_grows_up_to_an_hour_and_it_is_charged_once_it_is_mended(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch, tick: Any
) -> None:
    (broken,), due_at = announced(charged, 1)
    pauses, at = [], due_at
    with monkeypatch.context() as while_broken:
        poison(while_broken, quoting, "quote", broken, KeyError("scent"))
        for _ in range(8):
            tick(at)
            rests_until = Refill.objects.get().rests_until
            assert rests_until is not None
            pauses.append((rests_until - at) // MINUTE)
            assert tick(rests_until - timedelta(seconds=1)) == []
            at = rests_until

    tick(at)

    refill = Refill.objects.get()
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert (refill.status, refill.stumbles) == ("paid", 8)
    assert refill.order is not None
    assert len(stripe_side.charges_of(refill.order.reference)) == 1


def test_one_that_stumbles_for_days_is_still_shown_and_told_anew_once_it_is_mended(
    charged: Routine, monkeypatch: pytest.MonkeyPatch, tick: Any
) -> None:
    (broken,), due_at = announced(charged, 1)
    at = due_at
    with monkeypatch.context() as while_broken:
        poison(while_broken, quoting, "quote", broken, KeyError("scent"))
        while at < due_at + days(5):
            tick(at)
            assert giving_back.stumbling(at=at).exists()
            stumbles = Refill.objects.get().stumbles
            tick(at + MINUTE / 2)
            assert Refill.objects.get().stumbles == stumbles, "it rests"
            at += timedelta(hours=2)

    tick(at)

    refill = Refill.objects.get()
    assert (refill.status, refill.order, refill.next_attempt_at) == ("planned", None, at + days(2))
    assert len(mails("refill_upcoming")) == 2, "five days late: a notice first"


def test_what_stumbles_after_the_card_was_asked_goes_on_where_it_was(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch, tick: Any
) -> None:
    (broken,), due_at = announced(charged, 1)
    with monkeypatch.context() as while_broken:
        poison(while_broken, settlement, "observe", broken, ValueError("a bug"))
        tick(due_at)
        tick(due_at + timedelta(seconds=59))
    refill = Refill.objects.get()
    assert (refill.status, refill.stumbles, refill.claims) == ("charging", 1, 1)

    tick(due_at + MINUTE)

    refill.refresh_from_db()
    assert (refill.status, refill.claims) == ("paid", 2)
    assert refill.order is not None
    assert len(stripe_side.charges_of(refill.order.reference)) == 1


def test_a_retry_that_stumbles_waits_as_a_retry(
    charged: Routine, monkeypatch: pytest.MonkeyPatch, tick: Any
) -> None:
    (broken,) = charged.begin((make_variant(stock=9), 1, "week", 4), card="chargeCustomerFail")
    due_at = cycle_of(broken).due_at
    charged.turn(due_at - days(4))
    charged.turn(due_at)
    retry_at = Refill.objects.get().next_attempt_at
    assert retry_at is not None
    poison(monkeypatch, billing, "_hold", broken, KeyError("lot"))

    tick(retry_at)

    refill = Refill.objects.get()
    assert (refill.status, refill.next_attempt_at, refill.stumbles) == ("dunning", retry_at, 1)
    changes.skip(broken, at=retry_at)


def test_a_database_that_is_gone_for_a_moment_is_nobodys_fault(
    charged: Routine, monkeypatch: pytest.MonkeyPatch, tick: Any
) -> None:
    (row,), due_at = announced(charged, 1)
    poison(monkeypatch, quoting, "quote", row, OperationalError("the connection is closed"))

    with pytest.raises(OperationalError):
        tick(due_at)

    assert Refill.objects.get().stumbles == 0


def test_staff_see_what_stumbles_and_over_what(
    charged: Routine, monkeypatch: pytest.MonkeyPatch, tick: Any, admin_client: Client
) -> None:
    (broken, _), due_at = announced(charged, 2)
    poison(monkeypatch, quoting, "quote", broken, KeyError("scent"))
    tick(due_at)
    monkeypatch.undo()
    monkeypatch.setattr(reading, "now", lambda: due_at + MINUTE)

    today = admin_client.get(reverse("admin:index")).content.decode()
    listed = admin_client.get(reverse("admin:orders_refill_changelist"), {"stumbles": "yes"}).content.decode()
    page = admin_client.get(reverse("admin:orders_subscription_change", args=[broken.pk])).content.decode()

    one, other = Refill.objects.order_by("-stumbles")
    assert "Refills that stumble" in today
    assert one.reference in listed
    assert other.reference not in listed
    assert "KeyError: &#x27;scent&#x27;" in page
