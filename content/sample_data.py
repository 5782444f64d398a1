"""Sample articles: topics, sources, two invented reviewers and six articles, loaded once.

Facts come from `fixtures/articles.json`, the words of each article from `fixtures/articles/<slug>.html`.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile

from catalog import sample_pictures
from catalog.models import Variant
from content import publishing
from content import words as wording
from content.models import Article, ArticleImage, ArticleProduct, Citation, Reviewer, Topic

FIXTURES = Path(__file__).with_name("fixtures")
SIGN_OFF_NOTE = "Sample sign-off by an invented reviewer, for demonstration."


def load(*, at: datetime) -> None:
    """Create what is missing of the sample data; what exists is left as it is. Safe to run again.

    The two how-tos are signed off by an invented reviewer and published; everything else stays a draft.
    Products are found by SKU, and those that the catalogue does not have yet are left out until the next run.
    """
    data = json.loads((FIXTURES / "articles.json").read_text(encoding="utf-8"))
    for topic in data["topics"]:
        Topic.objects.get_or_create(slug=topic["slug"], defaults=topic)
    for citation in data["citations"]:
        Citation.objects.get_or_create(key=citation["key"], defaults=citation)
    for reviewer in data["reviewers"]:
        Reviewer.objects.get_or_create(name=reviewer["name"], defaults={**reviewer, "is_fictitious": True})
    for entry in data["articles"]:
        _article(entry, at)
    for entry in data["articles"]:
        _link(entry)
        _picture(entry)
    for slug, reviewer_name in data["published"].items():
        _publish(slug, reviewer_name, at)


def _article(entry: Mapping[str, Any], at: datetime) -> None:
    if Article.objects.filter(slug=entry["slug"]).exists():
        return
    body = (FIXTURES / "articles" / f"{entry['slug']}.html").read_text(encoding="utf-8")
    words = {name: entry[name] for name in wording.FIELDS if name != "body"}
    article = publishing.save_draft(
        type=entry["type"],
        author=entry["author"],
        words={**words, "body": body},
        at=at,
        review_interval_months=entry["review_interval_months"],
    )
    article.topics.set(Topic.objects.filter(slug__in=entry["topics"]))


def _link(entry: Mapping[str, Any]) -> None:
    """Add the boxes and the related articles that an article should have and has none of yet."""
    article = Article.objects.get(slug=entry["slug"])
    if not article.related_articles.exists():
        article.related_articles.set(Article.objects.filter(slug__in=entry["related"]))
    variants = {variant.sku: variant for variant in Variant.objects.filter(sku__in=entry["products"])}
    for position, sku in enumerate(entry["products"]):
        if sku in variants:
            ArticleProduct.objects.get_or_create(
                article=article,
                product_id=variants[sku].product_id,
                defaults={"variant": variants[sku], "position": position},
            )


def _picture(entry: Mapping[str, Any]) -> None:
    """Give an article without a picture its own, from the drawings of the sample catalogue."""
    article = Article.objects.get(slug=entry["slug"])
    if article.images.exists():
        return
    code = entry["picture"]
    picture = ArticleImage(article=article, alt=sample_pictures.captions()[code], position=1)
    content = ContentFile((sample_pictures.FOLDER / f"{code}.webp").read_bytes())
    picture.original.save(f"{code}.webp", content, save=False)
    picture.save()


def _publish(slug: str, reviewer_name: str, at: datetime) -> None:
    article = Article.objects.get(slug=slug)
    if article.status != Article.Status.DRAFT:
        return
    reviewer = Reviewer.objects.get(name=reviewer_name)
    publishing.submit_for_review(article, at=at)
    revision = wording.newest(article)
    accepted = wording.review_keys(revision.content)
    publishing.sign_off(revision, reviewer=reviewer, accepted=accepted, note=SIGN_OFF_NOTE, at=at)
    publishing.approve(article, at=at)
    publishing.publish(article, at=at)
