"""After a refused charge: a ladder of retries, a wait for the customer, a pause in the end."""

from datetime import datetime, timedelta

import pytest

from catalog import inventory
from catalog.models import StockReservation
from orders import checkout
from orders.models import Order, Refill, Subscription
from orders.subscriptions import changes, dunning
from tests.factories.catalog import make_oil, make_variant, put_in_stock
from tests.orders.subscriptions.routine import Routine, confirms, cycle_of, days, mails

pytestmark = pytest.mark.django_db


def declined(charged: Routine, card: str) -> tuple[Subscription, Refill, datetime]:
    """Return a subscription whose first refill was refused, and the moment of that."""
    (subscription,) = charged.begin((make_variant(), 1, "week", 4), card=card)
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))
    charged.turn(at)
    return subscription, Refill.objects.get(), at


def test_a_soft_decline_is_tried_again_on_a_ladder_and_pauses_in_the_end(charged: Routine) -> None:
    subscription, refill, at = declined(charged, "chargeCustomerFail")
    tried = [at]
    for hours in range(0, 24 * 16, 6):
        before = confirms(refill.order)
        charged.turn(at + timedelta(hours=hours))
        if confirms(refill.order) > before:
            tried.append(at + timedelta(hours=hours))

    refill.refresh_from_db()
    subscription.refresh_from_db()
    assert [(moment - at).days for moment in tried] == [0, 1, 3, 6, 10, 14]
    assert (refill.status, subscription.status) == ("failed", "paused")
    assert refill.order is not None
    refill.order.refresh_from_db()
    assert refill.order.status == "cancelled"
    assert len(mails("refill_declined")) == 5
    assert len(mails("refill_stopped")) == 1
    assert subscription.cycles.filter(status="open").count() == 1
    assert charged.stripe is not None
    assert charged.stripe.charges_of(refill.order.reference) == []


def test_lost_and_invalid_cards_are_hard_declines_and_empty_accounts_are_not() -> None:
    assert {
        "lost_card",
        "stolen_card",
        "pickup_card",
        "expired_card",
        "invalid_number",
    } <= dunning.HARD_DECLINES
    assert not {"insufficient_funds", "generic_decline", "try_again_later"} & dunning.HARD_DECLINES


def test_the_mail_of_a_soft_decline_names_the_day_of_the_next_try(charged: Routine) -> None:
    _, refill, at = declined(charged, "chargeCustomerFail")

    assert (refill.status, refill.next_attempt_at) == ("dunning", at + days(1))
    (mail,) = mails("refill_declined")
    assert "22 December" in mail.text
    assert f"[{refill.order.reference}]" in mail.subject


def test_a_decline_that_is_told_many_times_counts_once(charged: Routine) -> None:
    _, refill, at = declined(charged, "chargeCustomerFail")

    for _ in range(3):
        dunning.apply_declined(refill, code="card_declined", decline_code="generic_decline", at=at)

    refill.refresh_from_db()
    assert (refill.failed_attempts, refill.next_attempt_at) == (1, at + days(1))
    assert len(mails("refill_declined")) == 1


def test_the_stock_of_a_declined_refill_is_held_for_two_days(charged: Routine) -> None:
    _, refill, at = declined(charged, "chargeCustomerFail")

    assert refill.order is not None
    hold = StockReservation.objects.get(reference=refill.order.stock_reference)
    assert (hold.status, hold.expires_at) == ("held", at + timedelta(hours=48))


def test_a_retry_that_succeeds_pays_the_same_order(charged: Routine) -> None:
    subscription, refill, at = declined(charged, "chargeCustomerFail")
    good = charged.saved(subscription.customer, "visa")
    Refill.objects.update(card=good)

    charged.turn(at + days(1))

    refill.refresh_from_db()
    assert refill.status == "paid"
    assert Order.objects.filter(origin="refill").count() == 1
    assert cycle_of(subscription).due_on == refill.due_at.date() + timedelta(days=28)


