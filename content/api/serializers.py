"""The JSON of articles: small shapes in, small shapes out."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.api.schema import CautionSerializer, UnitPriceSerializer
from catalog.search import MAX_LENGTH
from content.models import Article
from shop.api.fields import MoneySerializer
from shop.images.api import ImageSerializer, as_json


class ArticleListQuery(serializers.Serializer):
    """The list's parameters."""

    type = serializers.ChoiceField(choices=Article.Type.choices, required=False)
    topic = serializers.SlugField(max_length=80, required=False, help_text="A topic's slug.")
    product = serializers.SlugField(max_length=120, required=False, help_text="A product's slug.")
    q = serializers.CharField(
        max_length=MAX_LENGTH, required=False, help_text="As somebody types it, typos and all; best first."
    )


class ArticleDetailQuery(serializers.Serializer):
    """The detail's parameters."""

    currency = serializers.ChoiceField(
        choices=[(code, code) for code in settings.SUPPORTED_CURRENCIES],
        required=False,
        default=settings.DEFAULT_CURRENCY,
        help_text="The currency of the product boxes.",
    )


class NoQuery(serializers.Serializer):
    """No parameters but the page's own."""


class TopicSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()


class TopicCountSerializer(TopicSerializer):
    articles = serializers.IntegerField(source="article_count", help_text="Live articles under it.")


class ReviewerSerializer(serializers.Serializer):
    name = serializers.CharField()
    credential = serializers.CharField()


class ArticleListSerializer(serializers.Serializer):
    """What a list shows of an article."""

    image = serializers.SerializerMethodField()

    slug = serializers.CharField()
    type = serializers.ChoiceField(choices=Article.Type.choices)
    title = serializers.CharField()
    summary = serializers.CharField()
    is_health_topic = serializers.BooleanField()
    topics = TopicSerializer(many=True)
    author = serializers.CharField()
    reviewer = ReviewerSerializer(allow_null=True)
    published_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    last_reviewed_on = serializers.DateField(allow_null=True)

    @extend_schema_field(ImageSerializer(allow_null=True))
    def get_image(self, article: Any) -> dict[str, Any] | None:
        """The first picture of an article from a list of live ones."""
        return as_json(article.pictures[0]) if article.pictures else None


class HeadingSerializer(serializers.Serializer):
    level = serializers.IntegerField()
    text = serializers.CharField()
    anchor = serializers.CharField()


class CitationSerializer(serializers.Serializer):
    """A source: what it did, what it found, what limits it. The place in the list is its number."""

    key = serializers.CharField()
    authors = serializers.CharField()
    year = serializers.IntegerField(allow_null=True)
    title = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    doi = serializers.CharField()
    url = serializers.URLField()
    design = serializers.CharField()
    finding = serializers.CharField()
    limits = serializers.CharField()


class RelatedArticleSerializer(serializers.Serializer):
    slug = serializers.CharField()
    type = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField()


class ProductBoxSerializer(serializers.Serializer):
    """A product with its price, unit price and stock as they are now."""

    product = serializers.CharField(help_text="The product's slug.")
    name = serializers.CharField()
    summary = serializers.CharField()
    sku = serializers.CharField()
    size = serializers.CharField()
    price = MoneySerializer()
    regular_price = MoneySerializer()
    refill_price = MoneySerializer(allow_null=True)
    lowest_prior_price = MoneySerializer(allow_null=True)
    unit_price = UnitPriceSerializer(allow_null=True)
    stock = serializers.ChoiceField(choices=["in_stock", "low", "out"])
    usage = serializers.ListField(child=serializers.CharField())


class ArticleSerializer(serializers.Serializer):
    """One article with everything that belongs on its page."""

    slug = serializers.CharField()
    type = serializers.ChoiceField(choices=Article.Type.choices)
    title = serializers.CharField()
    summary = serializers.CharField()
    url = serializers.URLField()
    image = ImageSerializer(allow_null=True)
    is_health_topic = serializers.BooleanField()
    body = serializers.CharField(help_text="Sanitised HTML with anchors on its headings.")
    key_takeaways = serializers.ListField(child=serializers.CharField())
    contents = HeadingSerializer(many=True)
    reading_minutes = serializers.IntegerField()
    topics = TopicSerializer(many=True)
    author = serializers.CharField()
    reviewer = ReviewerSerializer(allow_null=True)
    published_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    last_reviewed_on = serializers.DateField(allow_null=True)
    review_due_on = serializers.DateField(allow_null=True)
    citations = CitationSerializer(many=True)
    disclaimer = serializers.CharField()
    cautions = CautionSerializer(many=True)
    product_boxes = ProductBoxSerializer(many=True)
    boxes_after_disclaimer = serializers.BooleanField(
        help_text="On a health topic the boxes are shown after the disclaimer, never inside the text."
    )
    related = RelatedArticleSerializer(many=True)
    json_ld: Any = serializers.DictField(help_text="schema.org Article and BreadcrumbList.")
