"""Nobody tries out a list of cards here: limits on intents, on declines, by address, cart and e-mail."""

from typing import Any

import pytest
from django.test import Client

from catalog.models import StockReservation
from orders import reconciler
from orders.models import Consent, Order, PaymentAttempt
from shop.clock import reading
from shop.mail.models import OutboxMessage
from tests.factories.catalog import make_variant
from tests.stripe_side import CARD_DECLINED, CARD_OK, StripeSide
from tests.till import Till

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _real_numbers(settings: Any) -> None:
    settings.RATE_LIMIT_SCALE = 1
    settings.TRUSTED_PROXY_COUNT = 1
    settings.LIMITS = {**settings.LIMITS, "checkout_per_ip": (3, 3600), "payment_per_order": (4, 3600)}
    make_variant(sku="FLK", stock=100)


@pytest.fixture(params=["Redis", "PostgreSQL"])
def store(request: pytest.FixtureRequest, settings: Any) -> None:
    if request.param == "PostgreSQL":
        settings.REDIS_URL = "redis://127.0.0.1:9/0"


def _pay(till: Till, placed: dict[str, Any], ip: str = "198.51.100.1") -> Any:
    headers = {"Authorization": f"OrderToken {placed['token']}", "X-Forwarded-For": ip}
    return till.send("POST", f"orders/{placed['reference']}/payment", **headers)


def _check_out(till: Till, ip: str, *, email: str = "ada@buyer.example") -> Any:
    return till.check_out(till.cart(("FLK", 1), email=email), **{"X-Forwarded-For": ip})


def _decline(till: Till, stripe_side: StripeSide, placed: dict[str, Any], times: int) -> None:
    """Have a card declined, and the browser come back: the return page learns it, with or without Redis."""
    for _ in range(times):
        stripe_side.pay(placed["payment"]["client_secret"], CARD_DECLINED)
        headers = {"Authorization": f"OrderToken {placed['token']}"}
        assert till.send("POST", f"orders/{placed['reference']}/refresh", **headers).status_code == 200


def test_one_address_gets_so_many_intents_an_hour(till: Till, store: None) -> None:
    answers = [_check_out(till, "198.51.100.1", email=f"{n}@x.example") for n in range(4)]

    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    refused = answers[-1]
    assert refused.json()["code"] == "rate_limited"
    assert refused["Retry-After"] == str(refused.json()["retry_after"])
    assert 3000 < refused.json()["retry_after"] <= 3600
    assert Order.objects.count() == PaymentAttempt.objects.count() == 3, "nothing was written or asked"
    assert StockReservation.objects.count() == 3
    assert _check_out(till, "198.51.100.2", email="other@x.example").status_code == 201


def test_one_email_address_is_limited_whatever_the_carts_and_visitors(till: Till, settings: Any) -> None:
    settings.LIMITS = {**settings.LIMITS, "checkout_per_email": (2, 3600)}

    codes = [
        _check_out(till, f"198.51.100.{n}", email=email).status_code
        for n, email in enumerate(["ada@x.example", "Ada@x.example", "ADA@x.example", "bob@x.example"])
    ]

    assert codes == [201, 201, 429, 201]


def test_a_checkout_that_was_refused_costs_nothing(till: Till) -> None:
    token = till.cart(("FLK", 1))

    codes = [
        till.check_out(token, total=1, **{"X-Forwarded-For": "198.51.100.1"}).status_code for _ in range(8)
    ]

    assert codes == [409] * 8
    assert till.check_out(token, **{"X-Forwarded-For": "198.51.100.1"}).status_code == 201


def test_one_order_takes_so_many_requests_to_pay_an_hour(till: Till, store: None) -> None:
    placed = till.order(("FLK", 1))

    codes = [_pay(till, placed, f"198.51.100.{n}").status_code for n in range(6)]

    assert codes == [200] * 4 + [429] * 2


def test_after_five_declines_an_order_takes_no_more_and_staff_hear_once(
    till: Till, stripe_side: StripeSide, settings: Any, store: None
) -> None:
    placed = till.order(("FLK", 1))
    _decline(till, stripe_side, placed, 4)
    assert _pay(till, placed).status_code == 200
    assert not OutboxMessage.objects.filter(kind="staff_review").exists()

    _decline(till, stripe_side, placed, 3)

    refused = _pay(till, placed, "198.51.100.77")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_declines")
    assert 3000 < int(refused["Retry-After"]) <= 3601
    mail = OutboxMessage.objects.get(kind="staff_review")
    assert (mail.to, "many declined cards" in mail.text) == (settings.STAFF_ALERT_EMAILS[0], True)
    page = Client().get(f"/pay/{placed['token']}", headers={"X-Forwarded-For": "198.51.100.78"})
    assert page.status_code == 429
    assert b"payment-element" not in page.content


def test_money_that_arrives_after_many_declines_is_still_taken(till: Till, stripe_side: StripeSide) -> None:
    placed = till.order(("FLK", 1))
    _decline(till, stripe_side, placed, 6)

    stripe_side.pay(placed["payment"]["client_secret"], CARD_OK)
    till.settle()

    order = Order.objects.get()
    assert (order.status, order.payment_status) == ("placed", "paid")


def test_an_address_with_ten_declines_gets_no_further_intent(
    till: Till, stripe_side: StripeSide, settings: Any, store: None
) -> None:
    settings.LIMITS = {**settings.LIMITS, "declines_per_ip": (2, 3600)}
    placed = _check_out(till, "198.51.100.1").json()
    _decline(till, stripe_side, placed, 2)

    refused = _check_out(till, "198.51.100.1", email="other@x.example")

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_declines")
    assert Order.objects.count() == 1
    assert _check_out(till, "198.51.100.2", email="other@x.example").status_code == 201


def test_the_consent_names_the_visitor_behind_our_proxy_and_no_garbage(till: Till) -> None:
    _check_out(till, "6.6.6.6, 198.51.100.1")
    _check_out(till, "'; DROP TABLE x; --", email="b@x.example")

    assert list(Consent.objects.order_by("pk").values_list("ip_address", flat=True)) == [
        "198.51.100.1",
        "127.0.0.1",
    ]


def test_an_order_on_which_cards_are_tried_past_our_refusal_is_ended_at_stripe(
    till: Till, stripe_side: StripeSide, settings: Any
) -> None:
    settings.LIMITS = {**settings.LIMITS, "declines_per_order": (2, 3600)}
    probed, other = (
        _check_out(till, ip, email=f"{ip}@x.example").json() for ip in ("192.0.2.1", "192.0.2.2")
    )
    _decline(till, stripe_side, other, 3)
    _decline(till, stripe_side, probed, 4)

    reconciler.end_probed_orders(at=reading.now())

    statuses = dict(Order.objects.values_list("reference", "status"))
    assert statuses == {probed["reference"]: "cancelled", other["reference"]: "pending"}
    answer = stripe_side.pay(probed["payment"]["client_secret"], CARD_OK)
    assert answer["error"]["code"] == "payment_intent_unexpected_state"
    assert stripe_side.charges_of(probed["reference"]) == []
    assert not StockReservation.objects.filter(
        status="held", reference=f"order:{probed['reference']}"
    ).exists()
