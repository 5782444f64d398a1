"""The words of an article as one value: what a revision holds, what is signed, what the checker reads."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from content import markup
from content.models import Article, Citation, Revision
from content.rendering import CITATION_MARK, TAG
from shop.claims import checker
from shop.claims.checker import Finding
from shop.exceptions import InvalidInput

Words = dict[str, Any]

TEXT_FIELDS = ("title", "slug", "summary", "body")
FIELDS = (*TEXT_FIELDS, "key_takeaways", "is_health_topic", "caution_codes", "citations")


@dataclass(frozen=True, slots=True)
class FieldFinding:
    """A finding of the copy checker, and the field that it is in."""

    field: str
    finding: Finding

    @property
    def key(self) -> tuple[str, str]:
        """What a sign-off or an override names: the rule and the sentence."""
        return self.finding.rule, self.finding.sentence


def of_article(article: Article) -> Words:
    """Return the words on an article's own row: what readers see while it is published."""
    words: Words = {name: getattr(article, name) for name in FIELDS if name != "citations"}
    words["citations"] = sorted(citation.key for citation in article.citations.all())
    return words


def newest(article: Article) -> Revision:
    """Return the newest revision of an article.

    :raises Revision.DoesNotExist: never for an article that `save_draft` made.
    """
    return article.revisions.select_related("signed_off_by", "edited_by").latest("number")


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Words:
    """Return `base` with `changes`, sanitised and in one canonical form.

    :raises InvalidInput: if a change names something that is not part of an article's words.
    """
    unknown = sorted(set(changes) - set(FIELDS))
    if unknown:
        raise InvalidInput(
            "That is no part of an article's words.", fields={name: ["Unknown."] for name in unknown}
        )
    words = {**base, **changes}
    words["body"] = markup.sanitise(words["body"])
    words["key_takeaways"] = [line.strip() for line in words["key_takeaways"] if line.strip()]
    words["citations"] = sorted(set(words["citations"]))
    words["caution_codes"] = list(words["caution_codes"])
    return {name: words[name] for name in FIELDS}


def fingerprint(words: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the words: a sign-off holds for these and no others."""
    canonical = json.dumps(words, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def put_on(article: Article, words: Mapping[str, Any]) -> None:
    """Put words on an article's row, without saving; citations need `put_citations` after the save."""
    for name in FIELDS:
        if name != "citations":
            setattr(article, name, words[name])


def put_citations(article: Article, words: Mapping[str, Any]) -> None:
    """Make an article cite what its words list."""
    article.citations.set(Citation.objects.filter(key__in=words["citations"]))


def findings(words: Mapping[str, Any]) -> list[FieldFinding]:
    """Return what the copy checker finds in title, slug, summary, takeaways, body and alt texts."""
    return list(_findings(words))


def review_keys(words: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a reviewer has to sign off: rule and sentence of each review finding, each once."""
    found = (item for item in _findings(words) if item.finding.severity == "review")
    return list(dict.fromkeys(item.key for item in found))


def citation_marks(body: str) -> list[str]:
    """Return the keys of a body's `[key]` marks in order of first appearance."""
    return list(dict.fromkeys(CITATION_MARK.findall(TAG.sub(" ", body))))


def _findings(words: Mapping[str, Any]) -> Iterator[FieldFinding]:
    texts = [
        ("title", words["title"]),
        ("slug", words["slug"].replace("-", " ")),
        ("summary", words["summary"]),
        *(("key_takeaways", line) for line in words["key_takeaways"]),
    ]
    for name, text in texts:
        yield from (FieldFinding(name, found) for found in checker.check_text(text))
    # A citation mark between two words must not part them for the checker.
    body = CITATION_MARK.sub("", words["body"])
    yield from (FieldFinding("body", found) for found in checker.check_html(body))
