"""From an article's words to what a reader sees: anchors, citation numbers, contents, JSON-LD."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape, unescape
from itertools import count
from typing import Any

from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from content import markup

# Source: Brysbaert 2019, "How many words do we read per minute?", 238 words a minute for non-fiction.
WORDS_PER_MINUTE = 238

HEADING = re.compile(r"<h([23])>(.{0,400}?)</h\1>", re.DOTALL)
TAG = re.compile(r"(<[^<>]*>)")
CITATION_MARK = re.compile(r"\[([a-z0-9][a-z0-9-]{1,39})\]")
# On a page the number stands at the word that it belongs to.
SPACED_MARK = re.compile(f" ?{CITATION_MARK.pattern}")


@dataclass(frozen=True, slots=True)
class Heading:
    """An entry of the contents list; `anchor` is the heading's id in the body."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A body ready for a page, and its contents."""

    html: SafeString
    contents: tuple[Heading, ...]
    reading_minutes: int


def render(body: str, citation_keys: Sequence[str]) -> Rendered:
    """Return a body with anchors on its headings and numbers for its `[key]` citation marks.

    A mark whose key is not among `citation_keys` stays as it was written, where an editor sees it.
    """
    clean = markup.sanitise(body)
    numbers = {key: number for number, key in enumerate(citation_keys, start=1)}
    contents: list[Heading] = []
    anchored = HEADING.sub(lambda found: _anchored(found, contents), clean)
    parts = TAG.split(anchored)
    # Even parts are text, odd ones tags: a mark inside an attribute stays what it is.
    parts[::2] = [SPACED_MARK.sub(lambda found: _cited(found, numbers), text) for text in parts[::2]]
    cited = "".join(parts)
    # Safe: it was sanitised above, and what was added is built from escaped or slug-like parts.
    html = mark_safe(cited)  # noqa: S308
    return Rendered(html=html, contents=tuple(contents), reading_minutes=reading_minutes(clean))


def reading_minutes(body: str) -> int:
    """Return the minutes that reading takes, at least one."""
    words = len(plain_text(body).split())
    return max(1, round(words / WORDS_PER_MINUTE))


def plain_text(body: str) -> str:
    """Return a body without tags and citation marks."""
    return unescape(TAG.sub(" ", CITATION_MARK.sub("", body)))


def as_json_script(data: Mapping[str, Any]) -> SafeString:
    """Return JSON that may stand inside a script element: it cannot close it or open a comment."""
    text = json.dumps(data, ensure_ascii=False)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04X}")
    return mark_safe(text)  # noqa: S308


def json_ld(
    *,
    title: str,
    summary: str,
    author: str,
    reviewer: str | None,
    url: str,
    articles_url: str,
    shop: str,
    shop_url: str,
    published_at: datetime | None,
    updated_at: datetime,
    pictures: Sequence[str] = (),
) -> dict[str, Any]:
    """Return schema.org's Article and BreadcrumbList. No MedicalWebPage: a seller's page is none."""
    publisher = {"@type": "Organization", "name": shop, "url": shop_url}
    article: dict[str, Any] = {
        "@type": "Article",
        "headline": title[:110],
        "description": summary,
        "inLanguage": "en-GB",
        "mainEntityOfPage": url,
        "url": url,
        "author": {"@type": "Person", "name": author},
        "publisher": publisher,
        "dateModified": updated_at.isoformat(),
    }
    if published_at:
        article["datePublished"] = published_at.isoformat()
    if pictures:
        article["image"] = list(pictures)
    if reviewer:
        article["editor"] = {"@type": "Person", "name": reviewer}
    crumbs = [(shop, shop_url), ("Articles", articles_url), (title, url)]
    breadcrumbs = {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": position, "name": name, "item": address}
            for position, (name, address) in enumerate(crumbs, start=1)
        ],
    }
    return {"@context": "https://schema.org", "@graph": [article, breadcrumbs]}


def _anchored(found: re.Match[str], contents: list[Heading]) -> str:
    level, inner = int(found[1]), found[2]
    text = unescape(TAG.sub("", CITATION_MARK.sub("", inner))).strip()
    base = slugify(text)[:60] or "section"
    taken = {heading.anchor for heading in contents}
    anchor = next(name for name in _names(base) if name not in taken)
    contents.append(Heading(level=level, text=text, anchor=anchor))
    return f'<h{level} id="{anchor}">{inner}</h{level}>'


def _names(base: str) -> Iterator[str]:
    yield base
    yield from (f"{base}-{number}" for number in count(2))


def _cited(found: re.Match[str], numbers: Mapping[str, int]) -> str:
    key = found[1]
    if key not in numbers:
        return found[0]
    label = escape(f"Reference {numbers[key]}")
    return f'<sup class="cite"><a href="#ref-{key}" aria-label="{label}">[{numbers[key]}]</a></sup>'
