"""The pages about the goods."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from catalog.models import Price
from shop.storefront import listing
from tests.factories.catalog import PriceFactory, ProductFactory, make_bundle, make_oil, make_variant

pytestmark = pytest.mark.django_db


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content[:500]
    return " ".join(answer.content.decode().split())


def flakes(**fields: Any) -> Any:
    names = {name: fields.pop(name) for name in ("name", "slug") if name in fields}
    return make_variant(product=ProductFactory.create(**{"slug": "flakes", **names}), **fields)


def test_the_list_shows_price_unit_price_and_stock(client: Client) -> None:
    flakes(name="Plain flakes", stock=40)

    shown = page(client, "/")

    assert "Plain flakes" in shown
    assert "£12.50" in shown
    assert "£12.50 per kg" in shown
    assert "In stock" in shown


@pytest.mark.parametrize("count", [1, 12])
def test_the_list_asks_at_most_six_queries_with_a_cart(
    client: Client, count: int, django_assert_max_num_queries: Any
) -> None:
    variants = [make_variant() for _ in range(count)]
    make_bundle([(variants[0], 1)])
    client.post("/cart/add", {"sku": variants[0].sku, "quantity": 1})

    with django_assert_max_num_queries(6):
        page(client, "/")


def test_a_category_shows_only_its_own(client: Client) -> None:
    flakes(name="Plain flakes")
    make_oil()

    shown = page(client, "/?category=magnesium-oil")

    assert "Plain flakes" not in shown
    assert "/products/test-flakes" in shown


@pytest.mark.parametrize(
    "query", ["?category=nothing", "?order=nonsense", "?category=%F0%9F%9B%81&order=-price"]
)
def test_strange_filters_are_no_failure(client: Client, query: str) -> None:
    flakes()

    page(client, f"/{query}")


def test_products_come_by_price_when_asked() -> None:
    dear, cheap = make_variant(prices={"GBP": 3000}), make_variant(prices={"GBP": 900})

    now = datetime.now(UTC)
    up = listing.shelf(currency="GBP", category="", order="price", at=now)
    down = listing.shelf(currency="GBP", category="", order="-price", at=now)

    assert [card.product for card in up.cards] == [cheap.product, dear.product]
    assert [card.product for card in down.cards] == [dear.product, cheap.product]


def test_a_size_that_comes_just_once_says_so_beside_those_on_refill(client: Client) -> None:
    pouch = flakes(is_subscribable=False)
    make_variant(product=pouch.product)
    alone = make_variant(product=ProductFactory.create(slug="alone"), is_subscribable=False)

    beside, by_itself = page(client, "/products/flakes"), page(client, f"/products/{alone.product.slug}")

    assert beside.count("this size does not come on refill") == 1
    assert "this size does not come on refill" not in by_itself


def test_an_unpublished_product_has_no_page(client: Client) -> None:
    ProductFactory.create(slug="secret", is_published=False)

    assert client.get("/products/secret").status_code == 404


def test_the_page_shows_warnings_before_anybody_buys(client: Client) -> None:
    flakes()

    shown = page(client, "/products/flakes")

    assert "<details open>" in shown
    assert "With diabetes, numb feet" in shown


def test_the_estimator_answers_without_a_script(client: Client) -> None:
    sku = flakes().sku

    shown = page(client, f"/products/flakes?size={sku}&method=foot&dose=150&sessions=3&people=1")

    assert "lasts about <strong>15 days</strong>" in shown
    assert "2 × every 4 weeks" in shown
    assert "Add 2 × every 4 weeks" in shown


def test_more_than_the_label_is_warned_of(client: Client) -> None:
    flakes()

    shown = page(client, "/products/flakes?method=foot&dose=900&sessions=3")

    assert "more than the label" in shown


@pytest.mark.parametrize(
    "query",
    [
        "dose=-1", "dose=0", "dose=NaN", "dose=1e400", "sessions=x", "people=99999999999999999999", "method=inhale",
        "size=nothing&people=2", "sprays=5", "dose=%00",
    ],
)  # fmt: skip
def test_bad_values_are_told_and_never_a_failure(client: Client, query: str) -> None:
    flakes()

    answer = client.get(f"/products/flakes?{query}")

    assert answer.status_code in {200, 400}


def test_an_oil_is_estimated_by_sprays(client: Client) -> None:
    oil = make_oil()

    shown = page(client, f"/products/{oil.product.slug}?sprays=10")

    assert "lasts about <strong>63 days</strong>" in shown


def test_a_reduction_names_the_lowest_prior_price(client: Client) -> None:
    variant = flakes()
    since = datetime.now(UTC) - timedelta(days=1)
    PriceFactory.create(variant=variant, kind=Price.Kind.SALE, amount=1000, starts_at=since)

    shown = page(client, "/products/flakes")

    assert "£10.00" in shown
    assert "20 % less than £12.50, the lowest price of the 30 days before the reduction" in shown


def test_a_bundle_shows_the_unit_prices_of_its_parts(client: Client) -> None:
    bundle = make_bundle([(make_variant(), 1), (make_oil(), 1)], prices={"GBP": 2250})

    shown = page(client, f"/products/{bundle.product.slug}")

    assert "In the set" in shown
    assert "per kg" in shown
    assert "per litre" in shown


def test_prices_follow_the_chosen_country(client: Client, regions: None) -> None:
    flakes()

    answer = client.post("/country", {"country": "DE", "next": "/products/flakes"})

    assert answer.headers["Location"] == "/products/flakes"
    assert "€14.50" in page(client, "/products/flakes")


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"]
)
def test_a_choice_never_leads_off_the_site(client: Client, regions: None, elsewhere: str) -> None:
    answer = client.post("/country", {"country": "DE", "next": elsewhere})

    assert answer.headers["Location"] == "/"


def test_an_unknown_country_is_told(client: Client, regions: None) -> None:
    answer = client.post("/country", {"country": "ZZ"})

    assert answer.status_code == 200
    assert b"Select a valid choice" in answer.content
