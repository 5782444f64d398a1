"""Refunds: exact to the penny, never more than was received, one at a time."""

from dataclasses import replace
from datetime import timedelta

import pytest
import requests
from django.contrib.auth.models import Group
from django.utils import timezone

from orders import reconciler, refunds, settlement, stripe_gateway
from orders.models import Order, Payment, StripeRefund, WebhookEvent
from shop.accounts import roles
from shop.accounts.models import RefundLimit, User
from shop.mail.models import OutboxMessage
from tests.factories.catalog import make_variant
from tests.outages import answer_lost
from tests.stripe_side import StripeSide
from tests.till import Till

pytestmark = pytest.mark.django_db


def _request(order: Order, **what: object) -> StripeRefund:
    return refunds.request_refund(order, reason="test", actor=None, at=timezone.now(), **what)  # type: ignore[arg-type]


def test_units_refunded_one_by_one_sum_to_the_line(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 333})
    order = till.bought(("FLK", 3))
    line = order.lines.get()

    amounts = [_request(order, lines={line.pk: 1}).amount for _ in range(3)]

    assert sum(amounts) == line.gross
    with pytest.raises(refunds.RefundTooLarge):
        _request(order, lines={line.pk: 1})


def test_shipping_goes_back_once(till: Till) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1))

    assert _request(order, with_shipping=True).amount == order.shipping_total
    with pytest.raises(refunds.RefundTooLarge):
        _request(order, with_shipping=True)


def test_the_rest_after_partial_refunds_is_exactly_what_is_left(till: Till) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 2))
    _request(order, amount=1)
    _request(order, lines={order.lines.get().pk: 1}, with_shipping=True)

    _request(order)
    reconciler.send_refunds(at=timezone.now())

    order.refresh_from_db()
    order.payment.refresh_from_db()
    assert order.payment.amount_refunded == order.payment.amount_received == order.total
    assert order.payment_status == "refunded"


@pytest.mark.parametrize("amount", [0, -1, 10**9])
def test_an_impossible_amount_is_refused_and_nothing_written(till: Till, amount: int) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1))

    with pytest.raises(refunds.RefundTooLarge):
        _request(order, amount=amount)

    assert not StripeRefund.objects.exists()


def test_a_refund_that_stripe_never_answered_is_sent_again_under_its_key(
    till: Till, settings: object, stripe_url: str
) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1))
    refund = _request(order, amount=500)
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"  # type: ignore[attr-defined]
    reconciler.send_refunds(at=timezone.now())
    refund.refresh_from_db()
    assert refund.status == "requested"

    settings.STRIPE_API_BASE = stripe_url  # type: ignore[attr-defined]
    reconciler.send_refunds(at=timezone.now())
    reconciler.send_refunds(at=timezone.now())

    refund.refresh_from_db()
    order.payment.refresh_from_db()
    assert (refund.status, order.payment.amount_refunded) == ("succeeded", 500)


def test_a_refund_is_not_paid_twice_once_stripe_has_forgotten_the_key(
    till: Till, stripe_side: StripeSide
) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 2))
    at = timezone.now()
    refund = _request(order, amount=300)
    with answer_lost("create_refund"):
        reconciler.send_refunds(at=at)
    requests.post(f"{stripe_side.url}/_test/idempotency/prune", timeout=5)

    reconciler.send_refunds(at=at + timedelta(days=2))

    refund.refresh_from_db()
    (sent,) = stripe_gateway.list_refunds(order.payment.stripe_payment_intent_id or "")
    assert (sent.amount, sent.our_refund_id) == (300, str(refund.pk))
    assert (refund.status, refund.stripe_refund_id) == ("succeeded", sent.id)


