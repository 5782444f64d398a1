"""What the list shows and hides, page by page."""

from datetime import timedelta

import pytest

from catalog import inventory
from catalog.models import Price, Product, Variant
from shop.clock import reading
from tests.factories.catalog import PriceFactory, make_bundle, make_variant

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.catalog.urls")]


def get(client, address, **query):
    return client.get(f"/api/v1/{address}", query)


def slugs(client, **query):
    answer = get(client, "products", **query)
    assert answer.status_code == 200, answer.content
    return [row["slug"] for row in answer.json()["results"]]


def test_in_stock_means_that_something_can_be_bought(client):
    out, part = make_variant(stock=0), make_variant(stock=1)
    whole, short = make_bundle([(part, 1)]), make_bundle([(part, 2)])

    assert slugs(client, in_stock="true") == [part.product.slug]
    assert slugs(client, in_stock="false") == [out.product.slug]
    assert slugs(client, kind="bundle", in_stock="true") == [whole.product.slug]
    assert slugs(client, kind="bundle", in_stock="false") == [short.product.slug]


def test_availability_is_in_stock_low_or_out(client):
    for stock in (0, inventory.LOW_STOCK_UNITS, inventory.LOW_STOCK_UNITS + 1):
        make_variant(stock=stock)

    rows = get(client, "products").json()["results"]

    assert [row["availability"] for row in rows] == ["out", "low", "in_stock"]


def test_a_reduction_shows_the_lowest_price_before_it(client):
    variant = make_variant(prices={"GBP": 2000})
    PriceFactory.create(
        variant=variant, kind=Price.Kind.SALE, amount=1500, starts_at=reading.now() - timedelta(days=1)
    )

    [row] = get(client, f"products/{variant.product.slug}").json()["variants"]

    assert (row["list_price"]["amount"], row["price"]["amount"]) == (2000, 1500)
    assert row["lowest_prior_price"]["amount"] == 2000
    assert row["reduction_percent"] == 25
    assert row["unit_price"]["amount"] == 1500


def test_what_is_unpublished_or_unpriced_is_not_there(client):
    hidden, unpriced = make_variant(), make_variant(prices={"EUR": 100})
    Product.objects.filter(pk=hidden.product_id).update(is_published=False)

    assert slugs(client) == []
    for variant in (hidden, unpriced):
        answer = get(client, f"products/{variant.product.slug}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_pages_lead_to_every_product_once(client):
    for _ in range(7):
        make_variant(stock=0)
    seen, address = [], "/api/v1/products?page_size=3&ordering=price"

    while address:
        page = client.get(address).json()
        seen += [row["slug"] for row in page["results"]]
        address = page["next"]

    assert len(seen) == len(set(seen)) == 7


@pytest.mark.parametrize("number", [12, 60])
def test_a_list_takes_four_queries_whatever_its_length(client, number, django_assert_max_num_queries):
    part = make_variant(stock=3)
    for index in range(number - 1):
        make_bundle([(part, 1)]) if index % 5 == 0 else make_variant(stock=1)

    for kind in ({}, {"kind": "bundle"}):
        with django_assert_max_num_queries(4):
            get(client, "products", **kind)


def test_an_archived_variant_is_not_offered(client):
    kept = make_variant()
    gone = make_variant(product=kept.product)
    Variant.objects.filter(pk=gone.pk).update(archived_at=reading.now())

    [row] = get(client, "products").json()["results"]

    assert [variant["sku"] for variant in row["variants"]] == [kept.sku]
