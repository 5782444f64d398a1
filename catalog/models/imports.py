"""Imports: a file that staff brought, what it would change, and whether it was applied."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class ImportJob(models.Model):
    """One file of rows. Checked first, applied only when somebody says so, all of it or nothing.

    A file of counts or lots is applied once: the same bytes again are refused. `errors` and `preview` are the
    first of many; the counts say how many there are.
    """

    class Kind(models.TextChoices):
        PRODUCTS = "products"
        VARIANTS = "variants"
        PRICES = "prices"
        COUNTS = "counts", "stock counts"
        LOTS = "lots"

    class Status(models.TextChoices):
        CHECKING = "checking"
        READY = "ready", "ready to apply"
        REFUSED = "refused"
        APPLYING = "applying"
        APPLIED = "applied"
        FAILED = "failed"

    RUNNING = (Status.CHECKING, Status.APPLYING)

    kind = models.CharField(max_length=10, choices=Kind.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CHECKING)
    file_name = models.CharField(max_length=200)
    content = models.BinaryField()
    size = models.PositiveIntegerField("size, bytes")
    sha256 = models.CharField(max_length=64)

    rows_total = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    rows_new = models.PositiveIntegerField(default=0)
    rows_changed = models.PositiveIntegerField(default=0)
    rows_unchanged = models.PositiveIntegerField(default=0)
    error_count = models.PositiveIntegerField(default=0)
    # [row, column, words] and [row, what it is about, new or changed, [[column, before, after], …]].
    errors = models.JSONField(default=list, blank=True)
    preview = models.JSONField(default=list, blank=True)

    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    applied_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    # A worker is at it until then; after that another one may take it.
    locked_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        db_table = "catalog_import_job"
        ordering = ["-id"]
        verbose_name = "import"
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "sha256"],
                condition=Q(status="applied", kind__in=["counts", "lots"]),
                name="catalog_import_job_books_once",
            ),
            models.CheckConstraint(
                condition=~Q(status="applied") | Q(applied_at__isnull=False),
                name="catalog_import_job_applied_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["locked_until"],
                condition=Q(status__in=["checking", "applying"]),
                name="catalog_import_job_running",
            )
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.get_kind_display()})"

    @property
    def cause(self) -> str:
        """What stock movements name as their cause."""
        return f"import:{self.pk}"
