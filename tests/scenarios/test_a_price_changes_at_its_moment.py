"""A price that staff planned takes effect by itself: no page, cart, cache or checkout shows the old one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from catalog import pricing
from catalog.models import Price, Variant
from orders.models import Order
from tests.factories.catalog import make_bundle, make_variant
from tests.till import Till

pytestmark = pytest.mark.django_db

MOMENT = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
SECOND = timedelta(seconds=1)


@pytest.fixture
def variant() -> Variant:
    found = make_variant(sku="FLK", product__slug="flakes", prices={"GBP": 1250, "EUR": 1450})
    plan(found, Price.Kind.LIST, 1350)
    return found


def plan(variant: Variant, kind: str, amount: int) -> None:
    at = MOMENT - timedelta(days=7)
    pricing.change_price(variant=variant, currency="GBP", kind=kind, amount=amount, starts_at=MOMENT, at=at)


def at_both_sides(look: Any) -> tuple[Any, Any]:
    """What somebody sees in the last second of the old price, and at the moment of the new one."""
    with time_machine.travel(MOMENT - SECOND, tick=False):
        before = look()
    with time_machine.travel(MOMENT, tick=False):
        return before, look()


def test_the_product_list_follows_at_once(client: Client, variant: Variant) -> None:
    make_bundle([(variant, 1)], prices={"GBP": 2250})

    def look() -> Any:
        [found] = client.get("/api/v1/products").json()["results"]
        [bundle] = client.get("/api/v1/bundles").json()["results"]
        [part] = bundle["variants"][0]["components"]
        return (
            found["price_from"]["amount"],
            found["variants"][0]["unit_price"]["amount"],
            part["price"]["amount"],
        )

    assert at_both_sides(look) == ((1250, 1250, 1250), (1350, 1350, 1350))


def test_the_product_and_its_refill_price_follow_at_once(client: Client, variant: Variant) -> None:
    def look() -> Any:
        [found] = client.get("/api/v1/products/flakes").json()["variants"]
        return found["price"]["amount"], found["refill"]["price"]["amount"]

    assert at_both_sides(look) == ((1250, 1125), (1350, 1215))


def test_the_pages_follow_at_once(client: Client, variant: Variant) -> None:
    def look() -> Any:
        pages = [client.get(address).content.decode() for address in ("/", "/products/flakes")]
        return ["£12.50" in page for page in pages], ["£13.50" in page for page in pages]

    before, after = at_both_sides(look)

    assert before == ([True, True], [False, False])
    assert after == ([False, False], [True, True])


@pytest.mark.parametrize("address", ["/api/v1/products", "/api/v1/products/flakes", "/", "/products/flakes"])
def test_no_answer_with_a_price_may_be_kept(client: Client, variant: Variant, address: str) -> None:
    def look() -> Any:
        return client.get(address)

    before, after = at_both_sides(look)
    tag = before.headers.get("ETag")

    assert "max-age" not in after.headers.get("Cache-Control", "")
    assert not after.headers.get("Expires")
    assert tag is None or tag != after.headers.get("ETag")
    assert after.status_code == 200


def test_a_cart_follows_and_the_checkout_asks_again(till: Till, variant: Variant) -> None:
    token = till.cart(("FLK", 2))

    seen, new = at_both_sides(lambda: till.total(token))
    with time_machine.travel(MOMENT, tick=False):
        refused = till.check_out(token, total=seen)

    assert (seen, new) == (2 * 1250 + 595, 2 * 1350 + 595)
    assert refused.status_code == 409
    problem = refused.json()
    assert (problem["code"], problem["total"]["amount"]) == ("price_changed", new)
    assert not Order.objects.exists()


def test_a_planned_sale_begins_and_ends_by_itself(client: Client, variant: Variant) -> None:
    at = MOMENT - timedelta(days=7)
    pricing.change_price(
        variant=variant, currency="EUR", kind=Price.Kind.SALE, amount=1160,
        starts_at=MOMENT, ends_at=MOMENT + 2 * SECOND, at=at,
    )  # fmt: skip

    def look() -> Any:
        [found] = client.get("/api/v1/products/flakes?currency=EUR").json()["variants"]
        prior = found["lowest_prior_price"]
        return found["price"]["amount"], prior and prior["amount"], found["reduction_percent"]

    before, during = at_both_sides(look)
    with time_machine.travel(MOMENT + 2 * SECOND, tick=False):
        after = look()

    assert before == (1450, None, None)
    assert during == (1160, 1450, 20)
    assert after == (1450, None, None)
