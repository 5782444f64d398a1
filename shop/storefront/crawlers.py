"""Files for programs: the sitemap, and the articles' feed."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import escape
from django.views.decorators.http import require_safe

from catalog.models import Product
from content import feeds, links
from content.models import Article
from shop.clock.reading import now

# Source: sitemaps.org/protocol.html, the most addresses in one file.
MOST_ADDRESSES = 50_000
KEEP_S = 3600


@require_safe
def sitemap(request: HttpRequest) -> HttpResponse:
    """List every page that anybody may find, with the time of its last change where that is known."""
    rows = [_row(path, changed_at) for path, changed_at in _pages(now())][:MOST_ADDRESSES]
    text = "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
            *rows,
            "</urlset>\n",
        )
    )
    return _kept(HttpResponse(text, content_type="application/xml; charset=utf-8"))


@require_safe
def atom(request: HttpRequest) -> HttpResponse:
    """Show the newest articles to feed readers."""
    return _kept(HttpResponse(feeds.atom(now()), content_type="application/atom+xml; charset=utf-8"))


def _pages(at: datetime) -> Iterator[tuple[str, datetime | None]]:
    products = Product.objects.visible().order_by("position", "pk").values_list("slug", "updated_at")
    articles = Article.objects.live(at).order_by("-published_at", "-pk").values_list("slug", "updated_at")
    newest = Article.objects.live(at).aggregate(newest=Max("updated_at"))["newest"]
    yield reverse("product-list"), None
    yield links.ARTICLES_PATH, newest
    yield reverse("terms"), None
    yield from ((reverse("product", args=[slug]), changed_at) for slug, changed_at in products)
    yield from ((links.article_path(slug), changed_at) for slug, changed_at in articles)


def _row(path: str, changed_at: datetime | None) -> str:
    changed = f"<lastmod>{changed_at.isoformat(timespec='seconds')}</lastmod>" if changed_at else ""
    return f"<url><loc>{escape(settings.BASE_URL + path)}</loc>{changed}</url>"


def _kept(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = f"public, max-age={KEEP_S}"
    return response
