"""What programs read: feed, sitemap, structured data, canonical addresses."""

import json
import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
import time_machine
from django.test import Client

from content import publishing
from tests.factories.catalog import make_variant
from tests.factories.content import AT, make_article, publish, sign

pytestmark = pytest.mark.django_db

ATOM = "{http://www.w3.org/2005/Atom}"
MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
BASE = "http://testserver"


@pytest.fixture(autouse=True)
def _today(settings: Any) -> Any:
    settings.BASE_URL = BASE
    with time_machine.travel(AT + timedelta(days=1), tick=False):
        yield


def parsed(client: Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200
    return ElementTree.fromstring(answer.content)


def test_the_feed_holds_live_articles_with_ids_that_outlive_addresses(client: Client) -> None:
    article = publish(make_article(title="Salt & <b>water</b>", summary="1 < 2 & more"))
    make_article(slug="a-draft")
    before = parsed(client, "/articles/feed.atom")

    publishing.edit(article, changes={"slug": "moved"}, at=AT)
    sign(article)
    publishing.publish(article, at=AT)
    (entry,) = parsed(client, "/articles/feed.atom").iter(f"{ATOM}entry")

    assert entry.findtext(f"{ATOM}title") == "Salt & <b>water</b>"
    assert entry.findtext(f"{ATOM}summary") == "1 &lt; 2 &amp; more"
    assert entry.find(f"{ATOM}link").attrib["href"] == f"{BASE}/articles/moved"
    assert entry.findtext(f"{ATOM}id") == before.find(f"{ATOM}entry").findtext(f"{ATOM}id")
    assert entry.findtext(f"{ATOM}updated") == "2026-11-23T09:00:00+00:00"


def test_an_empty_feed_is_a_feed(client: Client) -> None:
    assert list(parsed(client, "/articles/feed.atom").iter(f"{ATOM}entry")) == []


def test_the_sitemap_lists_what_anybody_may_find(client: Client, django_assert_max_num_queries: Any) -> None:
    product = make_variant().product
    publish(make_article())
    make_article(slug="a-draft")

    with django_assert_max_num_queries(3):
        root = parsed(client, "/sitemap.xml")

    rows = {row.findtext(f"{MAP}loc"): row.findtext(f"{MAP}lastmod") for row in root}
    assert rows[f"{BASE}/articles/a-quiet-soak"] == "2026-11-23T09:00:00+00:00"
    assert rows[f"{BASE}/products/{product.slug}"]
    assert {f"{BASE}/", f"{BASE}/articles", f"{BASE}/terms"} <= set(rows)
    assert f"{BASE}/articles/a-draft" not in rows
    assert f"Sitemap: {BASE}/sitemap.xml" in client.get("/robots.txt").content.decode()


def test_a_page_says_what_it_is_to_machines(client: Client) -> None:
    publish(make_article(title='A "quiet" </script> soak'))

    page = client.get("/articles/a-quiet-soak").content.decode()
    (script,) = re.findall(r'<script type="application/ld\+json"[^>]*>(.*?)</script>', page, re.DOTALL)
    article, crumbs = json.loads(script)["@graph"]

    assert article["@type"] == "Article"
    assert article["headline"] == 'A "quiet" </script> soak'
    assert article["mainEntityOfPage"] == article["url"] == f"{BASE}/articles/a-quiet-soak"
    assert article["author"] == {"@type": "Person", "name": "A Writer"}
    assert article["editor"]["name"] == "R Reader"
    assert article["datePublished"] == article["dateModified"] == "2026-11-23T09:00:00+00:00"
    assert article["publisher"]["@type"] == "Organization"
    assert crumbs["@type"] == "BreadcrumbList"
    assert [(item["position"], item["item"]) for item in crumbs["itemListElement"]] == [
        (1, f"{BASE}/"),
        (2, f"{BASE}/articles"),
        (3, f"{BASE}/articles/a-quiet-soak"),
    ]
    assert not {"MedicalWebPage", "HowTo", "FAQPage", "aggregateRating"} & set(re.findall(r"\w+", script))
    assert f'<link rel="canonical" href="{BASE}/articles/a-quiet-soak">' in page
    assert 'href="/articles/feed.atom"' in page


def test_a_list_has_one_address_and_a_search_is_not_indexed(client: Client) -> None:
    publish(make_article())

    assert f'<link rel="canonical" href="{BASE}/articles">' in client.get("/articles").content.decode()
    searched = client.get("/articles?q=soak").content.decode()
    assert '<meta name="robots" content="noindex">' in searched
    assert "canonical" not in searched
