"""Who waits for a variant to come back."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from catalog.models.product import Variant


class StockRequest(models.Model):
    """An address that wants one mail when a variant can be bought again.

    Nothing is sent to it but a question, until whoever reads its mail has said yes.
    """

    class Status(models.TextChoices):
        ASKED = "asked"
        WAITING = "waiting"
        TOLD = "told"
        STOPPED = "stopped"

    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="stock_requests")
    email = models.EmailField(max_length=254)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ASKED)
    # A mail that came to nothing because the stock was gone again does not count: another may be written.
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "catalog_stock_request"
        ordering = ["-id"]
        verbose_name = "back-in-stock request"
        constraints = [
            models.UniqueConstraint(
                "variant",
                Lower("email"),
                condition=Q(status__in=["asked", "waiting"]),
                name="catalog_stock_request_one_open",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["waiting", "told"]) | Q(confirmed_at__isnull=False),
                name="catalog_stock_request_confirmed_first",
            ),
            models.CheckConstraint(
                condition=Q(status="told", told_at__isnull=False)
                | (~Q(status="told") & Q(told_at__isnull=True)),
                name="catalog_stock_request_told_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["variant", "id"], condition=Q(status="waiting"), name="catalog_stock_request_waiting"
            ),
            models.Index(fields=["expires_at"], name="catalog_stock_request_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.email} waits for {self.variant_id}"
