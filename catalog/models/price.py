"""Prices: a row per variant, currency and kind, with a start and an end. History is append-only."""

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import Func, Q

from catalog.models.product import Variant


class TsTzRange(Func):
    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class Price(models.Model):
    """An amount that holds from `starts_at` until `ends_at` (or further notice).

    GBP and EUR amounts include VAT, USD amounts exclude sales tax. No two rows of one variant, currency
    and kind hold at the same time. A trigger lets no row be changed but for its end, and that only while it
    is to come, and lets a row be deleted only before it begins.
    """

    class Kind(models.TextChoices):
        LIST = "list"
        SALE = "sale"
        REFILL = "refill"

    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="prices")
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.LIST)
    amount = models.PositiveBigIntegerField("amount, minor units")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Who entered it, and who last set its end; empty: the shop itself.
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "catalog_price"
        ordering = ["variant_id", "currency", "-starts_at"]
        constraints = [
            ExclusionConstraint(
                name="catalog_price_no_overlap",
                expressions=[
                    ("variant", RangeOperators.EQUAL),
                    ("currency", RangeOperators.EQUAL),
                    ("kind", RangeOperators.EQUAL),
                    (TsTzRange("starts_at", "ends_at", RangeBoundary()), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="catalog_price_is_positive"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=models.F("starts_at")),
                name="catalog_price_ends_after_start",
            ),
        ]
        indexes = [
            models.Index(fields=["variant", "currency", "starts_at"], name="catalog_price_current"),
        ]

    def __str__(self) -> str:
        return f"{self.variant_id} {self.amount} {self.currency} ({self.kind})"