def test_a_refund_that_stripe_refuses_is_told_to_staff(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1))
    refund = _request(order)

    def refuse(**_: object) -> None:
        raise stripe_gateway.Refused("balance_insufficient", "", "Insufficient funds", None)

    monkeypatch.setattr(stripe_gateway, "create_refund", refuse)

    reconciler.send_refunds(at=timezone.now())
    reconciler.send_refunds(at=timezone.now())

    refund.refresh_from_db()
    order.refresh_from_db()
    assert (refund.status, refund.failure_reason) == ("failed", "balance_insufficient")
    assert refunds.waiting_ids() == []
    assert "balance_insufficient" in order.review_reason
    assert order.events.filter(kind="refund_refused").count() == 1
    assert OutboxMessage.objects.filter(kind="staff_review").count() == 1
    assert not OutboxMessage.objects.filter(kind="refund").exists(), "the customer is told of no money"
    assert (order.payment_status, refunds.refundable(order.payment)) == ("paid", order.total)


def test_news_of_a_refund_may_overtake_the_news_of_the_payment(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    stripe_side.pay(placed["payment"]["client_secret"])
    intent_id = placed["payment"]["client_secret"].split("_secret_")[0]
    stripe_side.refund_in_dashboard(intent_id, 100)
    (found,) = stripe_gateway.list_refunds(intent_id)

    settlement.observe_refund(found, at=timezone.now())

    order = Order.objects.get()
    assert (order.status, order.payment_status) == ("placed", "partially_refunded")
    assert (order.payment.amount_received, order.payment.amount_refunded) == (order.total, 100)


def test_a_refund_of_an_order_under_review_is_worked_off(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    Payment.objects.update(amount=1)
    stripe_side.pay(placed["payment"]["client_secret"])
    till.settle()
    order = Order.objects.get()

    stripe_side.refund_in_dashboard(order.payment.stripe_payment_intent_id or "", 500)
    till.settle()

    order = Order.objects.get()
    assert not WebhookEvent.objects.filter(processed_at=None).exists()
    assert (order.payment_status, order.payment.amount_refunded) == ("unpaid", 500)
    assert order.payment.amount_received == order.total
    assert StripeRefund.objects.get().status == "succeeded"


def test_a_stale_answer_does_not_undo_a_refund(till: Till) -> None:
    make_variant(sku="FLK")
    order = till.bought(("FLK", 1))
    _request(order, amount=500)
    reconciler.send_refunds(at=timezone.now())
    (found,) = stripe_gateway.list_refunds(order.payment.stripe_payment_intent_id or "")
    told = OutboxMessage.objects.count()

    settlement.observe_refund(replace(found, status="pending"), at=timezone.now())

    order.refresh_from_db()
    assert StripeRefund.objects.get().status == "succeeded"
    assert (order.payment_status, order.payment.amount_refunded) == ("partially_refunded", 500)
    assert OutboxMessage.objects.count() == told


def member(role: str) -> User:
    roles.write_permissions()
    user = User.objects.create_user(f"{role}@shop.example", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def test_a_role_refunds_up_to_its_limit_of_one_order_and_not_in_slices(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    order = till.bought(("FLK", 2))
    sue = member("support")
    RefundLimit.objects.update_or_create(group=sue.groups.get(), currency="GBP", defaults={"amount": 1000})
    at = timezone.now()

    refunds.request_refund(order, amount=600, reason="torn", actor=sue, at=at)
    with pytest.raises(refunds.AboveYourLimit, match=r"£4\.00"):
        refunds.request_refund(order, amount=401, reason="torn", actor=sue, at=at)
    refunds.request_refund(order, amount=400, reason="torn", actor=sue, at=at)
    with pytest.raises(refunds.AboveYourLimit):
        refunds.request_refund(order, amount=1, reason="torn", actor=sue, at=at)

    assert sum(StripeRefund.objects.values_list("amount", flat=True)) == 1000


def test_who_has_no_limit_refunds_nothing_and_a_manager_everything(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    order = till.bought(("FLK", 1))
    at = timezone.now()

    with pytest.raises(refunds.AboveYourLimit):
        refunds.request_refund(order, amount=1, reason="torn", actor=member("warehouse"), at=at)
    made = refunds.request_refund(order, reason="torn", actor=member("manager"), at=at)

    assert made.amount == order.total
    assert StripeRefund.objects.count() == 1
