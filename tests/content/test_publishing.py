"""The gate: what an article needs before readers see it, and what an edit undoes."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission

from content import publishing
from content import words as wording
from content.gate import PublishRefused
from content.models import Article, ClaimOverride, FormerSlug, Step
from content.publishing import OverrideRefused, SignOffRefused
from shop.accounts.models import User
from shop.exceptions import InvalidInput
from shop.transitions import InvalidTransition
from tests.factories.content import (
    make_article,
    make_health_article,
    make_reviewer,
    make_words,
    publish,
    sign,
)

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BLOCKED = "<p>It relieves pain in minutes.</p>"
LIMITED = "<p>Whether it is absorbed has not been shown.</p>"


def missing(refusal: pytest.ExceptionInfo[PublishRefused]) -> set[str]:
    return {lack["code"] for lack in refusal.value.extra["missing"]}


def test_an_article_goes_from_draft_to_its_readers() -> None:
    article = make_article()

    publish(article)

    assert article.status == Article.Status.PUBLISHED
    assert article.published_at == AT
    assert article.last_reviewed_on == date(2026, 11, 23)
    assert article.review_due_on == date(2027, 11, 23)
    assert article.reviewer is not None
    kinds = list(Step.objects.order_by("id").values_list("kind", flat=True))
    assert kinds == ["created", "submitted", "signed off", "approved", "published"]


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Natural pain relief"},
        {"slug": "natural-pain-relief"},
        {"summary": "It cures cramps."},
        {"body": BLOCKED},
        {"body": '<p><a href="/a" title="for nerve pain">here</a></p>'},
        {"key_takeaways": ["Measure.", "It detoxes.", "Dry off."]},
    ],
)
def test_a_block_anywhere_in_the_words_refuses(changes: dict) -> None:
    article = make_article(**changes)
    publishing.submit_for_review(article, at=AT)
    sign(article)

    with pytest.raises(PublishRefused) as refusal:
        publishing.approve(article, at=AT)

    assert missing(refusal) == {"block"}


def test_a_review_finding_needs_a_sign_off_of_these_words() -> None:
    article = make_article(body=LIMITED)
    publishing.submit_for_review(article, at=AT)

    with pytest.raises(PublishRefused) as refusal:
        publishing.approve(article, at=AT)
    assert missing(refusal) == {"no_sign_off", "review"}

    sign(article)
    publishing.approve(article, at=AT)

    article.refresh_from_db()
    assert article.status == Article.Status.APPROVED


def test_an_edit_after_the_sign_off_voids_it() -> None:
    article = make_article(body=LIMITED)
    publishing.submit_for_review(article, at=AT)
    sign(article)
    publishing.approve(article, at=AT)

    publishing.edit(article, changes={"body": LIMITED + "<p>One more line.</p>"}, at=AT)

    article.refresh_from_db()
    assert article.status == Article.Status.DRAFT
    publishing.submit_for_review(article, at=AT)
    with pytest.raises(PublishRefused) as refusal:
        publishing.approve(article, at=AT)
    assert missing(refusal) == {"no_sign_off", "review"}


def test_a_finding_that_nobody_saw_when_signing_is_open() -> None:
    article = make_article(body=LIMITED)
    publishing.submit_for_review(article, at=AT)
    revision = sign(article)
    revision = wording.newest(article)
    revision.signed_findings = []  # as if the rule had been added after the sign-off
    revision.save()

    with pytest.raises(PublishRefused) as refusal:
        publishing.approve(article, at=AT)

    assert missing(refusal) == {"review"}


def test_the_author_does_not_sign_off_by_account_or_by_name() -> None:
    user = User.objects.create_user("w@example.org", "x")
    article = make_article(by=user, author="A Writer")

    for reviewer in (make_reviewer("Somebody", user), make_reviewer("a writer ")):
        with pytest.raises(SignOffRefused, match="author"):
            sign(article, reviewer=reviewer)

    assert wording.newest(article).signed_off_by is None


def test_who_edited_the_words_does_not_sign_them_off() -> None:
    editor = User.objects.create_user("e@example.org", "x")
    article = make_article()
    publishing.edit(article, changes={"summary": "Another."}, by=editor, at=AT)

    with pytest.raises(SignOffRefused):
        sign(article, reviewer=make_reviewer("E Ditor", editor))


def test_a_reviewer_who_became_the_author_is_found_at_the_gate() -> None:
    article = make_article()
    publishing.submit_for_review(article, at=AT)
    sign(article, reviewer=make_reviewer("R Reader"))
    Article.objects.update(author="R Reader")

    with pytest.raises(PublishRefused) as refusal:
        publishing.approve(article, at=AT)

    assert missing(refusal) == {"reviewer_is_author"}


def test_only_the_newest_words_are_signed_off() -> None:
    article = make_article()
    old = wording.newest(article)
    publishing.edit(article, changes={"summary": "Another."}, at=AT)

    with pytest.raises(SignOffRefused, match="newer"):
        publishing.sign_off(old, reviewer=make_reviewer(), accepted=[], at=AT)


def test_every_review_finding_is_accepted_by_name() -> None:
    article = make_article(body="<p>Sore legs?</p><p>Tight shoulders?</p>")
    revision = wording.newest(article)
    half = [("PAIN-02", "Sore legs?")]

    with pytest.raises(SignOffRefused, match=r"Tight shoulders\?") as refusal:
        publishing.sign_off(revision, reviewer=make_reviewer(), accepted=half, at=AT)

    assert refusal.value.problem_code == "findings_left"
    assert wording.newest(article).signed_off_by is None


def test_a_health_topic_without_sources_is_refused() -> None:
    article = make_health_article(cited=False)
    publishing.submit_for_review(article, at=AT)
    sign(article)

    with pytest.raises(PublishRefused) as refusal:
        publishing.approve(article, at=AT)

    assert missing(refusal) == {"no_citations"}


def test_a_health_topic_unsigned_lacks_reviewer_and_date() -> None:
    article = make_health_article()
    publishing.submit_for_review(article, at=AT)

    with pytest.raises(PublishRefused) as refusal:
        publishing.approve(article, at=AT)

    assert missing(refusal) == {"no_sign_off", "review", "no_reviewer", "no_review_date"}


def test_a_health_topic_with_all_it_needs_is_published() -> None:
    article = publish(make_health_article())

    assert article.status == Article.Status.PUBLISHED
    assert [source.key for source in article.citations.all()] == ["a-study"]


def test_a_mark_without_a_source_is_refused() -> None:
    article = make_article(body="<p>As said. [nobody]</p>")
    publishing.submit_for_review(article, at=AT)
    sign(article)

    with pytest.raises(PublishRefused) as refusal:
        publishing.approve(article, at=AT)

    assert missing(refusal) == {"unknown_citation"}


def test_an_override_needs_the_permission_and_a_reason_and_is_kept() -> None:
    user = User.objects.create_user("m@example.org", "x")
    article = make_article(body=BLOCKED)
    revision = wording.newest(article)
    (item,) = [found for found in wording.findings(revision.content) if found.finding.severity == "block"]
    chosen = {"rule": item.finding.rule, "sentence": item.finding.sentence, "at": AT}

    with pytest.raises(OverrideRefused, match="permission"):
        publishing.override_claim(revision, reason="quoted from a law", by=user, **chosen)
    user.user_permissions.add(Permission.objects.get(codename="override_claims"))
    user = User.objects.get(pk=user.pk)
    with pytest.raises(OverrideRefused, match="reason"):
        publishing.override_claim(revision, reason=" ", by=user, **chosen)
    publishing.override_claim(revision, reason="quoted from a law", by=user, **chosen)

    kept = ClaimOverride.objects.get()
    assert (kept.made_by, kept.reason, kept.rule) == (user, "quoted from a law", item.finding.rule)
    assert publish(article).status == Article.Status.PUBLISHED


def test_an_override_does_not_outlive_its_words() -> None:
    user = User.objects.create_superuser("m@example.org", "x")
    article = make_article(body=BLOCKED)
    revision = wording.newest(article)
    for item in wording.findings(revision.content):
        publishing.override_claim(
            revision, rule=item.key[0], sentence=item.key[1], reason="r", by=user, at=AT
        )

    publishing.edit(article, changes={"summary": "Another."}, at=AT)
    publishing.submit_for_review(article, at=AT)
    sign(article)

    with pytest.raises(PublishRefused) as refusal:
        publishing.approve(article, at=AT)
    assert missing(refusal) == {"block"}


def test_a_draft_is_not_published_past_review() -> None:
    article = make_article()
    sign(article)

    with pytest.raises(InvalidTransition):
        publishing.publish(article, at=AT)

    article.refresh_from_db()
    assert article.published_at is None


def test_published_words_stay_until_newer_ones_are_signed() -> None:
    article = publish(make_article())

    publishing.edit(article, changes={"summary": "Newer words."}, at=AT)
    article.refresh_from_db()
    assert (article.status, article.summary) == (Article.Status.PUBLISHED, "How to take a soak.")
    with pytest.raises(PublishRefused):
        publishing.publish(article, at=AT)

    later = AT + timedelta(days=2)
    sign(article, reviewer=article.reviewer, at=later)
    publishing.publish(article, at=later)
    article.refresh_from_db()
    assert article.summary == "Newer words."
    assert article.published_at == AT
    assert article.last_reviewed_on == date(2026, 11, 25)


def test_a_new_slug_leaves_a_redirect_and_no_chain() -> None:
    article = publish(make_article())
    for slug in ("second", "third"):
        publishing.edit(article, changes={"slug": slug}, at=AT)
        sign(article, reviewer=article.reviewer)
        publishing.publish(article, at=AT)

    assert set(FormerSlug.objects.values_list("slug", "article_id")) == {
        ("a-quiet-soak", article.pk),
        ("second", article.pk),
    }
    with pytest.raises(InvalidInput):
        make_article(slug="second")


def test_a_scheduled_article_goes_live_by_itself_once() -> None:
    article = make_article()
    publishing.submit_for_review(article, at=AT)
    sign(article)
    publishing.approve(article, at=AT)
    publishing.schedule(article, publish_at=AT + timedelta(hours=1), at=AT)

    assert publishing.publish_due(at=AT + timedelta(minutes=59)) == 0
    assert publishing.publish_due(at=AT + timedelta(minutes=61)) == 1
    assert publishing.publish_due(at=AT + timedelta(minutes=62)) == 0

    article.refresh_from_db()
    assert article.published_at == AT + timedelta(minutes=61)
    assert Step.objects.filter(kind="published").count() == 1


def test_a_due_article_that_lost_its_sign_off_does_not_block_the_queue() -> None:
    first, second = make_article(), make_article(slug="another")
    for article in (first, second):
        publishing.submit_for_review(article, at=AT)
        sign(article, reviewer=make_reviewer(article.slug))
        publishing.approve(article, at=AT)
        publishing.schedule(article, publish_at=AT + timedelta(hours=1), at=AT)
    wording.newest(first)
    first.revisions.update(signed_off_by=None, signed_off_at=None)

    assert publishing.publish_due(at=AT + timedelta(hours=2)) == 1

    first.refresh_from_db()
    second.refresh_from_db()
    assert first.status == Article.Status.APPROVED
    assert second.status == Article.Status.PUBLISHED


def test_earlier_words_come_back_as_a_new_revision() -> None:
    article = make_article()
    first = wording.newest(article)
    publishing.edit(article, changes={"summary": "Worse."}, at=AT)

    restored = publishing.restore(article, revision=first, at=AT)

    article.refresh_from_db()
    assert (restored.number, article.summary) == (3, "How to take a soak.")
    assert restored.fingerprint == first.fingerprint


def test_an_edit_without_a_change_adds_nothing() -> None:
    article = make_article()

    publishing.edit(article, changes=make_words(), at=AT)

    assert article.revisions.count() == 1


def test_an_archived_article_is_seen_by_nobody_and_can_be_reopened() -> None:
    article = publish(make_article())

    publishing.archive(article, at=AT)
    assert not Article.objects.live(AT).exists()
    publishing.reopen(article, at=AT)

    article.refresh_from_db()
    assert article.status == Article.Status.DRAFT


@pytest.mark.parametrize(
    "changes", [{"status": "published"}, {"caution_codes": ["NO_SUCH"]}, {"slug": "no slug"}]
)
def test_what_is_no_part_of_the_words_or_wrong_is_refused(changes: dict) -> None:
    with pytest.raises(InvalidInput):
        make_article(**changes)
