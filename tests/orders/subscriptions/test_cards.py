"""Cards and customers that change or vanish at Stripe."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from orders import reconciler
from orders.models import Customer, Order, PaymentAttempt, Refill, SavedCard, Subscription
from orders.subscriptions import billing, cards, changes
from shop.accounts.models import User
from tests.factories.catalog import make_oil, make_variant
from tests.orders.subscriptions.routine import Routine, confirms, cycle_of, days, mails
from tests.stripe_side import StripeSide
from tests.till import Till, work_off

pytestmark = pytest.mark.django_db
EVERY_FOUR_WEEKS = {"unit": "week", "count": 4}


def heard(stripe: StripeSide) -> None:
    """Stripe's events arrive and are worked off."""
    stripe.deliver(Client())
    work_off()


def vanish(charged: Routine, card: SavedCard) -> None:
    assert charged.stripe is not None
    charged.stripe.ask(f"/v1/payment_methods/{card.stripe_payment_method_id}/detach", {})


def delete_customer(charged: Routine, customer: Customer) -> str:
    assert charged.stripe is not None
    deleted = customer.stripe_customer_id or ""
    charged.stripe.delete(f"/v1/customers/{deleted}")
    return deleted


def test_a_card_that_its_bank_renewed_shows_its_new_digits(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    card = subscription.card
    assert card is not None
    assert charged.stripe is not None
    charged.stripe.control(
        "update-card", payment_method=card.stripe_payment_method_id, last4="1881", exp_year=2039, exp_month=7
    )

    heard(charged.stripe)

    card.refresh_from_db()
    assert (card.last4, card.exp_month, card.exp_year, card.removed_at) == ("1881", 7, 2039, None)
    assert mails("card_missing") == []


def test_a_detached_card_leaves_the_plan_and_its_owner_is_asked_for_another(charged: Routine) -> None:
    items = ((make_variant(), 1, "week", 4), (make_oil(), 1, "week", 6))
    first, second = charged.begin(*items)
    (other,) = charged.begin((make_variant(), 1, "week", 4))
    card = first.card
    assert card is not None
    assert charged.stripe is not None
    vanish(charged, card)

    heard(charged.stripe)
    charged.stripe.deliver(Client(), again=True)
    work_off()

    for row in (first, second, other, card):
        row.refresh_from_db()
    assert card.removed_at is not None
    assert (first.card, second.card, first.status) == (None, None, "active")
    assert other.card is not None
    (mail,) = mails("card_missing")
    assert "Action required" in mail.subject
    assert mail.text.count(" × ") == 2
    due_at = cycle_of(first).due_at
    charged.turn(due_at - days(5))
    charged.turn(due_at)
    assert not Refill.objects.filter(customer=first.customer).exists()
    assert PaymentAttempt.objects.filter(payment__order__customer=first.customer, kind="confirm").count() == 0


def test_an_announced_refill_whose_card_vanished_waits_for_another_card(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    card, due_at = subscription.card, cycle_of(subscription).due_at
    assert card is not None
    assert charged.stripe is not None
    charged.turn(due_at - days(5))
    vanish(charged, card)
    heard(charged.stripe)

    for day in range(0, 12, 2):
        charged.turn(due_at + days(day))

    refill = Refill.objects.get()
    assert (refill.status, refill.order, refill.card) == ("planned", None, None)
    assert len(mails("refill_upcoming")) == 1, "what waits for a card is not announced again and again"

    good = charged.saved(subscription.customer, "visa")
    changes.change_card(subscription, payment_method_id=good.stripe_payment_method_id, at=due_at + days(12))
    charged.turn(due_at + days(12))
    charged.turn(due_at + days(15))

    refill.refresh_from_db()
    assert (refill.status, refill.card) == ("paid", good)
    assert len(mails("refill_upcoming")) == 2


def test_a_card_that_is_gone_when_it_is_charged_is_a_hard_decline(charged: Routine) -> None:
    """No webhook told of it: Stripe's refusal does, once."""
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    card, at = subscription.card, cycle_of(subscription).due_at
    assert card is not None
    charged.turn(at - days(5))
    vanish(charged, card)

    for day in range(12):
        charged.turn(at + days(day))

    refill = Refill.objects.get()
    card.refresh_from_db()
    subscription.refresh_from_db()
    assert (refill.status, refill.next_attempt_at, confirms(refill.order)) == ("dunning", None, 1)
    assert card.removed_at is not None
    assert subscription.card is None
    assert len(mails("refill_declined")) == 1
    assert "do not try this card again" in mails("refill_declined")[0].text
    good = charged.saved(subscription.customer, "visa")
    changes.change_card(subscription, payment_method_id=good.stripe_payment_method_id, at=at + days(12))
    charged.turn(at + days(12))
    refill.refresh_from_db()
    assert refill.status == "paid"


def test_a_card_that_stripe_never_had_is_a_hard_decline_too(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    SavedCard.objects.update(stripe_payment_method_id="pm_never_there")
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))

    charged.turn(at)
    charged.turn(at + days(2))

    refill = Refill.objects.get()
    assert (refill.status, refill.next_attempt_at, confirms(refill.order)) == ("dunning", None, 1)
    assert SavedCard.objects.get().removed_at is not None


def test_a_customer_deleted_at_stripe_is_forgotten_with_the_cards(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    customer = subscription.customer
    deleted = delete_customer(charged, customer)
    assert charged.stripe is not None

    heard(charged.stripe)
    charged.stripe.deliver(Client(), again=True)
    work_off()

    customer.refresh_from_db()
    subscription.refresh_from_db()
    assert (customer.stripe_customer_id, customer.former_stripe_ids) == (None, [deleted])
    assert SavedCard.objects.get().removed_at is not None
    assert (subscription.card, subscription.status) == (None, "active")
    assert len(mails("card_missing")) == 1


def test_a_customer_deleted_without_a_word_is_noticed_at_the_next_charge(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    customer, at = subscription.customer, cycle_of(subscription).due_at
    charged.turn(at - days(5))
    deleted = delete_customer(charged, customer)

    for day in range(10):
        charged.turn(at + days(day))

    refill = Refill.objects.get()
    customer.refresh_from_db()
    assert customer.former_stripe_ids == [deleted]
    assert customer.stripe_customer_id not in {None, deleted}
    assert (refill.status, refill.next_attempt_at, confirms(refill.order)) == ("dunning", None, 1)
    assert SavedCard.objects.get().removed_at is not None
    assert len(mails("refill_declined")) == 1
    good = charged.saved(customer, "visa")
    changes.change_card(subscription, payment_method_id=good.stripe_payment_method_id, at=at + days(11))
    charged.turn(at + days(11))
    refill.refresh_from_db()
    assert refill.status == "paid"
    assert refill.order is not None
    assert charged.stripe is not None
    assert len(charged.stripe.charges_of(refill.order.reference)) == 1


def test_a_declined_refill_of_a_deleted_customer_is_paid_with_a_new_intent(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4), card="chargeCustomerFail")
    customer, at = subscription.customer, cycle_of(subscription).due_at
    charged.turn(at - days(5))
    charged.turn(at)
    refill = Refill.objects.get()
    assert refill.order is not None
    before = refill.order.payment.stripe_payment_intent_id
    delete_customer(charged, customer)
    assert charged.stripe is not None
    heard(charged.stripe)
    customer.refresh_from_db()
    answer = charged.stripe.ask("/v1/customers", {"email": customer.email})
    Customer.objects.filter(pk=customer.pk).update(stripe_customer_id=answer["id"])
    customer.refresh_from_db()
    good = charged.saved(customer, "visa")

    changes.change_card(subscription, payment_method_id=good.stripe_payment_method_id, at=at + days(2))
    charged.turn(at + days(2))
    heard(charged.stripe)

    refill.refresh_from_db()
    refill.order.refresh_from_db()
    assert refill.status == "paid"
    assert refill.order.payment.stripe_payment_intent_id != before
    assert charged.stripe.intent(before or "")["status"] == "canceled"
    assert len(charged.stripe.charges_of(refill.order.reference)) == 1
    assert refill.order.review_reason == ""


def test_an_order_that_waits_gets_a_new_intent_when_its_customer_was_deleted(
    till: Till, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1, EVERY_FOUR_WEEKS))
    customer = Customer.objects.get()
    deleted = customer.stripe_customer_id
    stripe_side.delete(f"/v1/customers/{deleted}")
    till.settle()

    path = f"orders/{placed['reference']}/payment"
    again = till.send("POST", path, Authorization=f"OrderToken {placed['token']}")

    assert again.status_code == 200, again.content
    secret = (
        again.json()["client_secret"]
        if "client_secret" in again.json()
        else again.json()["payment"]["client_secret"]
    )
    assert secret != placed["payment"]["client_secret"]
    stripe_side.pay(secret)
    till.settle()
    order = Order.objects.get()
    customer.refresh_from_db()
    assert (order.status, order.payment_status, order.review_reason) == ("placed", "paid", "")
    assert customer.stripe_customer_id not in {None, deleted}
    assert Subscription.objects.get().card is not None
    old = placed["payment"]["client_secret"].split("_secret_")[0]
    assert stripe_side.intent(old)["status"] == "canceled"
    assert len(stripe_side.charges_of(order.reference)) == 1


@pytest.mark.parametrize("heard_of", [True, False])
def test_the_next_checkout_opens_a_new_customer(till: Till, stripe_side: StripeSide, heard_of: bool) -> None:
    make_variant(sku="FLK")
    user = User.objects.create_user("ada@buyer.example", "secret-words-9")
    till.client.force_login(user)
    till.bought(("FLK", 1, EVERY_FOUR_WEEKS))
    customer = Customer.objects.get()
    deleted = customer.stripe_customer_id
    stripe_side.delete(f"/v1/customers/{deleted}")
    if heard_of:
        till.settle()

    second = till.bought(("FLK", 2, EVERY_FOUR_WEEKS))

    customer.refresh_from_db()
    assert second.payment_status == "paid"
    assert second.customer == customer
    assert customer.stripe_customer_id not in {None, deleted}
    assert customer.former_stripe_ids == [deleted]
    assert SavedCard.objects.filter(removed_at__isnull=True).count() == 1


def test_an_order_written_for_a_customer_who_is_deleted_meanwhile_is_no_error(
    till: Till, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempt was committed with the order, its call never made; then the event arrives."""
    make_variant(sku="FLK")
    user = User.objects.create_user("ada@buyer.example", "secret-words-9")
    till.client.force_login(user)
    till.bought(("FLK", 1, EVERY_FOUR_WEEKS))
    token = till.cart(("FLK", 1, EVERY_FOUR_WEEKS))
    with monkeypatch.context() as patch:
        patch.setattr("orders.payments.open_intent", _dies)
        with pytest.raises(RuntimeError):
            till.check_out(token)
    stripe_side.delete(f"/v1/customers/{Customer.objects.get().stripe_customer_id}")
    till.settle()

    again = till.check_out(token, total=Order.objects.latest("pk").total)

    assert again.status_code == 200, again.content
    attempts = Order.objects.latest("pk").payment.attempts.values_list("kind", "outcome", "error_code")
    assert list(attempts) == [
        ("create_intent", "refused", "customer_gone"),
        ("create_customer", "ok", ""),
        ("create_intent", "ok", ""),
    ]


def _dies(*args: object, **kwargs: object) -> None:
    raise RuntimeError("the process was killed")


def test_a_dispute_ends_planned_refills_and_brings_a_charge_on_its_way_to_its_end(charged: Routine) -> None:
    """Three refills of one account: one announced, one declined, one being charged."""
    (subscription,) = charged.begin((make_variant(), 1, "week", 4))
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))
    charged.turn(at)
    order = Refill.objects.get().order
    assert order is not None
    coming = cycle_of(subscription).due_at
    charged.turn(coming - days(5))
    (refill_id,) = billing.claim(at=coming)
    assert charged.stripe is not None
    charged.stripe.control("dispute", payment_intent=order.payment.stripe_payment_intent_id)
    reconciler.check_disputes(at=timezone.now())

    charged.bill(refill_id, coming)
    charged.turn(coming + days(1))

    refill = Refill.objects.get(pk=refill_id)
    subscription.refresh_from_db()
    assert (refill.status, refill.order) == ("skipped", None)
    assert (subscription.status, subscription.status_reason) == ("paused", "dispute")
    assert subscription.cycles.filter(status="open").count() == 1


def test_a_refill_declined_after_its_customer_was_halted_is_not_tried_again(charged: Routine) -> None:
    (subscription,) = charged.begin((make_variant(), 1, "week", 4), card="chargeCustomerFail")
    at = cycle_of(subscription).due_at
    charged.turn(at - days(5))
    charged.turn(at)
    refill = Refill.objects.get()
    Subscription.objects.update(status="paused", status_reason="dispute", paused_at=at)

    charged.turn(at + days(1) + timedelta(minutes=1))

    refill.refresh_from_db()
    assert (refill.status, confirms(refill.order)) == ("skipped", 1)


def test_a_card_that_is_not_ours_is_not_asked_about(stripe_side: StripeSide, db: None) -> None:
    cards.ask("pm_of_somebody_else", at=timezone.now())

    assert not SavedCard.objects.exists()
