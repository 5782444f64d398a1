"""Discount codes on the cart's page: entered, explained, taken out; and an order of nothing at the checkout."""

import pytest
from django.test import Client

from orders.models import Cart, Order
from shop.storefront import baskets
from tests.factories.catalog import make_variant
from tests.factories.discounts import make_discount
from tests.factories.orders import HOME

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("regions")]


@pytest.fixture
def shopper(client: Client) -> Client:
    """A visitor with one pouch of £10.00 in the cart."""
    make_variant(sku="FLK", prices={"GBP": 1000})
    client.post("/cart/add", {"sku": "FLK", "quantity": 1})
    assert baskets.COOKIE in client.cookies
    return client


def _page(client: Client) -> str:
    return client.get("/cart").content.decode()


def test_a_code_lowers_the_total_and_is_shown_with_what_it_saves(shopper: Client) -> None:
    make_discount(code="TENOFF")

    answer = shopper.post("/cart/code", {"code": "ten-off"})

    page = _page(shopper)
    assert (answer.status_code, answer["Location"]) == (302, "/cart#codes")
    assert "Ten per cent off" in page
    assert "−£1.00" in page
    assert '<s class="was">£10.00</s>' in page
    assert Cart.objects.get().discount_codes == ["TENOFF"]


def test_a_refused_code_says_why_beside_it_and_leaves_when_asked(shopper: Client) -> None:
    shopper.post("/cart/code", {"code": "nonsense"})
    refused = _page(shopper)

    shopper.post("/cart/code/remove", {"code": "NONSENSE"})

    assert "We do not know this code." in refused
    assert "To the checkout" not in refused
    assert "NONSENSE" not in _page(shopper)
    assert "To the checkout" in _page(shopper)


@pytest.mark.parametrize("code", ["", "x" * 41, "a\nb", "<script>alert(1)</script>"])
def test_what_cannot_be_a_code_harms_nothing(shopper: Client, code: str) -> None:
    answer = shopper.post("/cart/code", {"code": code})

    assert answer.status_code == 302
    assert "<script>alert" not in _page(shopper).lower()


def test_guessing_is_limited_on_the_page_too(shopper: Client, settings: pytest.FixtureRequest) -> None:
    settings.RATE_LIMIT_SCALE = 1  # type: ignore[attr-defined]
    settings.LIMITS = {**settings.LIMITS, "codes_per_ip": (1, 3600)}  # type: ignore[attr-defined]
    shopper.post("/cart/code", {"code": "first"})

    shopper.post("/cart/code", {"code": "second"})

    assert "Too many attempts." in _page(shopper)
    assert Cart.objects.get().discount_codes == ["FIRST"]


def test_a_visitor_without_a_cart_is_told_nothing_of_codes(client: Client) -> None:
    make_discount(code="TENOFF")

    answer = client.post("/cart/code", {"code": "TENOFF"}, follow=True)

    assert answer.status_code == 200
    assert "Ten per cent off" not in answer.content.decode()


def test_an_order_of_nothing_is_placed_without_a_payment_page(shopper: Client) -> None:
    make_discount(code="GIFT", percent="100")
    make_discount(code="POST", kind="free_shipping")
    for code in ("GIFT", "POST"):
        shopper.post("/cart/code", {"code": code})
    form = {**HOME, "email": "ada@buyer.example", "shipping_method": "standard", "terms": "on"}
    shopper.post("/checkout", {**form, "expected_total": "0", "update": "1"})
    page = shopper.get("/checkout").content.decode()

    answer = shopper.post("/checkout", {**form, "expected_total": "0"}, follow=True)

    assert "Order — nothing to pay" in page
    assert "There was nothing to pay." in answer.content.decode()
    assert Order.objects.get().status == "placed"
