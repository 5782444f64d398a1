"""Articles for tests: made by the verbs, as the admin makes them."""

from datetime import UTC, datetime
from typing import Any

from content import publishing
from content import words as wording
from content.models import Article, Citation, Reviewer, Revision

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PLAIN_BODY = "<h2>Fill the basin</h2><p>Use five litres of warm water.</p><h2>Dry off</h2><p>Pat dry.</p>"
HEALTH_BODY = "<p>Whether it is absorbed has not been shown. [a-study]</p>"


def make_words(**changes: Any) -> dict[str, Any]:
    """Return words that no rule matches, with changes."""
    words = {
        "title": "A quiet soak",
        "slug": "a-quiet-soak",
        "summary": "How to take a soak.",
        "body": PLAIN_BODY,
        "key_takeaways": ["Measure.", "Stir.", "Dry off."],
    }
    return {**words, **changes}


def make_article(*, at: datetime = AT, by: Any = None, author: str = "A Writer", **changes: Any) -> Article:
    """Return a draft."""
    words = make_words(**changes)
    return publishing.save_draft(type="how_to", author=author, words=words, by=by, at=at)


def make_health_article(*, cited: bool = True, **changes: Any) -> Article:
    """Return a draft on a health topic whose one finding wants a review."""
    if cited:
        make_citation("a-study")
    facts: dict[str, Any] = {
        "slug": "what-is-known",
        "is_health_topic": True,
        "body": HEALTH_BODY if cited else HEALTH_BODY.replace(" [a-study]", ""),
        "citations": ["a-study"] if cited else [],
    }
    return make_article(**{**facts, **changes})


def make_citation(key: str) -> Citation:
    """Return a source."""
    facts = {"authors": "A, B", "year": 2020, "title": "T", "source": "S", "url": "https://example.org/"}
    source, _ = Citation.objects.get_or_create(key=key, defaults={**facts, "design": "d", "finding": "f"})
    return source


def make_reviewer(name: str = "R Reader", user: Any = None) -> Reviewer:
    """Return a reviewer."""
    return Reviewer.objects.create(name=name, credential="pharmacist", user=user)


def sign(article: Article, *, reviewer: Reviewer | None = None, at: datetime = AT) -> Revision:
    """Sign off the newest words of an article."""
    revision = wording.newest(article)
    accepted = wording.review_keys(revision.content)
    publishing.sign_off(revision, reviewer=reviewer or make_reviewer(), accepted=accepted, note="read", at=at)
    return revision


def publish(article: Article, *, at: datetime = AT) -> Article:
    """Take a draft through review to its readers."""
    publishing.submit_for_review(article, at=at)
    sign(article, at=at, reviewer=Reviewer.objects.first() or make_reviewer())
    publishing.approve(article, at=at)
    publishing.publish(article, at=at)
    article.refresh_from_db()
    return article
