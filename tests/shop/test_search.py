"""One search over products and articles: the API and the page."""

from typing import Any

import pytest

from catalog.search import SUGGESTIONS, understand
from content.models import Article
from shop.clock import reading
from tests.factories.catalog import ProductFactory, make_bundle, make_variant
from tests.factories.content import make_article, publish

pytestmark = pytest.mark.django_db


def search(client: Any, **query: str) -> Any:
    answer = client.get("/api/v1/search", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def lavender() -> Any:
    return make_variant(product=ProductFactory.create(name="Lavender flakes", slug="lavender-flakes"))


def test_products_and_live_articles_are_found(client: Any) -> None:
    lavender()
    live(title="Lavender at home")
    make_article(title="Lavender draft", slug="lavender-draft")

    found = search(client, q="lavendar")

    assert found["corrected"] == "lavender"
    assert [row["slug"] for row in found["products"]] == ["lavender-flakes"]
    assert search(client, q="lavender")["corrected"] is None
    assert [row["title"] for row in search(client, q="lavender")["articles"]] == ["Lavender at home"]
    assert found["suggestions"] == []


def live(**fields: Any) -> Article:
    return publish(make_article(**fields), at=reading.now())


def test_nothing_found_suggests_something(client: Any) -> None:
    found = search(client, q="bicycle")

    assert (found["products"], found["articles"]) == ([], [])
    assert found["suggestions"] == list(SUGGESTIONS)


@pytest.mark.parametrize("count", [2, 9])
def test_a_search_costs_the_same_however_much_it_finds(
    client: Any, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        make_bundle([(make_variant(), 1)])

    # Synonyms are kept for minutes.
    understand("warm")
    with django_assert_num_queries(8):
        found = search(client, q="test flakes")

    assert len(found["products"]) == min(2 * count, 12)


@pytest.mark.parametrize(
    "query", [{}, {"q": ""}, {"q": "x" * 101}, {"q": "a", "page": "2"}, {"q": "a", "currency": "X"}]
)
def test_what_is_no_search_is_told(client: Any, query: dict[str, str]) -> None:
    assert client.get("/api/v1/search", query).status_code == 400


def test_the_page_shows_cards_the_spelling_and_articles(
    client: Any, django_assert_max_num_queries: Any
) -> None:
    lavender()
    live(title="Lavender at home", slug="lavender-at-home")
    make_variant(product=ProductFactory.create(name="Something else"))

    understand("warm")
    with django_assert_max_num_queries(10):
        misspelt = client.get("/search", {"q": "lavendar"}).content.decode()
    plain = client.get("/search", {"q": "lavender"}).content.decode()

    assert "Showing what fits <strong>lavender</strong>" in misspelt
    assert "Lavender flakes" in plain
    assert "Something else" not in plain
    assert "/articles/lavender-at-home" in plain


@pytest.mark.parametrize(
    "text", ["bicycle", "", "<script>alert()</script>", "x" * 500, "' OR x=x", "%", "é" * 60]
)
def test_a_search_without_a_result_says_what_to_look_for(client: Any, text: str) -> None:
    lavender()

    answer = client.get("/search", {"q": text})

    assert answer.status_code == 200
    assert b"bath flakes</a>" in answer.content
    assert b"<script>alert" not in answer.content


def test_every_page_can_be_searched_from(client: Any) -> None:
    for path in ("/", "/articles", "/cart"):
        assert b'role="search"' in client.get(path).content
