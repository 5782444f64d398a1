"""A hundred strings that run where somebody is careless, in every text field of an article."""

from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
import time_machine
from django.db import transaction
from django.test import Client

from content import markup, publishing
from content.models import Article, ArticleProduct, Citation, Topic
from shop.exceptions import InvalidInput
from tests.attacks import ATTACKS
from tests.factories.catalog import make_variant
from tests.factories.content import AT, make_article, make_citation, make_reviewer, sign

# Dropped before anybody reads it, or read as text: either way no element of a page comes of it.
TAGS = {
    "a",
    "p",
    "h2",
    "h3",
    "strong",
    "em",
    "sub",
    "sup",
    "ul",
    "ol",
    "li",
    "blockquote",
    "br",
    "hr",
    "code",
} | {*("table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th")}
ATTRIBUTES = {"href", "title", "rel", "start", "colspan", "rowspan", "scope"}


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(AT + timedelta(days=1), tick=False):
        yield


class Elements(HTMLParser):
    """Collects the elements of a page, as a browser would find them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))


def shape(page: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return a page's elements with the names of their attributes, and nothing of its words."""
    return [(tag, tuple(name for name, _ in attrs)) for tag, attrs in Elements(page).found]


def laden(text: str, number: int) -> Article:
    """Return a published article that has a text in every field that is shown."""
    words = {"title": text[:160], "summary": text, "key_takeaways": [text] * 3, "slug": f"a-{number}"}
    article = make_article(author=text[:120] or "A", body="<p>Salt.</p>", **words)
    reviewer = make_reviewer(text[:120])
    Article.objects.filter(pk=article.pk).update(status="published", published_at=AT, reviewer=reviewer)
    article.topics.add(Topic.objects.create(name=text[:80], slug=f"t-{number}"))
    source = make_citation(f"source-{number}")
    shown = dict.fromkeys(("authors", "title", "source", "design", "finding", "limits"), text[:200])
    Citation.objects.filter(pk=source.pk).update(**shown)
    article.citations.add(source)
    variant = make_variant()
    type(variant.product).objects.filter(pk=variant.product_id).update(name=text[:100])
    ArticleProduct.objects.create(article=article, product=variant.product, variant=variant)
    return article


def test_there_are_a_hundred() -> None:
    assert len(set(ATTACKS)) == 100


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_of_it_is_left_in_a_body(attack: str) -> None:
    clean = markup.sanitise(f"<p>Before</p>{attack}<p>After</p>")

    for tag, attributes in Elements(clean).found:
        assert tag in TAGS
        assert {name for name, _ in attributes} <= ATTRIBUTES
        for name, value in attributes:
            assert name != "href" or urlsplit(value or "").scheme in {"", "https", "http", "mailto"}
    assert markup.sanitise(clean) == clean


@pytest.mark.django_db
def test_pages_keep_their_shape_whatever_stands_in_their_fields(
    client: Client,
) -> None:
    wanted = shape(client.get(f"/articles/{laden('Salt', 0).slug}").content.decode())

    for number, attack in enumerate(ATTACKS, start=1):
        answer = client.get(f"/articles/{laden(attack, number).slug}")
        assert answer.status_code == 200
        assert shape(answer.content.decode()) == wanted, attack


@pytest.mark.django_db
@pytest.mark.parametrize("attack", ATTACKS[::10])
def test_it_is_no_address(attack: str) -> None:
    with pytest.raises(InvalidInput) as refusal, transaction.atomic():
        make_article(slug=attack)

    assert "slug" in refusal.value.fields
    assert not Article.objects.exists()


@pytest.mark.django_db
def test_addresses_never_lead_round_in_a_circle(client: Client) -> None:
    article = make_article(slug="a")
    Article.objects.filter(pk=article.pk).update(
        status="published", published_at=AT, reviewer=make_reviewer("R")
    )

    for slug in ("b", "a", "b", "c", "a"):
        move(article, slug)

    assert client.get("/articles/a").status_code == 200
    for former in ("b", "c"):
        assert client.get(f"/articles/{former}")["Location"] == "/articles/a"
    with pytest.raises(InvalidInput) as refusal, transaction.atomic():
        make_article(slug="b")
    assert refusal.value.fields["slug"] == ["Already in use."]
    with pytest.raises(InvalidInput), transaction.atomic():
        make_article(slug="a")


def move(article: Article, slug: str) -> None:
    """Give a published article another address, as its reviewer and its publisher do."""
    publishing.edit(article, changes={"slug": slug}, at=AT)
    sign(article)
    publishing.publish(article, at=AT)
