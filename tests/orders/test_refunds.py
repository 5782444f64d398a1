"""Refunds: exact to the penny, never more than was received, one at a time."""

import pytest
from django.utils import timezone

from orders import reconciler, refunds
from orders.models import Order, StripeRefund
from tests.factories.catalog import make_variant
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
