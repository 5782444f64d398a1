"""What customers do to their refills, and when it is too late for it."""

from datetime import date, datetime, timedelta

import pytest

from orders.models import Order, Refill, Subscription
from orders.subscriptions import billing, changes, holding
from shop.exceptions import Conflict, InvalidInput, NotFound
from tests.factories.catalog import make_oil, make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails
from tests.till import ADDRESS

pytestmark = pytest.mark.django_db


def announced(routine: Routine, **fields: object) -> tuple[Subscription, Refill, datetime]:
    """Return a subscription whose coming refill was announced, and the moment that it is due."""
    (subscription,) = routine.begin((make_variant(stock=200), 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    return subscription, routine.remind(due_at - days(5)), due_at


def test_a_skip_leaves_one_out_and_keeps_the_rhythm(routine: Routine) -> None:
    subscription, refill, due_at = announced(routine)

    changes.skip(subscription, at=due_at - days(1))

    refill.refresh_from_db()
    assert refill.status == "skipped"
    assert [(c.status, c.due_on) for c in subscription.cycles.order_by("index")] == [
        ("skipped", date(2026, 12, 21)),
        ("open", date(2027, 1, 18)),
    ]
    assert billing.claim(at=due_at) == []
    (mail,) = mails("subscription_changed")
    assert "18 January 2027" in mail.text


def test_a_skip_can_be_taken_back_until_its_day(routine: Routine) -> None:
    subscription, _refill, due_at = announced(routine)
    changes.skip(subscription, at=due_at - days(4))

    changes.unskip(subscription, at=due_at - days(3))

    assert (cycle_of(subscription).due_on, subscription.cycles.count()) == (date(2026, 12, 21), 1)
    assert routine.remind(due_at - days(3)).status == "planned"
    with pytest.raises(changes.NothingToTakeBack):
        changes.unskip(subscription, at=due_at - days(3))


def test_a_skip_whose_day_has_passed_stays(routine: Routine) -> None:
    subscription, _refill, due_at = announced(routine)
    changes.skip(subscription, at=due_at - days(4))

    with pytest.raises(changes.NothingToTakeBack):
        changes.unskip(subscription, at=due_at + days(1))


def test_a_skip_stays_once_another_day_was_chosen(routine: Routine) -> None:
    """Found by simulate_refills: the refill that came back lay outside the rhythm that had been chosen."""
    subscription, _refill, due_at = announced(routine)
    changes.skip(subscription, at=due_at - days(4))
    changes.reschedule(subscription, next_on=date(2026, 12, 28), at=due_at - days(4))

    with pytest.raises(changes.NothingToTakeBack, match="another day"):
        changes.unskip(subscription, at=due_at - days(3))

    assert cycle_of(subscription).due_on == date(2026, 12, 28)
    assert [row.status for row in subscription.cycles.order_by("index")] == ["skipped", "open"]


def test_skipping_one_of_two_quotes_the_other_again(routine: Routine) -> None:
    first, second = routine.begin((make_variant(), 1, "week", 4), (make_oil(), 2, "week", 4))
    due_at = cycle_of(first).due_at
    refill = routine.remind(due_at - days(5))
    assert refill.quoted_total == 3 * 1125 + 595

    changes.skip(second, at=due_at - days(1))

    refill.refresh_from_db()
    assert (refill.status, refill.quoted_total) == ("planned", 1125 + 395)
    assert [item.variant for item in refill.items.all()] == [first.variant]
    assert len(mails("refill_upcoming")) == 1, "it fell: nobody has to be told, and the date stays"
    assert refill.next_attempt_at == due_at


def test_more_of_it_is_told_anew_and_waits_two_days(routine: Routine) -> None:
    subscription, refill, due_at = announced(routine)

    changes.change_quantity(subscription, quantity=3, at=due_at - days(1))

    refill.refresh_from_db()
    assert refill.quoted_total == 3 * 1125 + 595
    assert refill.next_attempt_at == due_at + days(1)
    assert [mail.occasion for mail in mails("refill_upcoming")] == ["notice-1", "notice-2"]
    assert billing.claim(at=due_at) == []


@pytest.mark.parametrize("status", ["claimed", "charging"])
def test_after_the_claim_edits_apply_from_the_next_refill(routine: Routine, status: str) -> None:
    subscription, _refill, due_at = announced(routine)
    Refill.objects.update(status=status, claimed_at=due_at)
    card = routine.saved(subscription.customer, "visa")
    verbs = [
        lambda: changes.skip(subscription, at=due_at),
        lambda: changes.pause(subscription, until=None, at=due_at),
        lambda: changes.change_quantity(subscription, quantity=2, at=due_at),
        lambda: changes.reschedule(subscription, unit="week", count=5, at=due_at),
        lambda: changes.change_card(subscription, payment_method_id=card.stripe_payment_method_id, at=due_at),
        lambda: changes.change_address(subscription, address=ADDRESS, at=due_at),
    ]

    for verb in verbs:
        with pytest.raises(holding.AppliesFromNextRefill) as refusal:
            verb()
        assert refusal.value.problem_code == "applies_from_next_refill"

    subscription.refresh_from_db()
    assert (subscription.status, subscription.quantity, subscription.interval_count) == ("active", 1, 4)
    assert mails("subscription_changed") == []


def test_a_pause_ends_by_itself_on_its_day(routine: Routine) -> None:
    subscription, refill, due_at = announced(routine)

    changes.pause(subscription, until=date(2027, 2, 1), at=due_at - days(1))
    refill.refresh_from_db()
    assert refill.status == "skipped"
    routine.turn(due_at + days(1))
    assert Refill.objects.count() == 1

    changes.resume_due(at=datetime(2027, 1, 31, 23, tzinfo=due_at.tzinfo))
    subscription.refresh_from_db()
    assert subscription.status == "paused"
    changes.resume_due(at=datetime(2027, 2, 1, 1, tzinfo=due_at.tzinfo))
    subscription.refresh_from_db()
    assert (subscription.status, subscription.paused_until) == ("active", None)
    assert cycle_of(subscription).due_on == date(2027, 2, 15), "the anchor's rhythm"


def test_after_a_cancellation_nothing_is_charged(charged: Routine) -> None:
    subscription, _refill, due_at = announced(charged)

    changes.cancel(subscription, reason="Moving away", at=due_at - days(1))
    changes.cancel(subscription, reason="again", at=due_at - days(1))
    for day in range(60):
        charged.turn(due_at + days(day))

    subscription.refresh_from_db()
    assert (subscription.status, subscription.status_reason) == ("cancelled", "Moving away")
    assert not subscription.cycles.filter(status="open").exists()
    assert not Order.objects.filter(origin="refill").exists()
    assert len(mails("subscription_cancelled")) == 1
    with pytest.raises(holding.SubscriptionEnded):
        changes.skip(subscription, at=due_at)


def test_the_words_of_a_cancellation_are_one_line_that_shows_what_it_says(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))

    changes.cancel(subscription, reason="Too dear.\n\x1b[2J \u202eevil\u202c", at=routine.at)

    subscription.refresh_from_db()
    assert subscription.status_reason == "Too dear. [2J evil"


def test_a_claimed_refill_that_is_cancelled_in_time_is_not_charged(charged: Routine) -> None:
    subscription, refill, due_at = announced(charged)
    (refill_id,) = billing.claim(at=due_at)

    changes.cancel(subscription, reason="", at=due_at)
    charged.bill(refill_id, due_at)

    refill.refresh_from_db()
    assert (refill.status, refill.order) == ("skipped", None)


def test_cancelling_waits_for_a_charge_that_is_on_its_way(charged: Routine) -> None:
    subscription, _refill, due_at = announced(charged)
    (refill_id,) = billing.claim(at=due_at)
    intent = billing.bill(refill_id, at=due_at)
    assert intent is not None

    with pytest.raises(changes.ChargeInProgress) as refusal:
        changes.cancel(subscription, reason="", at=due_at)

    assert refusal.value.extra["retry_after"] == 60
    charged.turn(due_at + timedelta(minutes=6))
    changes.cancel(subscription, reason="", at=due_at + timedelta(minutes=7))
    assert Refill.objects.get().status == "paid"


def test_cancelling_while_dunning_ends_the_payment_at_stripe(charged: Routine) -> None:
    items = ((make_variant(), 1, "week", 4), (make_oil(), 1, "week", 4))
    first, second = charged.begin(*items, card="chargeCustomerFail")
    due_at = cycle_of(first).due_at
    charged.turn(due_at - days(5))
    charged.turn(due_at)
    order = Refill.objects.get().order
    assert order is not None
    assert charged.stripe is not None

    changes.cancel(first, reason="", at=due_at + timedelta(hours=1))
    charged.turn(due_at + timedelta(hours=1))

    assert charged.stripe.intent(order.payment.stripe_payment_intent_id or "")["status"] == "canceled"
    order.refresh_from_db()
    assert order.status == "cancelled"
    again = Refill.objects.order_by("-pk")[0]
    assert [item.cycle.subscription for item in again.items.all() if item.cycle] == [second]
    assert again.next_attempt_at == due_at + timedelta(hours=49), "told anew, two days before"


def test_another_interval_counts_from_the_last_day_that_was_due(routine: Routine) -> None:
    subscription, refill, due_at = announced(routine)

    changes.reschedule(subscription, unit="week", count=6, at=due_at - days(1))

    refill.refresh_from_db()
    assert refill.status == "skipped"
    assert cycle_of(subscription).due_on == date(2026, 11, 23) + timedelta(weeks=6)
    assert cycle_of(subscription).index == 1


def test_a_shorter_interval_is_never_due_in_the_past(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 8))
    at = charged.at + days(40)

    changes.reschedule(subscription, unit="week", count=1, at=at)

    coming = cycle_of(subscription)
    assert (coming.index, coming.due_on) == (1, date(2027, 1, 4))
    charged.turn(coming.due_at - days(2))
    charged.turn(coming.due_at)
    assert cycle_of(subscription).due_on == date(2027, 1, 11)


