"""Articles and topics for everybody: what is live, and nothing else."""

from django.db.models import Count, Q
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.search import understand
from content import reading, searching
from content.api import serializers
from content.api.shapes import article_shape
from content.models import Article, Topic
from shop.api.fields import read_query
from shop.api.pagination import PAGE_PARAMETERS, CursorPages
from shop.api.permissions import Public
from shop.clock.reading import now
from shop.exceptions import NotFound

FILTERS = {"type": "type", "topic": "topics__slug", "product": "related_products__slug"}


class TopicPages(CursorPages):
    ordering = ("name", "id")  # type: ignore[assignment]


class ArticleListView(APIView):
    """The live articles, newest first; of a search, best first."""

    permission_classes = [Public]
    authentication_classes: list[type] = []
    pagination_class = CursorPages

    @extend_schema(
        operation_id="articles_list",
        parameters=[serializers.ArticleListQuery],
        responses=serializers.ArticleListSerializer(many=True),
        tags=["articles"],
    )
    def get(self, request: Request) -> Response:
        query = read_query(request, serializers.ArticleListQuery, also=PAGE_PARAMETERS)
        text, at = query.pop("q", None), now()
        wanted = {FILTERS[name]: value for name, value in query.items()}
        articles = reading.live_articles(at) if text is None else searching.matching(understand(text), at)
        newest_first = ("-published_at", "-id")
        pages = CursorPages().ordered_by(*(("-relevance", *newest_first) if text else newest_first))
        rows = pages.paginate_queryset(articles.filter(**wanted), request, self)
        return pages.get_paginated_response(serializers.ArticleListSerializer(rows, many=True).data)


class ArticleDetailView(APIView):
    """One live article."""

    permission_classes = [Public]
    authentication_classes: list[type] = []

    @extend_schema(
        operation_id="articles_retrieve",
        parameters=[serializers.ArticleDetailQuery],
        responses=serializers.ArticleSerializer,
        tags=["articles"],
    )
    def get(self, request: Request, slug: str) -> Response:
        query = read_query(request, serializers.ArticleDetailQuery)
        at = now()
        article = reading.find_live(slug, at)
        if article is None:
            raise _moved_or_missing(reading.new_address(slug, at))
        page = reading.live_page(article, currency=query["currency"], at=at)
        return Response(serializers.ArticleSerializer(article_shape(page)).data)


class TopicListView(APIView):
    """The topics that have a live article, by name."""

    permission_classes = [Public]
    authentication_classes: list[type] = []
    pagination_class = TopicPages

    @extend_schema(
        operation_id="topics_list",
        responses=serializers.TopicCountSerializer(many=True),
        tags=["articles"],
    )
    def get(self, request: Request) -> Response:
        read_query(request, serializers.NoQuery, also=PAGE_PARAMETERS)
        live = Q(articles__status=Article.Status.PUBLISHED, articles__published_at__lte=now())
        topics = Topic.objects.annotate(article_count=Count("articles", filter=live)).filter(
            article_count__gt=0
        )
        pages = TopicPages()
        rows = pages.paginate_queryset(topics, request, self)
        return pages.get_paginated_response(serializers.TopicCountSerializer(rows, many=True).data)


def _moved_or_missing(new_slug: str | None) -> NotFound:
    if new_slug is None:
        return NotFound("There is no such article.")
    return NotFound(f"This article is now at {new_slug}.", code="moved", slug=new_slug)
