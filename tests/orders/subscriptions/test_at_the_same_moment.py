"""What meets at one moment: a customer who pays as dunning fires, an edit as the worker claims, three in a parcel."""

from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from orders import checkout, stripe_gateway
from orders.models import Order, Refill, Subscription
from orders.subscriptions import billing, changes, holding
from tests.factories.catalog import make_oil, make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days, mails, together
from tests.stripe_side import CARD_3DS, StripeSide

HOUR = timedelta(hours=1)
ELSEWHERE = {
    "name": "Ada Buyer",
    "line1": "3 Mill Lane",
    "city": "York",
    "postal_code": "YO1 7HH",
    "country": "GB",
}


def announced(charged: Routine, *, card: str = "visa") -> tuple[Subscription, datetime]:
    (subscription,) = charged.begin((make_variant(stock=20), 1, "week", 4), card=card)
    due_at = cycle_of(subscription).due_at
    charged.turn(due_at - days(5))
    return subscription, due_at


@pytest.mark.django_db
@pytest.mark.parametrize("first", ["the customer", "the worker"])
def test_a_customer_who_pays_as_dunning_fires_pays_once(
    charged: Routine, stripe_side: StripeSide, first: str
) -> None:
    subscription, due_at = announced(charged, card="chargeCustomerFail")
    charged.turn(due_at)
    refill = Refill.objects.select_related("order__payment").get()
    assert refill.order is not None
    secret = stripe_side.intent(refill.order.payment.stripe_payment_intent_id or "")["client_secret"]
    if first == "the worker":
        good = charged.saved(subscription.customer, "visa")
        changes.change_card(
            subscription, payment_method_id=good.stripe_payment_method_id, at=due_at + days(1)
        )
    real = stripe_gateway.confirm_intent

    def confirm(*args: Any, **how: Any) -> Any:
        if first == "the customer":
            stripe_side.pay(secret)
        try:
            return real(*args, **how)
        finally:
            if first == "the worker":
                assert "error" in stripe_side.pay(secret), "it is paid already"

    with mock.patch.object(stripe_gateway, "confirm_intent", confirm):
        charged.turn(due_at + days(1))
    charged.turn(due_at + days(2))
    charged.observe(refill.order, due_at + days(2))

    refill.refresh_from_db()
    assert refill.status == "paid"
    assert len(stripe_side.charges_of(refill.order.reference)) == 1
    assert Order.objects.filter(origin="refill").count() == 1
    assert len(mails("refill_paid")) == 1
    assert cycle_of(subscription).index == 2


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_payers_on_two_connections_pay_one_intent_once(charged: Routine, stripe_side: StripeSide) -> None:
    subscription, due_at = announced(charged, card="chargeCustomerFail")
    charged.turn(due_at)
    good = charged.saved(subscription.customer, "visa")
    changes.change_card(subscription, payment_method_id=good.stripe_payment_method_id, at=due_at + days(1))
    refill = Refill.objects.select_related("order__payment").get()
    assert refill.order is not None
    secret = stripe_side.intent(refill.order.payment.stripe_payment_intent_id or "")["client_secret"]
    (refill_id,) = billing.claim(at=due_at + days(1))

    together(
        lambda: charged.bill(refill_id, due_at + days(1)),
        lambda: stripe_side.pay(secret),
        lambda: charged.observe(refill.order, due_at + days(1)),  # type: ignore[arg-type]
    )
    charged.turn(due_at + days(1) + HOUR)
    charged.observe(refill.order, due_at + days(1) + HOUR)

    refill.refresh_from_db()
    assert refill.status == "paid"
    assert len(stripe_side.charges_of(refill.order.reference)) == 1
    assert subscription.cycles.count() == 2


@pytest.mark.django_db
def test_a_payment_that_is_confirmed_two_days_later_is_the_same_payment(
    charged: Routine, stripe_side: StripeSide
) -> None:
    subscription, due_at = announced(charged, card="authenticationRequired")
    charged.turn(due_at)
    charged.turn(due_at + days(1))
    refill = Refill.objects.select_related("order__payment").get()
    assert refill.order is not None
    assert (refill.status, len(mails("action_required"))) == ("action_required", 1)
    intent_id = refill.order.payment.stripe_payment_intent_id

    opened = checkout.pay_again(refill.order, at=due_at + days(2))
    assert opened.id == intent_id
    assert stripe_side.pay(opened.client_secret, CARD_3DS)["status"] == "requires_action"
    charged.turn(due_at + days(2))
    assert Refill.objects.get().status == "action_required", "the bank still waits, and so do we"
    assert stripe_side.authenticate(opened.client_secret)["status"] == "succeeded"
    charged.observe(refill.order, due_at + days(2))

    refill.refresh_from_db()
    assert refill.status == "paid"
    assert len(stripe_side.charges_of(refill.order.reference)) == 1
    assert cycle_of(subscription).due_on == refill.due_at.date() + timedelta(days=28)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_an_address_that_is_edited_as_the_worker_claims_holds_for_one_parcel_or_the_next(
    charged: Routine, stripe_side: StripeSide
) -> None:
    subscription, due_at = announced(charged)

    def edit() -> str:
        try:
            changes.change_address(subscription, address=ELSEWHERE, at=due_at)
        except holding.AppliesFromNextRefill:
            return "from the next refill on"
        return "at once"

    def work() -> None:
        for refill_id in billing.claim(at=due_at):
            charged.bill(refill_id, due_at)

    said, _ = together(edit, work)
    charged.turn(due_at + HOUR)
    charged.turn(due_at + days(3))
    charged.turn(due_at + days(3) + HOUR)

    (order,) = Order.objects.filter(origin="refill")
    assert len(stripe_side.charges_of(order.reference)) == 1
    wanted = {"at once": "YO1 7HH", "from the next refill on": "LS1 4AP"}
    assert order.shipping_address["postal_code"] == wanted[said]
    subscription.refresh_from_db()
    assert subscription.shipping_address["postal_code"] == order.shipping_address["postal_code"]
    assert Refill.objects.filter(status="paid").count() == 1


@pytest.mark.django_db
def test_of_three_in_one_parcel_one_is_skipped_and_two_are_sent(
    charged: Routine, stripe_side: StripeSide
) -> None:
    one, two, three = charged.begin(
        (make_variant(stock=9), 1, "week", 4),
        (make_oil(stock=9), 2, "week", 4),
        (make_variant(stock=9), 1, "week", 4),
    )
    due_at = cycle_of(one).due_at
    charged.turn(due_at - days(5))
    refill = Refill.objects.get()
    assert refill.items.count() == 3
    told = refill.quoted_total or 0

    changes.skip(two, at=due_at - days(1))
    charged.turn(due_at)

    refill.refresh_from_db()
    assert refill.order is not None
    assert refill.status == "paid"
    assert sorted(refill.order.lines.values_list("sku", flat=True)) == sorted(
        [one.variant.sku, three.variant.sku]
    )
    [charge] = stripe_side.charges_of(refill.order.reference)
    assert charge["amount"] == refill.order.total == refill.quoted_total < told
    assert {row: cycle_of(row).due_on - row.anchor_on for row in (one, two, three)} == dict.fromkeys(
        (one, two, three), timedelta(days=56)
    )
    assert len(mails("refill_upcoming")) == 1, "it became less: nobody is told anew"
    assert Order.objects.filter(origin="refill").count() == 1
