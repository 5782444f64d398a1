"""The search page: products as on the shelf, and articles."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog import search
from content.searching import matching
from shop.clock import reading
from shop.storefront import baskets, listing

MOST_ARTICLES = 6


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show what fits the words in `q`; with nothing found, what else to look for."""
    at, text = reading.now(), request.GET.get("q", "")[: search.MAX_LENGTH].strip()
    wanted = search.understand(text)
    shelf = listing.shelf(
        currency=baskets.market_of(request).currency, category="", order="", at=at, wanted=wanted
    )
    context = {
        "text": text,
        "wanted": wanted,
        "shelf": shelf,
        "articles": matching(wanted, at).order_by("-relevance", "-published_at", "-pk")[:MOST_ARTICLES]
        if text
        else (),
        "suggestions": search.SUGGESTIONS,
    }
    return render(request, "storefront/search.html", context)
