"""Pages of the articles: the list, one article, and a signed preview."""

from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from catalog.search import MAX_LENGTH, understand
from content import links, reading, searching
from content.models import Article, Topic
from shop.clock.reading import now
from shop.exceptions import NotFound
from shop.storefront import baskets

PER_PAGE = 24


@require_safe
def article_list(request: HttpRequest) -> HttpResponse:
    """Show the live articles, newest first, or those that fit a search; all of them or those of one topic."""
    at = now()
    text = request.GET.get("q", "")[:MAX_LENGTH].strip()
    if text:
        articles = searching.matching(understand(text), at).order_by("-relevance", "-published_at", "-pk")
    else:
        articles = reading.live_articles(at).order_by("-published_at", "-pk")
    topics = Topic.objects.filter(articles__in=Article.objects.live(at)).distinct()
    chosen = request.GET.get("topic", "")
    if chosen:
        articles = articles.filter(topics__slug=chosen)
    page = Paginator(articles, PER_PAGE).get_page(request.GET.get("page"))
    asked = {name: value for name, value in (("q", text), ("topic", chosen)) if value}
    context = {
        "articles": page,
        "topics": topics,
        "chosen": chosen,
        "sought": text,
        # A list of what was searched for is a page of its own only for whoever searched.
        "canonical": "" if text else links.absolute(_list_path(chosen)),
        "asked": f"&{urlencode(asked)}" if asked else "",
    }
    return render(request, "storefront/article_list.html", context)


def _list_path(topic: str) -> str:
    return f"{links.ARTICLES_PATH}?{urlencode({'topic': topic})}" if topic else links.ARTICLES_PATH


@require_safe
def article_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one live article; a former address leads to the present one."""
    at = now()
    article = reading.find_live(slug, at)
    if article is None:
        moved_to = reading.new_address(slug, at)
        if moved_to is None:
            raise Http404("There is no such article.")
        return HttpResponsePermanentRedirect(links.article_path(moved_to))
    page = reading.live_page(article, currency=baskets.market_of(request).currency, at=at)
    return render(request, "storefront/article_detail.html", {"page": page})


@require_safe
@never_cache
def article_preview(request: HttpRequest, token: str) -> HttpResponse:
    """Show the newest words of an article to whoever holds a signed link; search engines stay out."""
    at = now()
    try:
        article = links.article_for_preview(token, at)
    except NotFound as gone:
        raise Http404(gone.detail) from gone
    page = reading.preview_page(article, currency=baskets.market_of(request).currency, at=at)
    response = render(request, "storefront/article_detail.html", {"page": page, "is_preview": True})
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


article_urls = [
    path("articles", article_list, name="article-list-page"),
    path("articles/preview/<str:token>", article_preview, name="article-preview"),
    path("articles/<slug:slug>", article_detail, name="article-page"),
]
