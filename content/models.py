"""Articles: how to use the goods, honestly."""

from calendar import monthrange
from datetime import date, datetime
from functools import reduce
from operator import add
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django_prose_editor.fields import ProseEditorField

from catalog.models import Product
from content import markup
from shop.images.models import Picture

MIN_TAKEAWAYS, MAX_TAKEAWAYS = 3, 6
# With its tags: some twenty thousand words. What PostgreSQL indexes of one row is limited too.
MAX_BODY = 150_000


def validate_takeaways(value: Any) -> None:
    """Refuse key takeaways that are not three to six short sentences."""
    if not isinstance(value, list) or not all(isinstance(line, str) and line.strip() for line in value):
        raise ValidationError("Takeaways are a list of sentences.")
    if not MIN_TAKEAWAYS <= len(value) <= MAX_TAKEAWAYS:
        raise ValidationError(f"{MIN_TAKEAWAYS} to {MAX_TAKEAWAYS} takeaways.")


class Topic(models.Model):
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=80, unique=True)

    class Meta:
        db_table = "content_topic"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Reviewer(models.Model):
    """A named person whose sign-off an article carries."""

    name = models.CharField(max_length=120)
    credential = models.CharField(max_length=160)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    is_fictitious = models.BooleanField(default=False)

    class Meta:
        db_table = "content_reviewer"
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name}, {self.credential}"


class Citation(models.Model):
    """A study or an official text: what it did, what it found, and what limits it."""

    key = models.SlugField(max_length=40, unique=True)
    authors = models.CharField(max_length=300)
    year = models.PositiveSmallIntegerField(null=True, blank=True)
    title = models.CharField(max_length=400)
    source = models.CharField(max_length=200)
    doi = models.CharField(max_length=120, blank=True)
    url = models.URLField(max_length=300)
    design = models.CharField(max_length=300)
    finding = models.CharField(max_length=400)
    limits = models.CharField(max_length=400, blank=True)

    class Meta:
        db_table = "content_citation"
        ordering = ["key"]

    def __str__(self) -> str:
        return f"{self.authors} ({self.year or 'n.d.'})"


class ArticleQuerySet(models.QuerySet["Article"]):
    def live(self, at: datetime) -> "ArticleQuerySet":
        """Articles that readers may see."""
        return self.filter(status=Article.Status.PUBLISHED, published_at__lte=at)

    def due(self, at: datetime) -> "ArticleQuerySet":
        """Scheduled articles whose time has come."""
        return self.filter(status=Article.Status.SCHEDULED, publish_at__lte=at)


