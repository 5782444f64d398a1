"""What stands beside an article's words: where it is, what comes next, what is missing, what was found."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from content import gate, links
from content import words as wording
from content.models import Article, ClaimOverride, Revision
from shop.claims import checker
from shop.clock.reading import now

Status = Article.Status

ROAD = (Status.DRAFT, Status.IN_REVIEW, Status.APPROVED, Status.PUBLISHED)
# In the order of their weight: what stops an article comes first.
SEVERITIES = ("block", "review", "warn", "info")
COLOURS = {"block": "danger", "review": "warning", "warn": "info", "info": "info"}


def panel(article: Article) -> SafeString:
    """Return the state of an article, its next step and what publishing still needs."""
    revision = wording.newest(article)
    waits = newer_words_wait(article, revision)
    lacks = gate.lacks(article, revision)
    step = next_step(article, lacks=lacks, waits=waits, is_signed=gate.is_signed(revision))
    button = step["button"]
    context = {
        "article": article,
        "revision": revision,
        "road": _road(article),
        "waits": waits,
        "lacks": lacks,
        "next": step,
        "next_url": reverse(f"admin:content_article_{button}", args=[article.pk]) if button else "",
        "preview": links.preview_path(article, at=now()),
        "page": links.article_path(article.slug) if article.status == Status.PUBLISHED else "",
    }
    return render_to_string("content/admin/panel.html", context)


def findings(article: Article) -> SafeString:
    """Return what the copy checker finds in the newest words, gravest first, and who let what pass."""
    revision = wording.newest(article)
    open_keys = {item.key for item in (*gate.unsigned(revision), *gate.open_blocks(revision))}
    passed = _passed(revision)
    found = sorted(
        wording.findings(revision.content), key=lambda item: SEVERITIES.index(item.finding.severity)
    )
    context = {
        "found": [_shown(item, item.key in open_keys, passed.get(item.key)) for item in found],
        "revision": revision,
        "version": checker.rules_version(),
    }
    return render_to_string("content/admin/findings.html", context)


def newer_words_wait(article: Article, revision: Revision) -> bool:
    """Return whether readers see other words than the newest ones."""
    return article.status == Status.PUBLISHED and revision.content != wording.of_article(article)


def next_step(
    article: Article, *, lacks: Iterable[gate.Lack], waits: bool, is_signed: bool
) -> dict[str, str]:
    """Return what to do next, in words, and the button that does it ("" for none)."""
    codes = {lack.code for lack in lacks}
    to_write = codes - {"no_sign_off", "review", "no_reviewer", "no_review_date", "reviewer_is_author"}
    if article.status == Status.ARCHIVED:
        return _step("Nobody sees it. Reopen it to work on it again.", "reopen", "Reopen")
    if article.status == Status.PUBLISHED and not waits:
        return _step("Readers see these words. Edit and save to prepare newer ones.")
    if article.status == Status.SCHEDULED:
        return _step("It goes live by itself at that time. An edit takes it back to draft.")
    if to_write:
        return _step("Finish the words: what is missing is listed here.")
    if article.status == Status.DRAFT:
        return _step("The words are ready to be read by a reviewer.", "submit", "Submit for review")
    if not is_signed or codes:
        return _step("A reviewer who did not write it reads it and signs it off.", "sign_off", "Sign off")
    if article.status == Status.IN_REVIEW:
        return _step("Signed off. Approve it for publishing.", "approve", "Approve")
    return _step("Everything is there. Publish it now, or schedule it.", "publish", "Publish")


def _step(words: str, button: str = "", label: str = "") -> dict[str, str]:
    return {"words": words, "button": button, "label": label}


def _road(article: Article) -> list[dict[str, Any]]:
    status = Status.APPROVED if article.status == Status.SCHEDULED else article.status
    reached = ROAD.index(Status(status)) if status in ROAD else -1
    return [
        {"label": step.label, "is_done": place < reached, "is_here": place == reached}
        for place, step in enumerate(ROAD)
    ]


def _passed(revision: Revision) -> Mapping[tuple[str, str], str]:
    """Return who let which finding of these words stand, and why."""
    holds = Q(fingerprint=revision.fingerprint)
    overrides: Iterable[ClaimOverride] = revision.overrides.filter(holds).select_related("made_by")
    passed = {(row.rule, row.sentence): f"Let pass by {row.made_by}: {row.reason}" for row in overrides}
    if gate.is_signed(revision) and revision.signed_off_by is not None:
        signed = {(rule, sentence) for rule, sentence in revision.signed_findings}
        passed |= dict.fromkeys(signed, f"Signed off by {revision.signed_off_by.name}")
    return passed


def _shown(item: wording.FieldFinding, is_open: bool, passed: str | None) -> dict[str, Any]:
    finding = item.finding
    decides = finding.severity in ("block", "review")
    return {
        "field": item.field.replace("_", " "),
        "anchor": "takeaways" if item.field == "key_takeaways" else item.field,
        "finding": finding,
        "colour": COLOURS[finding.severity],
        "state": ("open" if is_open else passed or "settled") if decides else "",
        "is_open": decides and is_open,
        "before": finding.sentence[: finding.start],
        "after": finding.sentence[finding.start + len(finding.match) :],
    }
