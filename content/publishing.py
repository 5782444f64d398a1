"""The life of an article: written, reviewed, signed off, published, archived.

Readers see the words on the article's row. An edit of an article that nobody sees yet changes the row; an
edit of a published one waits as a newer revision until it, too, is signed off and published.

`save_draft` and `edit` also run inside the transaction of the admin's form; the other verbs are outermost.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from catalog import cautions
from content import gate
from content import words as wording
from content.models import MAX_BODY, Article, ClaimOverride, FormerSlug, Reviewer, Revision, Step
from shop.exceptions import Conflict, Forbidden, InvalidInput
from shop.transitions import advance

logger = logging.getLogger(__name__)

Status = Article.Status
# An edit takes these back to the desk: what was approved was other words.
BACK_TO_DRAFT = {Status.IN_REVIEW, Status.APPROVED, Status.SCHEDULED}
EMPTY: wording.Words = {
    "title": "",
    "slug": "",
    "summary": "",
    "body": "",
    "key_takeaways": [],
    "is_health_topic": False,
    "caution_codes": [],
    "citations": [],
}


class SignOffRefused(Conflict):
    code = "sign_off_refused"
    title = "That sign-off is not possible"


class OverrideRefused(Forbidden):
    code = "override_refused"
    title = "That override is not possible"


@transaction.atomic(savepoint=False)
def save_draft(
    *, type: str, author: str, words: Mapping[str, Any], by: Any = None, at: datetime, **facts: Any
) -> Article:
    """Create an article as a draft with its first revision, and return it.

    `words` are those of `content.words.FIELDS`; `facts` are other fields of the article.
    :raises InvalidInput: naming the fields at fault.
    """
    article = Article(type=type, author=author, author_user=by, created_at=at, updated_at=at, **facts)
    content = wording.merged(EMPTY, words)
    _check(article, content)
    article.save()
    wording.put_citations(article, content)
    _add_revision(article, content, by=by, at=at)
    return article


@transaction.atomic(savepoint=False)
def edit(article: Article, *, changes: Mapping[str, Any], by: Any = None, at: datetime) -> Revision:
    """Add a revision with changed words and return it; without a change, return the newest.

    A sign-off belongs to its revision, so an edit leaves it behind. A published article keeps its published
    words until `publish`.
    :raises InvalidInput: naming the fields at fault.
    """
    return _edit(_locked(article), changes, by=by, at=at)


@transaction.atomic(durable=True)
def restore(article: Article, *, revision: Revision, by: Any = None, at: datetime) -> Revision:
    """Bring the words of an earlier revision back as the newest revision, and return that."""
    if revision.article_id != article.pk:
        raise InvalidInput("That revision belongs to another article.")
    note = f"restored revision {revision.number}"
    return _edit(_locked(article), revision.content, by=by, at=at, note=note)


@transaction.atomic(durable=True)
def submit_for_review(article: Article, *, by: Any = None, at: datetime) -> None:
    """Hand a draft to review.

    :raises InvalidTransition: if it is not a draft.
    """
    _step(_locked(article), Status.IN_REVIEW, kind="submitted", by=by, at=at)


@transaction.atomic(durable=True)
def send_back(article: Article, *, note: str, by: Any = None, at: datetime) -> None:
    """Give an article under review, or an approved one, back to its author, with a note."""
    _step(_locked(article), Status.DRAFT, kind="sent back", note=note, by=by, at=at, publish_at=None)


@transaction.atomic(durable=True)
def sign_off(
    revision: Revision,
    *,
    reviewer: Reviewer,
    accepted: Iterable[tuple[str, str]],
    note: str = "",
    by: Any = None,
    at: datetime,
) -> None:
    """Record that a reviewer read these words and stands by them, review finding by review finding.

    `accepted` names the rule and the sentence of each one that the reviewer has looked at and lets stand.
    :raises SignOffRefused: if the reviewer is the author, the words are not the newest, or a review finding
        is not among the accepted ones.
    """
    article = _locked(revision.article)
    newest = wording.newest(article)
    if newest.pk != revision.pk:
        raise SignOffRefused("There is a newer revision: sign off that one.", code="stale_revision")
    if gate.is_author(reviewer, article, newest):
        raise SignOffRefused("The reviewer is the author.", code="reviewer_is_author")
    signed = wording.review_keys(newest.content)
    known = set(accepted)
    left = [f"{rule}: {sentence}" for rule, sentence in signed if (rule, sentence) not in known]
    if left:
        raise SignOffRefused(f"Not every finding was accepted: {' '.join(left)}", code="findings_left")
    newest.signed_off_by = reviewer
    newest.signed_off_at = at
    newest.sign_off_note = note
    newest.signed_findings = [list(key) for key in signed]
    newest.save(update_fields=["signed_off_by", "signed_off_at", "sign_off_note", "signed_findings"])
    _log(article, "signed off", revision=newest, by=by, note=note, at=at)


@transaction.atomic(durable=True)
def override_claim(
    revision: Revision, *, rule: str, sentence: str, reason: str, by: Any, at: datetime
) -> None:
    """Let one blocked sentence of a revision pass, for these words only. Kept for good, with who and why.

    :raises OverrideRefused: without the permission, a reason, or such a finding.
    """
    if not by.has_perm("content.override_claims"):
        raise OverrideRefused("You need the permission to override the copy checker.")
    if not reason.strip():
        raise OverrideRefused("An override needs a reason.", code="reason_missing")
    article = _locked(revision.article)
    if wording.newest(article).pk != revision.pk:
        raise OverrideRefused("There is a newer revision: look at that one.", code="stale_revision")
    if (rule, sentence) not in {item.key for item in gate.open_blocks(revision)}:
        raise OverrideRefused("No open block finding of that rule in that sentence.", code="no_such_finding")
    ClaimOverride.objects.create(
        revision=revision,
        fingerprint=revision.fingerprint,
        rule=rule,
        sentence=sentence,
        reason=reason,
        made_by=by,
        made_at=at,
    )
    _log(article, "overrode a rule", revision=revision, by=by, note=f"{rule}: {reason}"[:300], at=at)
    logger.warning("override of %s on article %s by user %s", rule, article.pk, by.pk)


@transaction.atomic(durable=True)
def approve(article: Article, *, by: Any = None, at: datetime) -> None:
    """Approve an article under review for publishing.

    :raises PublishRefused: naming what is missing. :raises InvalidTransition: if it is not under review.
    """
    locked = _locked(article)
    gate.require_open(locked, wording.newest(locked))
    _step(locked, Status.APPROVED, kind="approved", by=by, at=at)


@transaction.atomic(durable=True)
def schedule(article: Article, *, publish_at: datetime, by: Any = None, at: datetime) -> None:
    """Let an approved article go live by itself at a time to come.

    :raises PublishRefused: naming what is missing. :raises InvalidInput: if that time has passed.
    """
    if publish_at <= at:
        raise InvalidInput("That time has passed.", fields={"publish_at": ["Choose a time to come."]})
    locked = _locked(article)
    gate.require_open(locked, wording.newest(locked))
    note = f"for {publish_at:%Y-%m-%d %H:%M %Z}"
    _step(locked, Status.SCHEDULED, kind="scheduled", note=note, by=by, at=at, publish_at=publish_at)


@transaction.atomic(durable=True)
def publish(article: Article, *, by: Any = None, at: datetime) -> None:
    """Show the newest revision to readers, from now on. What is shown already is left as it is.

    :raises PublishRefused: naming what is missing. :raises InvalidTransition: if it is neither approved,
        scheduled nor already published with newer words.
    """
    _publish(_locked(article), by=by, at=at)


def publish_due(*, at: datetime) -> int:
    """Publish the scheduled articles whose time has come and return how many; safe to run twice.

    One that the gate refuses goes back to approved, so that it does not stand in the queue for ever.
    """
    published = 0
    for article_id in list(Article.objects.due(at).values_list("pk", flat=True)):
        published += _publish_one_due(article_id, at)
    return published


@transaction.atomic(durable=True)
def archive(article: Article, *, by: Any = None, at: datetime) -> None:
    """Take an article away from readers.

    :raises InvalidTransition: if it is neither published nor a draft.
    """
    _step(_locked(article), Status.ARCHIVED, kind="archived", by=by, at=at)


@transaction.atomic(durable=True)
def reopen(article: Article, *, by: Any = None, at: datetime) -> None:
    """Make an archived article a draft again: what it says wants a new look before it is shown."""
    locked = _locked(article)
    if locked.status != Status.ARCHIVED:
        raise Conflict("Only an archived article is reopened.", code="not_archived")
    words = wording.newest(locked).content
    _step(locked, Status.DRAFT, kind="reopened", by=by, at=at)
    _put(locked, words, at)


def _locked(article: Article) -> Article:
    return Article.objects.select_for_update(of=("self",)).get(pk=article.pk)


def _step(
    article: Article, target: str, *, kind: str, at: datetime, by: Any, note: str = "", **changes: Any
) -> None:
    advance(article, field="status", table=Article.STATUS_STEPS, target=target, updated_at=at, **changes)
    _log(article, kind, by=by, note=note, at=at)


def _log(
    article: Article,
    kind: str,
    *,
    at: datetime,
    by: Any = None,
    note: str = "",
    revision: Revision | None = None,
) -> None:
    Step.objects.create(article=article, revision=revision, kind=kind, by=by, note=note[:300], at=at)


def _edit(article: Article, changes: Mapping[str, Any], *, by: Any, at: datetime, note: str = "") -> Revision:
    newest = wording.newest(article)
    content = wording.merged(newest.content, changes)
    if wording.fingerprint(content) == newest.fingerprint:
        return newest
    is_live = article.status == Status.PUBLISHED
    _check(article, content)
    if not is_live:
        _put(article, content, at)
    if article.status in BACK_TO_DRAFT:
        _step(article, Status.DRAFT, kind="back to draft", note="edited", by=by, at=at, publish_at=None)
    return _add_revision(article, content, by=by, at=at, note=note)


def _add_revision(
    article: Article, content: wording.Words, *, by: Any, at: datetime, note: str = ""
) -> Revision:
    last = article.revisions.order_by("-number").values_list("number", flat=True).first() or 0
    revision = Revision.objects.create(
        article=article,
        number=last + 1,
        content=content,
        fingerprint=wording.fingerprint(content),
        edited_by=by,
        created_at=at,
    )
    _log(article, "edited" if last else "created", revision=revision, by=by, note=note, at=at)
    return revision


def _check(article: Article, content: wording.Words) -> None:
    """Put words on the instance and check them there; the caller saves it or throws it away."""
    if len(content["body"]) > MAX_BODY:
        raise InvalidInput("The article is too long.", fields={"body": [f"At most {MAX_BODY:,} characters."]})
    wording.put_on(article, content)
    try:
        article.clean_fields(exclude={"created_at", "updated_at"})
        article.validate_unique()
    except ValidationError as error:
        raise InvalidInput("The article is not valid as it stands.", fields=error.message_dict) from error
    unknown = sorted(set(content["caution_codes"]) - set(cautions.TEXTS))
    if unknown:
        raise InvalidInput("There is no such caution.", fields={"caution_codes": [", ".join(unknown)]})
    if FormerSlug.objects.filter(slug=content["slug"]).exclude(article=article.pk).exists():
        raise InvalidInput("Another article once had that address.", fields={"slug": ["Already in use."]})


def _put(article: Article, content: wording.Words, at: datetime) -> None:
    wording.put_on(article, content)
    article.updated_at = at
    changed = [name for name in wording.FIELDS if name != "citations"]
    article.save(update_fields=[*changed, "updated_at"])
    wording.put_citations(article, content)


def _publish(article: Article, *, by: Any, at: datetime) -> None:
    revision = wording.newest(article)
    gate.require_open(article, revision)
    assert revision.signed_off_at is not None  # the gate saw it
    reviewed_on = revision.signed_off_at.date()
    shown = (wording.of_article(article), article.reviewer_id, article.last_reviewed_on)
    wanted = (revision.content, revision.signed_off_by_id, reviewed_on)
    if article.status == Status.PUBLISHED and shown == wanted:
        return
    _keep_old_address(article, revision.content["slug"], at)
    _put(article, revision.content, at)
    article.reviewer = revision.signed_off_by
    article.last_reviewed_on = reviewed_on
    article.published_at = article.published_at or at
    article.publish_at = None
    facts = ["reviewer", "last_reviewed_on", "published_at", "publish_at"]
    if article.status == Status.PUBLISHED:
        article.save(update_fields=facts)
        _log(article, "published anew", revision=revision, by=by, at=at)
        return
    changes = {name: getattr(article, name) for name in facts}
    _step(article, Status.PUBLISHED, kind="published", by=by, at=at, **changes)


def _keep_old_address(article: Article, new_slug: str, at: datetime) -> None:
    # Before the first publication nobody can have linked to it.
    old_slug = Article.objects.values_list("slug", flat=True).get(pk=article.pk)
    FormerSlug.objects.filter(slug=new_slug, article=article).delete()
    if article.published_at is not None and old_slug != new_slug:
        FormerSlug.objects.get_or_create(slug=old_slug, defaults={"article": article, "changed_at": at})


@transaction.atomic(durable=True)
def _publish_one_due(article_id: int, at: datetime) -> int:
    due = Article.objects.due(at).select_for_update(of=("self",), skip_locked=True)
    article = due.filter(pk=article_id).first()
    if article is None:
        return 0
    try:
        _publish(article, by=None, at=at)
    except gate.PublishRefused as refusal:
        logger.warning("article %s was due and is not ready: %s", article_id, refusal.detail)
        _step(article, Status.APPROVED, kind="refused", note=refusal.detail, by=None, at=at, publish_at=None)
        return 0
    return 1
