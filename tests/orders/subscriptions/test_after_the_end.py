"""What comes after the end of a refill: money that is late, a reminder that waits, a skip that is taken back."""

import pytest

from orders import checkout
from orders.models import Order, Refill, Subscription
from orders.subscriptions import changes, planning, sending
from shop.accounts.models import User
from shop.mail import delivery, outbox
from tests.factories.catalog import make_oil, make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails
from tests.stripe_side import StripeSide

pytestmark = pytest.mark.django_db


def declined_pair(charged: Routine) -> tuple[Subscription, Subscription, Refill]:
    """Return two subscriptions whose one parcel was declined, and that parcel."""
    one, two = charged.begin(
        (make_variant(stock=20), 1, "week", 4), (make_oil(), 1, "week", 4), card="chargeCustomerFail"
    )
    due_at = cycle_of(one).due_at
    charged.turn(due_at - days(5))
    charged.turn(due_at)
    refill = Refill.objects.select_related("order__payment").get()
    assert refill.status == "dunning"
    return one, two, refill


def test_what_was_paid_with_a_parcel_that_had_ended_is_not_charged_again(
    charged: Routine, stripe_side: StripeSide
) -> None:
    one, two, refill = declined_pair(charged)
    at = refill.due_at
    assert refill.order is not None
    secret = stripe_side.intent(refill.order.payment.stripe_payment_intent_id or "")["client_secret"]
    changes.skip(one, at=at + days(0.1))
    stripe_side.pay(secret)
    charged.observe(refill.order, at + days(0.1))
    good = charged.saved(two.customer, "visa")
    changes.change_card(two, payment_method_id=good.stripe_payment_method_id, at=at + days(0.2))

    for day in range(1, 15):
        charged.turn(at + days(day))

    refill.refresh_from_db()
    two.refresh_from_db()
    assert refill.status == "paid"
    assert Order.objects.filter(origin="refill", payment__succeeded_at__isnull=False).count() == 1
    assert not mails("refill_paid")[1:]
    assert cycle_of(two).due_on == refill.due_at.date() + days(28)


def test_late_money_counts_for_the_subscription_that_it_was_for_and_not_for_its_twin(
    charged: Routine, stripe_side: StripeSide
) -> None:
    flakes = make_variant(stock=40)
    (seldom,) = charged.begin((flakes, 1, "week", 4), card="chargeCustomerFail")
    (often,) = charged.begin((flakes, 1, "week", 5), customer=seldom.customer)
    at = cycle_of(seldom).due_at
    charged.turn(at - days(5))
    charged.turn(at)
    refill = Refill.objects.select_related("order__payment").get()
    assert refill.order is not None
    secret = stripe_side.intent(refill.order.payment.stripe_payment_intent_id or "")["client_secret"]
    changes.skip(seldom, at=at + days(0.1))
    stripe_side.pay(secret)

    charged.observe(refill.order, at + days(0.2))

    seldom.refresh_from_db()
    often.refresh_from_db()
    assert (seldom.last_paid_at, often.last_paid_at) == (at + days(0.2), charged.at)
    for day in range(1, 9):
        charged.turn(at + days(day))
    often.refresh_from_db()
    assert often.last_paid_at == at + days(7), "its own parcel went out on its own day"


def test_a_reminder_that_waits_is_not_sent_once_its_refill_has_ended(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    at = cycle_of(subscription).due_at - days(5)
    planning.plan(at=at)
    changes.cancel(subscription, reason="Enough.", at=at)

    delivery.deliver_due(at=at)

    (reminder,) = mails("refill_upcoming")
    assert (reminder.status, reminder.sent_at) == ("suppressed", None)
    assert [mail.status for mail in mails("subscription_cancelled")] == ["sent"]


def test_a_reminder_that_was_told_anew_before_it_went_is_sent_once(routine: Routine) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    at = cycle_of(subscription).due_at - days(5)
    planning.plan(at=at)
    changes.change_quantity(subscription, quantity=2, at=at)

    delivery.deliver_due(at=at)

    first, second = mails("refill_upcoming")
    assert (first.status, second.status) == ("suppressed", "sent")
    assert Refill.objects.get().notice == second


def test_a_reminder_that_waits_tells_of_what_is_in_the_parcel_when_it_goes(routine: Routine) -> None:
    flakes, oil = routine.begin((make_variant(), 1, "week", 4), (make_oil(), 1, "week", 4))
    at = cycle_of(flakes).due_at - days(5)
    planning.plan(at=at)
    changes.skip(oil, at=at)

    delivery.deliver_due(at=at)

    first, second = mails("refill_upcoming")
    assert (first.status, second.status) == ("suppressed", "sent")
    assert oil.variant.product.name in first.text
    assert oil.variant.product.name not in second.text
    assert Refill.objects.get().next_attempt_at == cycle_of(flakes).due_at


def test_a_copy_of_a_reminder_goes_out_whatever_became_of_the_refill(routine: Routine) -> None:
    staff = User.objects.create_superuser("manager@shop.example", "secret-words-9")
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    at = cycle_of(subscription).due_at - days(5)
    refill = routine.remind(at)
    changes.cancel(subscription, reason="Enough.", at=at)
    assert refill.notice is not None

    copy = outbox.send_copy(refill.notice, actor=staff, at=at)

    assert delivery.deliver(copy.pk, at=at) is True


def test_a_skip_of_an_ordered_parcel_can_be_taken_back(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(stock=20), 1, "week", 4), card="chargeCustomerFail")
    due_at = cycle_of(subscription).due_at
    at = charged.at + days(15)
    total = sending.preview(subscription, at=at).total
    sending.send_now(subscription, expected_total=total, at=at)
    charged.turn(at)
    order = Refill.objects.get().order
    assert order is not None
    checkout.cancel(order, reason="Stop.", actor=None, at=at)
    charged.turn(at + days(1))
    assert Refill.objects.get().status == "skipped"

    changes.unskip(subscription, at=at + days(2))
    charged.turn(due_at - days(5))

    assert cycle_of(subscription).due_at == due_at
    assert list(Refill.objects.order_by("pk").values_list("status", flat=True)) == ["skipped", "planned"]
