"""Pictures of articles: words that are checked, files of several widths, no query more."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from content import gate, sample_data, tasks
from content import words as wording
from content.models import Article, ArticleImage
from shop.accounts import roles
from shop.accounts.models import User
from shop.images import pictures as verbs
from tests import pictures
from tests.content.test_admin import form_data
from tests.factories.content import AT, make_article, publish, sign

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _today() -> Any:
    with time_machine.travel(AT + timedelta(days=1), tick=False):
        yield


def with_picture(article: Article, alt: str = "A basin", *, is_drawn: bool = True) -> ArticleImage:
    row = ArticleImage(article=article, alt=alt, position=article.images.count() + 1)
    row.original.save("a.jpg", pictures.upload(pictures.picture(size=(700, 440))), save=False)
    row.save()
    if is_drawn:
        assert verbs.prepare(row)
    return row


def send(client: Client, article: Article, alt: str) -> Any:
    file = {
        "images-TOTAL_FORMS": "1",
        "images-0-original": pictures.upload(pictures.picture(size=(700, 440))),
        "images-0-alt": alt,
        "images-0-position": "1",
    }
    address = reverse("admin:content_article_change", args=[article.pk])
    return client.post(address, form_data(type="how_to", **file))


def test_a_picture_is_uploaded_drawn_by_a_worker_and_shown(admin_client: Client) -> None:
    article = publish(make_article())

    assert send(admin_client, article, "A basin of water").status_code == 302
    assert "<picture" not in admin_client.get("/articles/a-quiet-soak").content.decode()
    tasks.prepare_pictures()

    for path in ("/articles", "/articles/a-quiet-soak"):
        page = admin_client.get(path).content.decode()
        assert 'alt="A basin of water"' in page
        assert "-640.webp 640w" in page
    data = admin_client.get("/api/v1/articles/a-quiet-soak").json()
    assert data["image"]["alt"] == "A basin of water"
    assert data["json_ld"]["@graph"][0]["image"] == [data["image"]["url"]]
    assert admin_client.get("/api/v1/articles").json()["results"][0]["image"]["width"] == 700


@pytest.mark.parametrize("alt", ["", "Feet free from pain", "Tired legs in a basin"])
def test_a_picture_without_words_or_with_a_claim_is_refused(admin_client: Client, alt: str) -> None:
    article = make_article()

    answer = send(admin_client, article, alt)

    assert answer.status_code == 200
    assert answer.context["errors"]
    assert not article.images.exists()


def test_a_claim_in_a_pictures_words_stops_publishing_however_it_came_there() -> None:
    article = make_article()
    with_picture(article, "Cures cramps")

    sign(article)

    assert {lack.code for lack in gate.lacks(article, wording.newest(article))} == {"picture"}


def test_an_editor_may_give_an_article_a_picture(client: Client) -> None:
    editor = User.objects.create_user("e@example.org", "x", is_staff=True)
    editor.groups.add(Group.objects.get(name=roles.EDITOR))
    client.force_login(editor)
    article = make_article()

    send(client, article, "A basin")

    assert article.images.get().alt == "A basin"


def test_pictures_cost_the_list_no_query(client: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(5):
        with_picture(publish(make_article(slug=f"a-{number}")))

    with django_assert_max_num_queries(4):
        rows = client.get("/api/v1/articles").json()["results"]

    assert all(row["image"]["srcset"] for row in rows)


def test_the_sample_articles_have_pictures_once() -> None:
    sample_data.load(at=AT)
    sample_data.load(at=AT)

    assert ArticleImage.objects.count() == Article.objects.count() == 6