class Article(models.Model):
    """One article with its life cycle: draft, in review, approved, scheduled, published, archived.

    The words on this row are what readers see while it is published; the newest revision may be ahead of
    them. Before that, they are the newest revision's.
    """

    class Type(models.TextChoices):
        GUIDE = "guide"
        HOW_TO = "how_to", "how-to"
        SCIENCE_EXPLAINER = "science_explainer", "science explainer"
        ROUTINE = "routine"
        FAQ = "faq", "FAQ"
        GLOSSARY = "glossary"

    class Status(models.TextChoices):
        DRAFT = "draft"
        IN_REVIEW = "in_review", "in review"
        APPROVED = "approved"
        SCHEDULED = "scheduled"
        PUBLISHED = "published"
        ARCHIVED = "archived"

    STATUS_STEPS: ClassVar[dict[str, set[str]]] = {
        Status.DRAFT: {Status.IN_REVIEW, Status.ARCHIVED},
        Status.IN_REVIEW: {Status.DRAFT, Status.APPROVED},
        Status.APPROVED: {Status.DRAFT, Status.SCHEDULED, Status.PUBLISHED},
        Status.SCHEDULED: {Status.DRAFT, Status.APPROVED, Status.PUBLISHED},
        Status.PUBLISHED: {Status.ARCHIVED},
        Status.ARCHIVED: {Status.DRAFT},
    }

    type = models.CharField(max_length=20, choices=Type.choices)
    title = models.CharField(max_length=160)
    slug = models.SlugField(max_length=160, unique=True)
    summary = models.CharField(max_length=400, blank=True)
    # A draft may be unfinished: what publishing needs is asked for in content.gate.
    body = ProseEditorField(blank=True, extensions=markup.EDITOR_EXTENSIONS, sanitize=markup.sanitise)
    key_takeaways = models.JSONField(default=list, blank=True, validators=[validate_takeaways])
    topics = models.ManyToManyField(Topic, blank=True, related_name="articles")
    is_health_topic = models.BooleanField(default=False)
    author = models.CharField(max_length=120)
    author_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    reviewer = models.ForeignKey(
        Reviewer, on_delete=models.PROTECT, null=True, blank=True, related_name="articles"
    )
    citations = models.ManyToManyField(Citation, blank=True, related_name="articles")
    related_products = models.ManyToManyField(
        Product, blank=True, related_name="articles", through="ArticleProduct"
    )
    related_articles = models.ManyToManyField("self", blank=True, symmetrical=False)
    caution_codes = models.JSONField(default=list, blank=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.DRAFT)
    publish_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    last_reviewed_on = models.DateField(null=True, blank=True)
    review_interval_months = models.PositiveSmallIntegerField(default=12)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    # What search looks at; PostgreSQL passes over the tags of the body.
    search = models.GeneratedField(
        expression=reduce(
            add,
            (
                SearchVector(name, weight=weight, config="english")
                for name, weight in (("title", "A"), ("summary", "B"), ("body", "D"))
            ),
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = ArticleQuerySet.as_manager()

    class Meta:
        db_table = "content_article"
        ordering = ["-published_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="published") | Q(published_at__isnull=False, reviewer__isnull=False),
                name="content_article_published_is_signed",
            )
        ]
        permissions = [
            ("publish_article", "Can publish articles"),
            ("override_claims", "Can override the copy checker"),
        ]
        indexes = [
            models.Index(
                fields=["-published_at", "-id"], condition=Q(status="published"), name="content_article_live"
            ),
            models.Index(fields=["publish_at"], condition=Q(status="scheduled"), name="content_article_due"),
            GinIndex(fields=["search"], name="content_article_search", fastupdate=False),
            # For words that are spelt wrongly.
            GinIndex(
                fields=["title", "summary"],
                opclasses=["gin_trgm_ops", "gin_trgm_ops"],
                name="content_article_alike",
                fastupdate=False,
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        # full_clean() sanitises too, but not every writer calls it.
        self.body = markup.sanitise(self.body)
        super().save(*args, **kwargs)

    @property
    def review_due_on(self) -> date | None:
        """The day by which somebody should read it again."""
        if self.last_reviewed_on is None:
            return None
        years, month = divmod(self.last_reviewed_on.month - 1 + self.review_interval_months, 12)
        year = self.last_reviewed_on.year + years
        last_day = monthrange(year, month + 1)[1]
        return date(year, month + 1, min(self.last_reviewed_on.day, last_day))


class FormerSlug(models.Model):
    """An address that a published article once had. It points to the article, so redirects form no chains."""

    slug = models.SlugField(max_length=160, unique=True)
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="former_slugs")
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "content_former_slug"
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class ArticleProduct(models.Model):
    """A product in an article's box, in its order."""

    article = models.ForeignKey(Article, on_delete=models.CASCADE)
    product = models.ForeignKey(Product, on_delete=models.CASCADE)
    # The size to show in the box.
    variant = models.ForeignKey("catalog.Variant", on_delete=models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        db_table = "content_article_product"
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["article", "product"], name="content_article_product_once")
        ]

    def __str__(self) -> str:
        return f"{self.product_id} in {self.article_id}"

    def clean(self) -> None:
        if self.variant_id and self.variant.product_id != self.product_id:
            raise ValidationError({"variant": "This is a size of another product."})


class ArticleImage(Picture):
    """A picture of an article; the first by position stands above its words and in lists."""

    article = models.ForeignKey(Article, on_delete=models.PROTECT, related_name="images")

    class Meta(Picture.Meta):
        db_table = "content_article_image"
        verbose_name = "article picture"
        indexes = [models.Index(fields=["article", "position"], name="content_article_image_order")]


class Revision(models.Model):
    """The words of an article at one moment, and who signed them off."""

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    content: Any = models.JSONField()
    # SHA-256 of the content: a sign-off holds for these words and no others.
    fingerprint = models.CharField(max_length=64)
    edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    signed_off_by = models.ForeignKey(
        Reviewer, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    signed_off_at = models.DateTimeField(null=True, blank=True)
    sign_off_note = models.CharField(max_length=300, blank=True)
    # [[rule, sentence], …]: what the reviewer saw. A rule that is added later finds what nobody signed for.
    signed_findings: Any = models.JSONField(default=list)

    class Meta:
        db_table = "content_revision"
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["article", "number"], name="content_revision_number"),
            models.CheckConstraint(
                condition=Q(signed_off_by__isnull=True, signed_off_at__isnull=True)
                | Q(signed_off_by__isnull=False, signed_off_at__isnull=False),
                name="content_revision_signed_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"revision {self.number}"


class Step(models.Model):
    """Who did what to an article, and when. Append-only."""

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="steps")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=20)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    note = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "content_step"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M}"


class ClaimOverride(models.Model):
    """Somebody with the permission let a sentence pass that a rule blocks, and said why. Never edited."""

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="overrides")
    fingerprint = models.CharField(max_length=64)
    rule = models.CharField(max_length=16)
    sentence = models.TextField()
    reason = models.CharField(max_length=300)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        db_table = "content_claim_override"
        ordering = ["-made_at", "-id"]

    def __str__(self) -> str:
        return f"{self.rule} overridden by {self.made_by_id}"
