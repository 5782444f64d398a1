"""GET search: what fits somebody's words, products and articles, best first."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import pricing, search
from catalog.api import representations
from catalog.api.schema import ProductListItemSerializer
from catalog.models import Product
from content import searching as articles
from content.api.serializers import ArticleListSerializer
from shop.api.fields import read_query
from shop.api.permissions import Public
from shop.api.routes import endpoint
from shop.clock import reading

MOST_PRODUCTS = 12
MOST_ARTICLES = 6


class SearchQuery(serializers.Serializer):
    q = serializers.CharField(max_length=search.MAX_LENGTH, help_text="As somebody types it, typos and all.")
    currency = serializers.ChoiceField(
        choices=settings.SUPPORTED_CURRENCIES,
        default=settings.DEFAULT_CURRENCY,
        help_text="Prices are given in this currency; products without a price in it are left out.",
    )


class SearchResultSerializer(serializers.Serializer):
    query = serializers.CharField()
    corrected = serializers.CharField(
        allow_null=True, help_text="How the words are spelt here, if that was searched for instead."
    )
    products = ProductListItemSerializer(many=True, help_text=f"Best first, at most {MOST_PRODUCTS}.")
    articles = ArticleListSerializer(many=True, help_text=f"At most {MOST_ARTICLES}.")
    suggestions = serializers.ListField(
        child=serializers.CharField(), help_text="What else to search for, when nothing was found."
    )


class SearchView(APIView):
    permission_classes = (Public,)
    authentication_classes = ()

    @extend_schema(
        operation_id="search",
        summary="Search products and articles",
        parameters=[SearchQuery],
        responses=SearchResultSerializer,
        tags=["search"],
    )
    def get(self, request: Request) -> Response:
        """What fits all the words, else what fits some of them. Sizes, SKUs and typos are understood."""
        query, at = read_query(request, SearchQuery), reading.now()
        wanted = search.understand(query["q"])
        products = _products(wanted, query["currency"])
        written = list(
            articles.matching(wanted, at).order_by("-relevance", "-published_at", "-pk")[:MOST_ARTICLES]
        )
        return Response(
            {
                "query": wanted.text,
                "corrected": wanted.corrected or None,
                "products": products,
                "articles": ArticleListSerializer(written, many=True).data,
                "suggestions": [] if products or written else list(search.SUGGESTIONS),
            }
        )


def _products(wanted: search.Understood, currency: str) -> list[dict[str, Any]]:
    at = reading.now()
    found = search.matching(Product.objects.visible(), wanted).order_by("-relevance", "position", "pk")
    priced = pricing.with_current_price(found, currency, at)
    rows = list(representations.loaded(priced)[:MOST_PRODUCTS])
    offers = representations.offers_of(rows, currency, at)
    return [representations.product_item(row, offers) for row in rows]


urlpatterns = endpoint("search", SearchView, "search")
