"""What readers get: REST, pages, previews, and how many queries that takes."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import signing
from django.test import Client

from catalog import usage
from content import links, publishing
from content.links import PreviewGone
from content.models import Article, ArticleProduct, Topic
from tests.factories.catalog import AT as PRICED_AT
from tests.factories.catalog import make_variant
from tests.factories.content import AT, make_article, make_citation, make_health_article, publish, sign

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _today() -> Any:
    with time_machine.travel(AT + timedelta(days=1), tick=False):
        yield


def live_article(number: int, **changes: Any) -> Article:
    return publish(make_article(slug=f"article-{number}", title=f"Article {number}", **changes))


def with_surroundings(article: Article, others: list[Article], count: int) -> None:
    for number in range(count):
        topic, _ = Topic.objects.get_or_create(slug=f"t{number}", defaults={"name": f"Topic {number}"})
        article.topics.add(topic)
        article.citations.add(make_citation(f"source-{number}"))
        variant = make_variant()
        ArticleProduct.objects.create(
            article=article, product=variant.product, variant=variant, position=number
        )
    article.related_articles.add(*others)


def test_only_live_articles_are_listed(client: Client) -> None:
    shown = live_article(1)
    make_article(slug="a-draft")
    future = live_article(2)
    Article.objects.filter(pk=future.pk).update(published_at=AT + timedelta(days=9))

    answer = client.get("/api/v1/articles")

    assert [row["slug"] for row in answer.json()["results"]] == [shown.slug]
    assert client.get("/api/v1/articles/a-draft").status_code == 404
    assert client.get(f"/articles/{future.slug}").status_code == 404


def test_the_list_filters_by_type_topic_and_product(client: Client) -> None:
    first, second = live_article(1), live_article(2)
    with_surroundings(first, [], 1)
    product = first.related_products.get()

    def slugs(query: str) -> list[str]:
        return [row["slug"] for row in client.get(f"/api/v1/articles?{query}").json()["results"]]

    assert slugs("topic=t0") == [first.slug]
    assert slugs(f"product={product.slug}") == [first.slug]
    assert set(slugs("type=how_to")) == {first.slug, second.slug}
    assert slugs("type=faq") == []


@pytest.mark.parametrize(
    "address",
    [
        "articles?colour=red",
        "articles?type=poem",
        "articles?topic=a&topic=b",
        "topics?x=1",
        "articles/article-1?x=1",
    ],
)
def test_parameters_that_nobody_knows_are_refused(client: Client, address: str) -> None:
    live_article(1)

    answer = client.get(f"/api/v1/{address}")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("count", [1, 12])
def test_a_list_takes_four_queries_whatever_its_length(
    client: Client, count: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(count):
        with_surroundings(live_article(number), [], 2)

    with django_assert_max_num_queries(4):
        answer = client.get("/api/v1/articles")

    assert len(answer.json()["results"]) == count


@pytest.mark.parametrize("count", [1, 8])
def test_an_article_takes_six_queries_whatever_is_around_it(
    client: Client, count: int, django_assert_max_num_queries: Any
) -> None:
    others = [live_article(number) for number in range(10, 10 + count)]
    article = live_article(1)
    with_surroundings(article, others, count)

    with django_assert_max_num_queries(6), time_machine.travel(PRICED_AT + timedelta(days=1), tick=False):
        data = client.get(f"/api/v1/articles/{article.slug}").json()

    assert [len(data[name]) for name in ("topics", "citations", "product_boxes", "related")] == [count] * 4
    with django_assert_max_num_queries(6), time_machine.travel(PRICED_AT + timedelta(days=1), tick=False):
        page = client.get(f"/articles/{article.slug}").content.decode()
    assert page.count('class="article-box"') == count


def test_an_article_carries_what_belongs_on_its_page(client: Client) -> None:
    article = publish(make_health_article(caution_codes=["NUMB_FEET"]))
    with_surroundings(article, [], 1)

    data = client.get(f"/api/v1/articles/{article.slug}").json()

    assert data["citations"][0]["key"] == "a-study"
    assert 'href="#ref-a-study"' in data["body"]
    assert data["boxes_after_disclaimer"] is True
    assert data["cautions"][0]["code"] == "NUMB_FEET"
    assert data["reviewer"] == {"name": "R Reader", "credential": "pharmacist"}
    assert data["review_due_on"] == "2027-11-23"
    (box,) = data["product_boxes"]
    assert box["price"]["amount"] == 1250
    assert box["stock"] in {"in_stock", "low", "out"}
    kinds = [node["@type"] for node in data["json_ld"]["@graph"]]
    assert kinds == ["Article", "BreadcrumbList"]


def test_a_box_shows_the_guides_of_the_catalogue_and_a_product_its_articles(client: Client) -> None:
    article = live_article(1)
    with_surroundings(article, [], 1)
    product = article.related_products.get()
    guides = usage.guides_for(product)

    (box,) = client.get(f"/api/v1/articles/{article.slug}").json()["product_boxes"]
    page = client.get(f"/products/{product.slug}").content.decode()

    assert guides
    assert [line.split(":")[0] for line in box["usage"]] == [guide.title for guide in guides]
    assert f'href="/articles/{article.slug}"' in page
    assert f'href="/products/{product.slug}"' in client.get(f"/articles/{article.slug}").content.decode()


def test_a_page_shows_the_disclaimer_before_the_boxes_and_sources_with_limits(client: Client) -> None:
    article = publish(make_health_article())
    with_surroundings(article, [], 1)

    page = client.get(f"/articles/{article.slug}").content.decode()

    assert page.index("They are not medicines") < page.index("article-box") > 0
    assert 'id="ref-a-study"' in page
    assert "pharmacist" in page
    script = re.search(r'<script type="application/ld\+json"[^>]*>(.*?)</script>', page)
    assert script is not None
    assert json.loads(script[1])["@graph"][0]["headline"] == article.title


def test_a_title_cannot_break_out_of_the_page(client: Client) -> None:
    article = publish(make_article(title="</script><script>alert(1)</script>"))

    page = client.get(f"/articles/{article.slug}").content.decode()

    assert "<script>alert" not in page


def test_a_former_address_leads_to_the_present_one(client: Client) -> None:
    article = live_article(1)
    publishing.edit(article, changes={"slug": "new-place"}, at=AT)
    sign(article, reviewer=article.reviewer)
    publishing.publish(article, at=AT)

    answer = client.get("/articles/article-1")

    assert (answer.status_code, answer["Location"]) == (301, "/articles/new-place")
    assert client.get("/api/v1/articles/article-1").json()["slug"] == "new-place"


def test_topics_count_live_articles_only(client: Client) -> None:
    with_surroundings(live_article(1), [], 1)
    make_article(slug="a-draft").topics.add(Topic.objects.get())
    Topic.objects.create(slug="empty", name="Empty")

    assert client.get("/api/v1/topics").json()["results"] == [
        {"slug": "t0", "name": "Topic 0", "articles": 1}
    ]


def test_the_list_page_shows_articles_and_topics(client: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(3):
        with_surroundings(live_article(number), [], 1)

    with django_assert_max_num_queries(4):
        page = client.get("/articles?topic=t0").content.decode()

    assert "Article 2" in page
    assert "Topic 0" in page


def test_a_preview_shows_the_newest_words_to_whoever_holds_the_link(client: Client) -> None:
    article = live_article(1)
    publishing.edit(article, changes={"summary": "Not yet published words."}, at=AT)

    answer = client.get(links.preview_path(article, at=AT))

    assert "Not yet published words." in answer.content.decode()
    assert answer["X-Robots-Tag"].startswith("noindex")
    assert "no-store" in answer["Cache-Control"]


def test_a_forged_an_expired_and_a_strange_preview_link_are_refused(client: Client) -> None:
    article = make_article()
    path = links.preview_path(article, at=AT)
    token = path.rsplit("/", 1)[1]
    strange = signing.dumps({"article": article.pk, "until": 4_000_000_000}, salt="another.purpose")

    assert links.article_for_preview(token, AT) == article
    for bad in (token[:-1] + ("a" if token[-1] != "a" else "b"), strange, "nonsense"):
        with pytest.raises(PreviewGone):
            links.article_for_preview(bad, AT)
        assert client.get(f"/articles/preview/{bad}").status_code == 404
    with pytest.raises(PreviewGone):
        links.article_for_preview(token, AT + links.PREVIEW_LASTS)
