"""What readers get: the list of live articles, and one article with everything that belongs on its page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import JSONObject
from django.utils.safestring import SafeString

from catalog.cautions import Caution, cautions_for
from content import links, pictures, rendering
from content import words as wording
from content.boxes import Box, boxes_for
from content.models import Article, Citation, Topic
from content.rendering import Heading
from shop.images import showing
from shop.images.showing import Shown

DISCLAIMER = (
    "Our flakes and sprays are cosmetics for bath and body. They are not medicines, and nothing on this page "
    "is medical advice. If something about your health worries you, ask a doctor or a pharmacist."
)


@dataclass(frozen=True, slots=True)
class Page:
    """One article as a page: its words rendered, and what stands around them."""

    article: Article
    url: str
    picture: Shown | None
    title: str
    summary: str
    html: SafeString
    key_takeaways: Sequence[str]
    contents: Sequence[Heading]
    reading_minutes: int
    citations: Sequence[Citation]
    topics: Sequence[dict[str, str]]
    related: Sequence[dict[str, str]]
    boxes: Sequence[Box]
    cautions: Sequence[Caution]
    disclaimer: str
    boxes_after_disclaimer: bool
    reviewer_name: str | None
    reviewer_credential: str | None
    last_reviewed_on: date | None
    json_ld: dict[str, Any]
    json_ld_script: SafeString


def live_articles(at: datetime) -> "QuerySet[Article]":
    """Return the articles that readers may see, with what a list shows of each."""
    return (
        Article.objects.live(at)
        .defer("body", "search")
        .select_related("reviewer")
        .prefetch_related("topics")
        .annotate(pictures=pictures.riding_along())
    )


def find_live(slug: str, at: datetime) -> Any:
    """Return a live article by its address; one query."""
    return _with_surroundings(Article.objects.live(at), at).filter(slug=slug).first()


def new_address(slug: str, at: datetime) -> str | None:
    """Return the present slug of a live article that once was at this one."""
    return Article.objects.live(at).filter(former_slugs__slug=slug).values_list("slug", flat=True).first()


def live_page(article: Any, *, currency: str, at: datetime) -> Page:
    """Return the page of an article from `find_live`; five queries more at most."""
    words = {name: getattr(article, name) for name in wording.FIELDS if name != "citations"}
    citations = list(article.citations.all())
    reviewer = article.reviewer
    return _page(
        article,
        words,
        citations,
        reviewer=(reviewer.name, reviewer.credential) if reviewer else None,
        reviewed_on=article.last_reviewed_on,
        currency=currency,
        at=at,
    )


def preview_page(article: Article, *, currency: str, at: datetime) -> Page:
    """Return the page that an article would be with its newest words, whoever has signed them or not."""
    found = _with_surroundings(Article.objects.all(), at).get(pk=article.pk)
    revision = wording.newest(found)
    citations = list(Citation.objects.filter(key__in=revision.content["citations"]))
    signed = revision.signed_off_by
    return _page(
        found,
        revision.content,
        citations,
        reviewer=(signed.name, signed.credential) if signed else None,
        reviewed_on=revision.signed_off_at.date() if revision.signed_off_at else None,
        currency=currency,
        at=at,
    )


def _with_surroundings(articles: "QuerySet[Article]", at: datetime) -> "QuerySet[Any]":
    # Topics and related articles ride along as JSON: a page would otherwise spend a query on each.
    topics = Topic.objects.filter(articles=OuterRef("pk")).order_by("name")
    related = (
        Article.objects.live(at)
        .filter(
            pk__in=Article.related_articles.through.objects.filter(
                from_article=OuterRef(OuterRef("pk"))
            ).values("to_article")
        )
        .order_by("title")
    )
    return (
        articles.defer("search")
        .select_related("reviewer")
        .annotate(
            pictures=pictures.riding_along(),
            topic_list=ArraySubquery(topics.values(json=JSONObject(slug="slug", name="name"))),
            related_list=ArraySubquery(
                related.values(json=JSONObject(slug="slug", title="title", summary="summary", type="type"))
            ),
        )
    )


def _page(
    article: Any,
    words: wording.Words,
    citations: list[Citation],
    *,
    reviewer: tuple[str, str] | None,
    reviewed_on: date | None,
    currency: str,
    at: datetime,
) -> Page:
    ordered = _in_order_of_mention(words["body"], citations)
    rendered = rendering.render(words["body"], [citation.key for citation in ordered])
    url = links.absolute(links.article_path(words["slug"]))
    data = rendering.json_ld(
        title=words["title"],
        summary=words["summary"],
        author=article.author,
        reviewer=reviewer[0] if reviewer else None,
        url=url,
        articles_url=links.absolute(links.ARTICLES_PATH),
        shop=settings.SHOP_NAME,
        shop_url=links.absolute("/"),
        published_at=article.published_at,
        updated_at=article.updated_at,
        pictures=[showing.absolute(row["renditions"][-1]["name"]) for row in article.pictures],
    )
    return Page(
        article=article,
        url=url,
        picture=showing.first_shown(article.pictures),
        title=words["title"],
        summary=words["summary"],
        html=rendered.html,
        key_takeaways=words["key_takeaways"],
        contents=rendered.contents,
        reading_minutes=rendered.reading_minutes,
        citations=ordered,
        topics=article.topic_list,
        related=article.related_list,
        boxes=boxes_for(article, currency, at),
        cautions=cautions_for(words["caution_codes"]),
        disclaimer=DISCLAIMER,
        boxes_after_disclaimer=words["is_health_topic"],
        reviewer_name=reviewer[0] if reviewer else None,
        reviewer_credential=reviewer[1] if reviewer else None,
        last_reviewed_on=reviewed_on,
        json_ld=data,
        json_ld_script=rendering.as_json_script(data),
    )


def _in_order_of_mention(body: str, citations: list[Citation]) -> list[Citation]:
    """Number sources as a reader meets them; those that only the list names come last."""
    mentioned = {key: place for place, key in enumerate(wording.citation_marks(body))}
    return sorted(citations, key=lambda citation: (mentioned.get(citation.key, len(mentioned)), citation.key))
