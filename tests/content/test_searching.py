"""Finding articles by what is in them, typos and all."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client

from catalog.search import understand
from content import searching
from content.models import Topic
from tests.factories.content import AT, make_article, publish

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _today() -> Any:
    with time_machine.travel(AT + timedelta(days=1), tick=False):
        yield


def live(slug: str, **words: Any) -> Any:
    return publish(make_article(slug=slug, **words))


def found(text: str) -> list[str]:
    rows = searching.matching(understand(text), AT).order_by("-relevance", "-published_at", "-pk")
    return [article.slug for article in rows]


@pytest.fixture
def library() -> None:
    live("basin", title="The basin", summary="Five litres.", body="<p>Stir the flakes with a ladle.</p>")
    live("flakes", title="Storing flakes", summary="Keep them dry.", body="<p>A cool cupboard.</p>")
    live("epsom", title="Epsom salt and flakes", summary="Two salts.", body='<p><a href="/x">One</a></p>')
    make_article(slug="draft", title="Flakes in draft")


@pytest.mark.parametrize(
    ("text", "slugs"),
    [
        ("flakes", ["epsom", "flakes", "basin"]),
        ("Flake", ["epsom", "flakes", "basin"]),
        ("storing FLAKES", ["flakes"]),
        ("ladle", ["basin"]),
        ("lad", ["basin"]),
        ("the flakes", ["epsom", "flakes", "basin"]),
        ("epsome salts", ["epsom"]),
        ("storeing", ["flakes"]),
        ("cupboard spaceship", ["flakes"]),
        ("href", []),
        ("xylophone", []),
        ("the", []),
        ("  ", []),
        ("'); DROP TABLE x; --", []),
        ("a & | ! :* <-> (", []),
    ],
)
@pytest.mark.usefixtures("library")
def test_what_is_typed_finds_what_is_meant(text: str, slugs: list[str]) -> None:
    assert sorted(found(text)) == sorted(slugs)


@pytest.mark.usefixtures("library")
def test_a_title_weighs_more_than_a_body() -> None:
    assert found("flakes")[-1] == "basin"


def test_the_name_of_a_topic_finds_its_articles() -> None:
    article = live("a")
    article.topics.add(Topic.objects.create(name="Labels and packs", slug="labels"))

    assert found("label") == ["a"]


@pytest.mark.usefixtures("library")
def test_the_list_searches_best_first_and_pages(client: Client) -> None:
    first = client.get("/api/v1/articles", {"q": "flakes", "page_size": 2}).json()
    second = client.get(first["next"]).json()

    assert [row["slug"] for row in first["results"] + second["results"]] == found("flakes")
    assert client.get("/api/v1/articles", {"q": "flakes", "type": "faq"}).json()["results"] == []
    assert client.get("/api/v1/articles", {"q": ""}).status_code == 400
    page = client.get("/articles", {"q": "ladle"}).content.decode()
    assert ("The basin" in page, "Storing flakes" in page) == (True, False)
    assert "No article fits “&lt;zq&gt;”" in client.get("/articles", {"q": "<zq>"}).content.decode()


def test_a_change_is_found_at_once_and_tags_are_no_words() -> None:
    live("a", body="<blockquote><p>caf&eacute; ladle</p></blockquote>")

    assert found("Café") == found("ladle") == ["a"]
    assert found("blockquote") == []


def test_search_goes_by_its_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = searching.Article.objects.filter(search=searching._query("flakes")).explain()

    assert "content_article_search" in plan
