"""What a revision lacks before it may be published. The answer is a list; an empty one opens the gate."""

from collections.abc import Iterator
from dataclasses import dataclass

from content import words as wording
from content.models import MAX_TAKEAWAYS, MIN_TAKEAWAYS, Article, Reviewer, Revision
from content.words import FieldFinding
from shop.exceptions import Conflict
from shop.images import alt_texts


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is missing: a stable code and a sentence for people."""

    code: str
    detail: str


class PublishRefused(Conflict):
    """`extra["missing"]` lists what is missing, each with its code."""

    code = "publish_refused"
    title = "The article cannot be published yet"


def require_open(article: Article, revision: Revision) -> None:
    """Let a revision through.

    :raises PublishRefused: naming everything that is missing.
    """
    missing = lacks(article, revision)
    if missing:
        raise PublishRefused(
            "Not ready: " + " ".join(lack.detail for lack in missing),
            missing=[{"code": lack.code, "detail": lack.detail} for lack in missing],
        )


def lacks(article: Article, revision: Revision) -> list[Lack]:
    """Return what a revision lacks before it may be published."""
    return [
        *_unfinished(revision),
        *_open_blocks(revision),
        *_pictures(article),
        *_sign_off(article, revision),
        *(_health(revision) if revision.content["is_health_topic"] else ()),
    ]


def is_author(reviewer: Reviewer, article: Article, revision: Revision) -> bool:
    """Return whether a reviewer wrote the article or this revision of it: by account, or by name."""
    writers = {article.author_user_id, revision.edited_by_id} - {None}
    same_name = reviewer.name.strip().casefold() == article.author.strip().casefold()
    return same_name or (reviewer.user_id is not None and reviewer.user_id in writers)


def unsigned(revision: Revision) -> list[FieldFinding]:
    """Return the review findings that nobody has signed off for exactly these words."""
    found = [item for item in wording.findings(revision.content) if item.finding.severity == "review"]
    if not is_signed(revision):
        return found
    seen = {(rule, sentence) for rule, sentence in revision.signed_findings}
    return [item for item in found if item.key not in seen]


def open_blocks(revision: Revision) -> list[FieldFinding]:
    """Return the block findings that no override of exactly these words lets pass."""
    found = [item for item in wording.findings(revision.content) if item.finding.severity == "block"]
    if not found:
        return []
    passed = set(revision.overrides.filter(fingerprint=revision.fingerprint).values_list("rule", "sentence"))
    return [item for item in found if item.key not in passed]


def is_signed(revision: Revision) -> bool:
    """Return whether a reviewer signed exactly the words that the revision holds now."""
    holds = revision.fingerprint == wording.fingerprint(revision.content)
    return holds and revision.signed_off_by_id is not None


def _unfinished(revision: Revision) -> Iterator[Lack]:
    words = revision.content
    for name in ("title", "summary", "body"):
        if not words[name].strip():
            yield Lack(f"no_{name}", f"It has no {name}.")
    if not MIN_TAKEAWAYS <= len(words["key_takeaways"]) <= MAX_TAKEAWAYS:
        yield Lack("takeaways", f"It needs {MIN_TAKEAWAYS} to {MAX_TAKEAWAYS} takeaways.")
    strangers = [key for key in wording.citation_marks(words["body"]) if key not in words["citations"]]
    if strangers:
        yield Lack("unknown_citation", f"The body cites [{'], ['.join(strangers)}], which it does not list.")


def _open_blocks(revision: Revision) -> Iterator[Lack]:
    for item in open_blocks(revision):
        yield Lack("block", f"{item.finding.rule} blocks “{item.finding.sentence}” ({item.field}).")


def _pictures(article: Article) -> Iterator[Lack]:
    for alt in article.images.values_list("alt", flat=True):
        for finding in alt_texts.refused(alt):
            yield Lack("picture", f"{finding.rule} stops “{alt}”, which a picture says of itself.")


def _sign_off(article: Article, revision: Revision) -> Iterator[Lack]:
    reviewer = revision.signed_off_by
    if reviewer is None or not is_signed(revision):
        yield Lack("no_sign_off", "A reviewer has not signed off these words.")
    elif is_author(reviewer, article, revision):
        yield Lack("reviewer_is_author", "The reviewer is the author.")
    for item in unsigned(revision):
        finding = item.finding
        yield Lack("review", f"{finding.rule} wants a review of “{finding.sentence}” ({item.field}).")


def _health(revision: Revision) -> Iterator[Lack]:
    if not revision.content["citations"]:
        yield Lack("no_citations", "A health topic needs citations.")
    if revision.signed_off_by is None:
        yield Lack("no_reviewer", "A health topic needs a named reviewer.")
    if revision.signed_off_at is None:
        yield Lack("no_review_date", "A health topic needs the date of its review.")
