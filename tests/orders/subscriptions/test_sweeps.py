"""What one refill's trouble must not do: stay for ever, charge after the end, or hold up another's."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from orders import checkout, payments, reconciler
from orders.models import Order, Refill
from orders.subscriptions import abandoning, changes, fencing
from shop.mail import suppression
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import Routine, confirms, cycle_of, days
from tests.outages import answer_lost
from tests.stripe_side import StripeSide
from tests.till import Till, work_off

pytestmark = pytest.mark.django_db


def _order_of(refill: Refill) -> Order:
    refill.refresh_from_db()
    assert refill.order is not None
    return refill.order


def test_a_refill_whose_intent_was_learned_from_a_webhook_is_charged(
    charged: Routine, till: Till, stripe_side: StripeSide
) -> None:
    (subscription,) = charged.begin((make_variant(stock=20), 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    charged.turn(due_at - days(5))
    with answer_lost("create_intent"):
        charged.turn(due_at)
    stripe_side.deliver(till.client)
    work_off()

    charged.turn(due_at + days(1))

    refill = Refill.objects.get(status="paid")
    order = _order_of(refill)
    assert list(order.payment.attempts.values_list("kind", "outcome")) == [
        ("create_intent", "ok"),
        ("confirm", "ok"),
    ]
    assert len(stripe_side.charges_of(order.reference)) == 1


def test_one_refill_that_cannot_be_quoted_does_not_stop_the_others(
    charged: Routine, stripe_side: StripeSide
) -> None:
    (broken,) = charged.begin((make_variant(sku="AAA", stock=20), 1, "week", 4))
    (sound,) = charged.begin((make_variant(sku="BBB", stock=20), 1, "week", 4))
    due_at = cycle_of(broken).due_at
    charged.turn(due_at - days(5))
    refill = Refill.objects.get(customer=broken.customer)
    refill.shipping_address = {**refill.shipping_address, "country": "XX"}
    refill.save(update_fields=["shipping_address"])

    for later in (4, 5, 8):
        charged.turn(due_at + days(later))

    broken.refresh_from_db()
    assert broken.status == "paused"
    assert broken.status_reason
    assert not Order.objects.filter(refill__customer=broken.customer).exists()
    paid = Refill.objects.get(customer=sound.customer, status="paid")
    assert len(stripe_side.charges_of(_order_of(paid).reference)) == 1


def test_a_lost_cancellation_of_a_refill_is_sent_again(charged: Routine, stripe_side: StripeSide) -> None:
    (subscription,) = charged.begin((make_variant(stock=20), 1, "week", 4), card="chargeCustomerFail")
    due_at = cycle_of(subscription).due_at
    charged.turn(due_at - days(5))
    charged.turn(due_at)
    refill = Refill.objects.get()
    order = _order_of(refill)
    with answer_lost("cancel_intent", arrives=False), pytest.raises(payments.PaymentUnavailable):
        checkout.cancel(order, reason="Stop.", actor=None, at=due_at + days(0.1))

    reconciler.check_silent_payments(at=due_at + days(1))
    for later in range(1, 9):
        charged.turn(due_at + days(later))

    order.refresh_from_db()
    outcomes = order.payment.attempts.values_list("kind", "outcome")
    # The refill's engine ends the order for itself, and Stripe has nothing left to cancel.
    assert list(outcomes) == [
        ("create_intent", "ok"),
        ("confirm", "refused"),
        ("cancel", "ok"),
    ]
    assert (order.status, order.payment_status) == ("cancelled", "unpaid")
    assert stripe_side.charges_of(order.reference) == []
    refill.refresh_from_db()
    assert refill.status == "failed"
    changes.cancel(subscription, reason="stop", at=due_at + days(9))
    subscription.refresh_from_db()
    assert subscription.status == "cancelled"


@pytest.mark.parametrize("moment", ["before the card is asked", "before the intent is opened"])
def test_a_refill_order_cancelled_under_way_is_not_charged(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    (subscription,) = charged.begin((make_variant(stock=20), 1, "week", 4))
    due_at: datetime = cycle_of(subscription).due_at
    charged.turn(due_at - days(5))
    real = payments.open_intent

    def cancelled_meanwhile(order: Order, **how: object) -> object:
        monkeypatch.setattr(payments, "open_intent", real)
        if moment == "before the intent is opened":
            checkout.cancel(order, reason="Stop.", actor=None, at=due_at)
            order.payment.refresh_from_db()
            return real(order, **how)  # type: ignore[arg-type]
        intent = real(order, **how)  # type: ignore[arg-type]
        checkout.cancel(order, reason="Stop.", actor=None, at=due_at)
        return intent

    monkeypatch.setattr(payments, "open_intent", cancelled_meanwhile)

    charged.turn(due_at)
    charged.turn(due_at + fencing.CLAIM_HOLDS_FOR)

    refill = Refill.objects.order_by("pk")[0]
    order = _order_of(refill)
    assert order.status == "cancelled"
    assert confirms(order) == 0
    assert stripe_side.charges_of(order.reference) == []
    assert refill.status in {"skipped", "failed"}


def test_one_refill_that_cannot_be_announced_again_does_not_stop_the_others(
    charged: Routine, stripe_side: StripeSide
) -> None:
    (broken,) = charged.begin((make_variant(sku="AAA", stock=20), 1, "week", 4))
    (sound,) = charged.begin((make_variant(sku="BBB", stock=20), 1, "week", 4))
    due_at = cycle_of(broken).due_at
    charged.turn(due_at - days(4))
    refill = Refill.objects.get(customer=broken.customer)
    refill.shipping_address, refill.notice = {}, None
    refill.save(update_fields=["shipping_address", "notice"])

    for hour in (0.1, 0.2):
        charged.turn(due_at + days(hour))

    refill.refresh_from_db()
    assert (refill.status, refill.order) == ("planned", None)
    paid = Refill.objects.get(customer=sound.customer, status="paid")
    assert len(stripe_side.charges_of(_order_of(paid).reference)) == 1


def test_orders_that_cannot_be_ended_now_do_not_hold_up_the_one_that_can(
    charged: Routine, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    flakes = make_variant(stock=20)
    rows = [charged.begin((flakes, 1, "week", 4), card="chargeCustomerFail")[0] for _ in range(4)]
    due_at = max(cycle_of(row).due_at for row in rows)
    charged.turn(due_at - days(4))
    charged.turn(due_at)
    for row in rows:
        changes.skip(row, at=due_at)
    *stuck, sound = Order.objects.filter(origin="refill").order_by("refill__pk")
    real = payments.cancel_intent

    def cancel(order: Order, **how: Any) -> Any:
        if order in stuck:
            raise payments.PaymentUnavailable("Stripe does not answer.")
        return real(order, **how)

    monkeypatch.setattr(payments, "cancel_intent", cancel)
    monkeypatch.setattr(abandoning, "AT_ONCE", 2)
    seen = []
    for minute in range(1, 5):
        reconciler.end_refill_orders(at=due_at + timedelta(minutes=minute))
        sound.refresh_from_db()
        seen.append(sound.status)

    assert seen == ["pending", "cancelled", "cancelled", "cancelled"]
    assert {order.status for order in Order.objects.filter(pk__in=[row.pk for row in stuck])} == {"pending"}
    monkeypatch.setattr(payments, "cancel_intent", real)
    for minute in (5, 6):
        reconciler.end_refill_orders(at=due_at + timedelta(minutes=minute))
    assert not Order.objects.filter(origin="refill").exclude(status="cancelled").exists()


def test_one_subscription_that_cannot_be_resumed_does_not_keep_others_from_being_resumed(
    routine: Routine,
) -> None:
    (broken,) = routine.begin((make_variant(sku="AAA"), 1, "week", 4))
    (sound,) = routine.begin((make_variant(sku="BBB"), 1, "week", 4))
    until = routine.at.date() + days(9)
    for row in (broken, sound):
        changes.pause(row, until=until, at=routine.at)
    broken.cycles.all().delete()

    changes.resume_due(at=routine.at + days(10))

    sound.refresh_from_db()
    broken.refresh_from_db()
    assert (broken.status, sound.status) == ("paused", "active")


def test_a_parcel_that_waits_for_stock_and_for_a_notice_that_never_goes_rests(routine: Routine) -> None:
    variant = make_variant(stock=20)
    (subscription,) = routine.begin((variant, 1, "week", 4))
    due_at = cycle_of(subscription).due_at
    refill = routine.remind(due_at - days(5))
    Refill.objects.update(status="backordered", next_attempt_at=due_at, short_since=due_at)
    changes.change_quantity(subscription, quantity=2, at=due_at)
    refill.refresh_from_db()
    assert refill.notices == 2
    suppression.suppress(subscription.customer.email, cause="bounced", reason="No such box.", at=due_at)

    for day in range(1, 6):
        routine.turn(due_at + days(day))

    subscription.refresh_from_db()
    refill.refresh_from_db()
    assert (subscription.status, refill.status) == ("paused", "skipped")
    assert "Reminders cannot be delivered" in subscription.status_reason
