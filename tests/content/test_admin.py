"""The articles in the admin."""

import warnings
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from content import publishing
from content import words as wording
from content.models import Article, Citation, Reviewer
from shop.accounts.models import User
from tests.factories.content import AT, make_article, make_citation, make_reviewer, make_words, publish, sign

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> User:
    return User.objects.create_superuser("s@example.org", "x", name="S Taff")


@pytest.fixture
def desk(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def form_data(**changes: Any) -> dict[str, Any]:
    words = make_words()
    inlines = {
        f"{prefix}-{name}": "0"
        for prefix in ("images", "articleproduct_set", "revisions", "steps")
        for name in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    typed = {name: words[name] for name in ("title", "slug", "summary", "body")}
    facts = {"type": "guide", "author": "A Writer", "review_interval_months": "12"}
    return {**inlines, **typed, **facts, "takeaways": "\n".join(words["key_takeaways"]), **changes}


@pytest.mark.parametrize("name", ["article", "topic", "reviewer", "citation"])
def test_a_list_takes_twelve_queries_at_most(
    desk: Client, name: str, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        publish(make_article(slug=f"a-{number}"))
        make_reviewer(f"R {number}")
        make_citation(f"c-{number}")

    with django_assert_max_num_queries(12):
        answer = desk.get(reverse(f"admin:content_{name}_changelist"))

    assert answer.status_code == 200


def test_an_article_is_written_in_the_admin(desk: Client, staff: User) -> None:
    answer = desk.post(reverse("admin:content_article_add"), form_data(body="<p>Hi<script>x</script></p>"))

    assert answer.status_code == 302
    article = Article.objects.get()
    assert (article.body, article.author_user, article.status) == ("<p>Hi</p>", staff, "draft")
    assert wording.newest(article).edited_by == staff


def test_saving_without_a_change_leaves_the_sign_off_alone(desk: Client) -> None:
    article = make_article(by=None)
    address = reverse("admin:content_article_change", args=[article.pk])

    desk.post(address, form_data(type="how_to", summary="Another."))
    desk.post(address, form_data(type="how_to", summary="Another."))

    assert article.revisions.count() == 2


def test_the_newest_words_of_a_published_article_are_on_the_desk(desk: Client) -> None:
    article = publish(make_article())
    address = reverse("admin:content_article_change", args=[article.pk])

    desk.post(address, form_data(type="how_to", summary="Words that wait."))

    article.refresh_from_db()
    assert article.summary == "How to take a soak."
    page = desk.get(address).content.decode()
    assert "Words that wait." in page
    assert "newer words wait" in page


def test_findings_stand_beside_the_text_with_what_to_write_instead(desk: Client) -> None:
    article = make_article(body="<p>It cures <b>cramps</b>.</p>")

    page = desk.get(reverse("admin:content_article_change", args=[article.pk])).content.decode()

    assert "DIS-02" in page
    assert "<mark>cures cramps</mark>" in page
    assert "Describe the bath" in page
    assert "compliant" not in page.lower()


def test_a_button_asks_first_and_then_calls_its_verb(desk: Client) -> None:
    article = make_article()
    address = f"/admin/content/article/{article.pk}/submit/"

    desk.get(address)
    article.refresh_from_db()
    assert article.status == "draft"

    desk.post(address)
    article.refresh_from_db()
    assert article.status == "in_review"


def test_only_a_reviewer_signs_off(desk: Client, staff: User) -> None:
    article = make_article()
    address = f"/admin/content/article/{article.pk}/sign_off/"

    desk.post(address, {"note": "read", "number": 1})
    assert wording.newest(article).signed_off_by is None
    Reviewer.objects.create(name="S Taff", credential="pharmacist", user=staff)
    desk.post(address, {"note": "read", "number": 1})

    assert wording.newest(article).sign_off_note == "read"


def test_a_refusal_is_said_and_changes_nothing(desk: Client) -> None:
    article = make_article()
    desk.post(f"/admin/content/article/{article.pk}/submit/")

    answer = desk.post(f"/admin/content/article/{article.pk}/approve/", follow=True)

    assert "has not signed off" in answer.content.decode()
    article.refresh_from_db()
    assert article.status == "in_review"


def test_who_may_not_publish_is_refused_the_button(client: Client) -> None:
    client.force_login(User.objects.create_user("e@example.org", "x", is_staff=True))
    article = make_article()

    answer = client.post(f"/admin/content/article/{article.pk}/archive/")

    assert answer.status_code == 403
    article.refresh_from_db()
    assert article.status == "draft"


def test_each_review_finding_is_ticked_or_the_words_are_not_signed(desk: Client, staff: User) -> None:
    Reviewer.objects.create(name="S Taff", credential="pharmacist", user=staff)
    article = make_article(body="<p>Sore legs?</p><p>Tight shoulders?</p>")
    address = f"/admin/content/article/{article.pk}/sign_off/"

    refused = desk.post(address, {"number": 1, "finding_0": "on"})
    assert "Not every finding was accepted: PAIN-02: Tight shoulders?" in refused.content.decode()
    assert wording.newest(article).signed_off_by is None
    desk.post(address, {"number": 1, "finding_0": "on", "finding_1": "on"})

    assert wording.newest(article).signed_findings == [
        ["PAIN-02", "Sore legs?"],
        ["PAIN-02", "Tight shoulders?"],
    ]
    page = desk.get(reverse("admin:content_article_change", args=[article.pk])).content.decode()
    assert "Signed off by S Taff" in page


def test_words_that_came_after_the_page_was_shown_are_not_signed(desk: Client, staff: User) -> None:
    Reviewer.objects.create(name="S Taff", credential="pharmacist", user=staff)
    article = make_article()
    publishing.edit(article, changes={"summary": "Something else."}, at=AT)

    answer = desk.post(f"/admin/content/article/{article.pk}/sign_off/", {"number": 1})

    assert "There is a newer revision" in answer.content.decode()
    assert wording.newest(article).signed_off_by is None


def test_an_override_is_kept_and_shown_with_its_reason(desk: Client) -> None:
    article = make_article(body="<p>It cures cramps.</p>")
    address = f"/admin/content/article/{article.pk}/override/"

    desk.post(address, {"number": 1, "finding": 0, "reason": "a law is quoted"})

    page = desk.get(reverse("admin:content_article_change", args=[article.pk])).content.decode()
    assert "Let pass by s@example.org: a law is quoted" in page
    kept = desk.get(reverse("admin:content_claimoverride_changelist")).content.decode()
    assert "a law is quoted" in kept


def test_any_two_revisions_stand_side_by_side_and_one_comes_back(desk: Client) -> None:
    article = make_article()
    publishing.edit(article, changes={"summary": "How to take a short soak."}, at=AT)
    publishing.edit(article, changes={"title": "<b>Soak</b>"}, at=AT)
    first = article.revisions.get(number=1)

    newest = desk.get(f"/admin/content/article/{article.pk}/compare/").content.decode()
    ends = desk.get(f"/admin/content/article/{article.pk}/compare/?old=1&new=3").content.decode()
    desk.post(f"/admin/content/article/{article.pk}/restore/", {"revision": first.pk})

    assert "&lt;b&gt;Soak&lt;/b&gt;" in newest
    assert ">short </ins>" not in newest
    assert ">short </ins>" in ends
    assert wording.newest(article).number == 4
    assert wording.newest(article).content == first.content


@pytest.mark.parametrize("query", ["?old=9&new=x", "?old=&new=", "?new=-1&old=1e9"])
def test_numbers_of_no_revision_are_passed_over(desk: Client, query: str) -> None:
    article = make_article()

    answer = desk.get(f"/admin/content/article/{article.pk}/compare/{query}")

    assert "hold the same words" in answer.content.decode()


def test_a_body_without_end_is_refused_beside_its_field(desk: Client) -> None:
    body = "".join(f"<p>word{number}</p>" for number in range(20_000))

    answer = desk.post(reverse("admin:content_article_add"), form_data(body=body))

    assert "too long" in str(answer.context["adminform"].form.errors["body"])
    assert not Article.objects.exists()


def test_an_hour_that_has_passed_is_refused_beside_the_question(desk: Client) -> None:
    article = make_article()
    publishing.submit_for_review(article, at=AT)
    sign(article)
    publishing.approve(article, at=AT)

    answer = desk.post(
        f"/admin/content/article/{article.pk}/schedule/",
        {"publish_at_0": "2020-01-01", "publish_at_1": "09:00"},
    )

    assert "Choose a time to come." in answer.content.decode()
    article.refresh_from_db()
    assert (article.status, article.publish_at) == ("approved", None)


def test_a_source_typed_without_its_scheme_is_an_https_address(admin_client: Client) -> None:
    typed = {
        "key": "kelp-2020", "authors": "K. Elp", "title": "Kelp", "source": "Journal", "design": "Review",
        "finding": "None.", "url": "doi.example/10.1",
    }  # fmt: skip

    with warnings.catch_warnings(action="error"):
        answer = admin_client.post(reverse("admin:content_citation_add"), typed)

    assert answer.status_code == 302, answer.context["errors"]
    assert Citation.objects.get(key="kelp-2020").url == "https://doi.example/10.1"