def test_a_chosen_day_becomes_the_anchor(charged: Routine) -> None:
    subscription, _refill, due_at = announced(charged)

    changes.reschedule(subscription, next_on=date(2027, 1, 8), at=due_at - days(1))

    coming = cycle_of(subscription)
    assert (coming.index, coming.due_on) == (1, date(2027, 1, 8))
    charged.turn(coming.due_at - days(5))
    charged.turn(coming.due_at)
    assert cycle_of(subscription).due_on == date(2027, 2, 5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit": "day", "count": 6},
        {"unit": "month", "count": 13},
        {"next_on": date(2026, 11, 23)},
        {"next_on": date(2028, 11, 23)},
    ],
)
def test_impossible_rhythms_are_refused(routine: Routine, wrong: dict) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))

    with pytest.raises(InvalidInput):
        changes.reschedule(subscription, at=routine.at, **wrong)

    assert cycle_of(subscription).due_on == date(2026, 12, 21)


def test_nobody_pays_with_anothers_card(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    (other,) = routine.begin((make_variant(), 1, "week", 4))
    assert other.card is not None

    with pytest.raises(NotFound):
        changes.change_card(
            subscription, payment_method_id=other.card.stripe_payment_method_id, at=routine.at
        )


def test_a_move_splits_the_parcel_and_a_move_abroad_is_refused(routine: Routine) -> None:
    first, second = routine.begin((make_variant(), 1, "week", 4), (make_oil(), 1, "week", 4))
    due_at = cycle_of(first).due_at
    routine.remind(due_at - days(5))

    changes.change_address(first, address={**ADDRESS, "line1": "1 New Road"}, at=due_at - days(4))
    routine.remind(due_at - days(4))

    assert Refill.objects.filter(status="planned").count() == 2
    berlin = {**ADDRESS, "city": "Berlin", "postal_code": "10115", "country": "DE"}
    with pytest.raises(Conflict) as refusal:
        changes.change_address(second, address=berlin, at=due_at - days(4))
    assert refusal.value.problem_code == "currency_mismatch"
