"""Addresses of articles, and signed links to those that nobody else may read yet."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing

from content.models import Article
from shop.clock import reading
from shop.exceptions import NotFound

PREVIEW_SALT = "content.preview"
PREVIEW_LASTS = timedelta(days=14)
ARTICLES_PATH = "/articles"
FEED_PATH = f"{ARTICLES_PATH}/feed.atom"


class PreviewGone(NotFound):
    """One answer for a forged, an expired and an outlived link: who probes learns nothing."""

    code = "preview_gone"
    title = "This preview link is not valid any more"


def article_path(slug: str) -> str:
    """Return an article's address on this site."""
    return f"{ARTICLES_PATH}/{slug}"


def absolute(path: str) -> str:
    """Return a path of this site as a full address."""
    return f"{settings.BASE_URL}{path}"


def lasting_id(article: Article) -> str:
    """Return a name for an article that outlives its address. Source: RFC 4151."""
    host = urlsplit(settings.BASE_URL).hostname
    return f"tag:{host},{article.created_at:%Y-%m-%d}:article-{article.pk}"


def preview_path(article: Article, *, at: datetime | None = None) -> str:
    """Return the path of a page that shows the newest words of an article, published or not.

    It holds for `PREVIEW_LASTS` from `at` (without it: from now by the shop's clock).
    """
    until = (at or reading.now()) + PREVIEW_LASTS
    token = signing.dumps({"article": article.pk, "until": int(until.timestamp())}, salt=PREVIEW_SALT)
    return f"{ARTICLES_PATH}/preview/{token}"


def article_for_preview(token: str, at: datetime) -> Article:
    """Return the article that a preview link is for.

    :raises PreviewGone: if the token is forged or has expired, or the article is gone.
    """
    try:
        data = signing.loads(token, salt=PREVIEW_SALT)
    except signing.BadSignature as error:
        raise PreviewGone() from error
    if data["until"] <= at.timestamp():
        raise PreviewGone()
    article = Article.objects.select_related("reviewer").filter(pk=data["article"]).first()
    if article is None:
        raise PreviewGone()
    return article
