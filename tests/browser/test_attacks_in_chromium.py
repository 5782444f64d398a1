"""A hundred strings that run where somebody is careless, in every text field, in the system's Chromium."""

from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.test import Client

from content import words as wording
from content.models import Article, Citation, Reviewer, Topic
from shop.clock.reading import now
from tests.attacks import ATTACKS
from tests.content.test_attacks import laden

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# What the strings call, told to the test instead of shown.
WATCH = (
    "window.ran = []; for (const name of ['alert', 'msgbox']) window[name] = said => window.ran.push(said);"
)


def look(tab: "Page", address: str) -> None:
    """Open a page, touch what wants to be touched, and see that nothing ran."""
    tab.goto(address, wait_until="load")
    for link in tab.locator("main a[href^='javascript' i], main a[href^='data' i]").all():
        link.click(force=True)
    tab.mouse.move(200, 400)
    assert tab.evaluate("window.ran") == [], address


@pytest.fixture
def laden_articles() -> list[Article]:
    """A hundred live articles, with one of the strings in every field, and twenty of them in each body."""
    articles = [laden(attack, number) for number, attack in enumerate(ATTACKS)]
    Article.objects.update(published_at=now())
    for number, article in enumerate(articles[:5]):
        body = "".join(f"<p>{attack}</p>" for attack in ATTACKS[number * 20 : number * 20 + 20])
        article.body = body
        article.save(update_fields=["body"])
        revision = wording.newest(article)
        revision.content = {**revision.content, "body": body}
        revision.save(update_fields=["content"])
    return articles


def test_nothing_runs_on_the_pages_that_readers_see(
    tab: "Page", shop_url: str, laden_articles: list[Article]
) -> None:
    tab.add_init_script(WATCH)

    for page in range(1, 6):
        look(tab, f"{shop_url}/articles?page={page}")
    for article in (*laden_articles[:5], *laden_articles[5::12]):
        look(tab, f"{shop_url}/articles/{article.slug}")
    look(tab, f"{shop_url}/articles?q=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E")
    look(tab, f"{shop_url}/search?q=%22%3E%3Csvg+onload%3Dalert(1)%3E")


def test_nothing_runs_in_the_admin(
    tab: "Page", shop_url: str, laden_articles: list[Article], admin_client: Client
) -> None:
    session = admin_client.cookies[settings.SESSION_COOKIE_NAME].value
    tab.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": shop_url}])
    tab.add_init_script(WATCH)
    lists = {"article": Article, "topic": Topic, "citation": Citation, "reviewer": Reviewer}

    for name in lists:
        look(tab, f"{shop_url}/admin/content/{name}/?all=")
    for name, kind in lists.items():
        for record in _some(kind):
            look(tab, f"{shop_url}/admin/content/{name}/{record.pk}/change/")
    for article in laden_articles[:2]:
        look(tab, f"{shop_url}/admin/content/article/{article.pk}/compare/")
        look(tab, f"{shop_url}/admin/content/article/{article.pk}/archive/")


def _some(kind: Any) -> list[Any]:
    return list(kind.objects.order_by("pk")[:3])


def test_the_watch_would_notice(tab: "Page") -> None:
    tab.add_init_script(WATCH)
    tab.goto("data:text/html,<img src=x onerror=alert(1)>", wait_until="load")

    assert tab.evaluate("window.ran") == [1]
