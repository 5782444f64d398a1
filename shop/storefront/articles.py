"""Pages of the articles: the list, one article, and a signed preview."""

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from content import links, reading
from content.models import Topic
from shop.clock.reading import now
from shop.exceptions import NotFound

PER_PAGE = 24


@require_safe
def article_list(request: HttpRequest) -> HttpResponse:
    """Show the live articles, newest first, all of them or those of one topic."""
    at = now()
    articles = reading.live_articles(at).order_by("-published_at", "-id")
    topics = Topic.objects.filter(articles__in=reading.live_articles(at)).distinct()
    chosen = request.GET.get("topic", "")
    if chosen:
        articles = articles.filter(topics__slug=chosen)
    page = Paginator(articles, PER_PAGE).get_page(request.GET.get("page"))
    context = {"articles": page, "topics": topics, "chosen": chosen}
    return render(request, "storefront/article_list.html", context)


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
    page = reading.live_page(article, currency=settings.DEFAULT_CURRENCY, at=at)
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
    page = reading.preview_page(article, currency=settings.DEFAULT_CURRENCY, at=at)
    response = render(request, "storefront/article_detail.html", {"page": page, "is_preview": True})
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


article_urls = [
    path("articles", article_list, name="article-list-page"),
    path("articles/preview/<str:token>", article_preview, name="article-preview"),
    path("articles/<slug:slug>", article_detail, name="article-page"),
]