def test_a_hard_decline_waits_for_another_card(charged: Routine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stripe's double keeps no card that is lost already, so its plain decline stands in for one."""
    monkeypatch.setattr(dunning, "HARD_DECLINES", frozenset({"generic_decline"}))
    subscription, refill, at = declined(charged, "chargeCustomerFail")
    assert (refill.status, refill.next_attempt_at) == ("dunning", None)
    (mail,) = mails("refill_declined")
    assert "do not try this card again" in mail.text

    for day in range(1, 12):
        charged.turn(at + days(day))
    assert confirms(refill.order) == 1
    good = charged.saved(subscription.customer, "visa")
    changes.change_card(subscription, payment_method_id=good.stripe_payment_method_id, at=at + days(12))
    charged.turn(at + days(12))

    refill.refresh_from_db()
    subscription.refresh_from_db()
    assert (refill.status, subscription.card) == ("paid", good)


def test_a_bank_that_asks_for_its_customer_is_obeyed(charged: Routine) -> None:
    subscription, refill, at = declined(charged, "authenticationRequired")

    assert (refill.status, refill.next_attempt_at) == ("action_required", None)
    (mail,) = mails("action_required")
    assert "http://testserver/o/" in mail.text
    charged.turn(at + days(10))
    assert confirms(refill.order) == 1

    charged.turn(at + days(15))
    refill.refresh_from_db()
    subscription.refresh_from_db()
    assert (refill.status, subscription.status) == ("failed", "paused")


def test_the_customer_confirms_the_same_intent(charged: Routine) -> None:
    subscription, refill, at = declined(charged, "authenticationRequired")
    assert refill.order is not None
    assert charged.stripe is not None
    intent = charged.stripe.intent(refill.order.payment.stripe_payment_intent_id or "")

    charged.stripe.pay(intent["client_secret"])
    charged.observe(refill.order, at + days(1))

    refill.refresh_from_db()
    assert refill.status == "paid"
    assert len(charged.stripe.charges_of(refill.order.reference)) == 1
    assert cycle_of(subscription).index == 2


@pytest.mark.parametrize("card", ["authenticationRequired", "chargeCustomerFail"])
def test_an_order_that_its_owner_cancels_is_left_out(charged: Routine, card: str) -> None:
    subscription, refill, at = declined(charged, card)
    assert refill.order is not None

    checkout.cancel(refill.order, reason="Not this time.", actor=None, at=at)
    charged.turn(at + days(1))

    refill.refresh_from_db()
    subscription.refresh_from_db()
    assert (refill.status, subscription.status) == ("skipped", "active")
    assert cycle_of(subscription).due_on == refill.due_at.date() + timedelta(days=28)


def test_a_retry_waits_for_goods_that_went_to_somebody_else(charged: Routine) -> None:
    flakes = make_variant(stock=2)
    (subscription,) = charged.begin((flakes, 1, "week", 4), card="chargeCustomerFail")
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))
    charged.turn(at)
    charged.turn(at + days(1))
    inventory.reserve(
        reference="another",
        quantities={flakes.pk: 1},
        until=at + days(9),
        at=at + days(3),
    )

    charged.turn(at + days(3))

    refill = Refill.objects.get()
    assert (refill.status, confirms(refill.order)) == ("backordered", 2)
    put_in_stock(flakes, 1)
    charged.turn(at + days(4))
    assert confirms(refill.order) == 3
    assert Order.objects.filter(origin="refill").count() == 1


def test_resuming_after_a_failure_begins_a_new_parcel(charged: Routine) -> None:
    subscription, refill, at = declined(charged, "chargeCustomerFail")
    for day in (1, 3, 6, 10, 14):
        charged.turn(at + days(day))

    changes.resume(subscription, at=at + days(15))

    coming = cycle_of(subscription)
    assert coming.due_on == refill.due_at.date() + timedelta(days=28)
    charged.turn(coming.due_at - days(5))
    assert Refill.objects.exclude(pk=refill.pk).get().status == "planned"


def test_a_declined_parcel_of_two_takes_the_new_card_for_both(charged: Routine) -> None:
    items = ((make_variant(), 1, "week", 4), (make_oil(), 1, "week", 4))
    first, second = charged.begin(*items, card="chargeCustomerFail")
    at = cycle_of(first).due_at
    charged.turn(at - days(5))
    charged.turn(at)
    good = charged.saved(first.customer, "visa")

    changes.change_card(first, payment_method_id=good.stripe_payment_method_id, at=at + timedelta(hours=1))
    charged.turn(at + timedelta(hours=1))

    second.refresh_from_db()
    assert Refill.objects.get().status == "paid"
    assert second.card == good
