"""From a page to the values that its serializer shows."""

from typing import Any

from content.boxes import Box
from content.reading import Page
from shop.api.fields import money
from shop.images.api import as_json


def article_shape(page: Page) -> dict[str, Any]:
    """Return the values of `ArticleSerializer`."""
    article: Any = page.article
    reviewer = {"name": page.reviewer_name, "credential": page.reviewer_credential}
    return {
        "slug": article.slug,
        "type": article.type,
        "title": page.title,
        "summary": page.summary,
        "url": page.url,
        "image": as_json(article.pictures[0]) if article.pictures else None,
        "is_health_topic": article.is_health_topic,
        "body": page.html,
        "key_takeaways": page.key_takeaways,
        "contents": page.contents,
        "reading_minutes": page.reading_minutes,
        "topics": page.topics,
        "author": article.author,
        "reviewer": reviewer if page.reviewer_name else None,
        "published_at": article.published_at,
        "updated_at": article.updated_at,
        "last_reviewed_on": page.last_reviewed_on,
        "review_due_on": article.review_due_on,
        "citations": page.citations,
        "disclaimer": page.disclaimer,
        "cautions": page.cautions,
        "product_boxes": [box_shape(box) for box in page.boxes],
        "boxes_after_disclaimer": page.boxes_after_disclaimer,
        "related": page.related,
        "json_ld": page.json_ld,
    }


def box_shape(box: Box) -> dict[str, Any]:
    """Return the values of `ProductBoxSerializer`."""
    offer, currency = box.offer, box.offer.currency
    unit = box.unit_price
    return {
        "product": box.product.slug,
        "name": box.product.name,
        "summary": box.product.summary,
        "sku": box.variant.sku,
        "size": box.variant.name,
        "price": money(offer.amount, currency),
        "regular_price": money(offer.list_amount, currency),
        "refill_price": _money_or_none(offer.refill_amount, currency),
        "lowest_prior_price": _money_or_none(offer.lowest_prior_amount, currency),
        "unit_price": {**money(unit.amount, currency), "unit": unit.unit, "label": unit.label}
        if unit
        else None,
        "stock": box.stock,
        "usage": box.usage,
    }


def _money_or_none(amount: int | None, currency: str) -> dict[str, Any] | None:
    return None if amount is None else money(amount, currency)
