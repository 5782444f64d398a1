"""Carts: found by an unguessable token, priced anew at every look."""

import secrets

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import ngettext

from catalog.models import Variant


class RefillUnit(models.TextChoices):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def interval_in_words(count: int | None, unit: str | None) -> str:
    """Return how often a refill comes: "every 4 weeks", also where it is kept as 28 days; "" for never."""
    if not count or not unit:
        return ""
    if unit == RefillUnit.DAY and count % 7 == 0:
        count, unit = count // 7, RefillUnit.WEEK.value
    words = {
        "day": ngettext("every day", "every %(count)s days", count),
        "week": ngettext("every week", "every %(count)s weeks", count),
        "month": ngettext("every month", "every %(count)s months", count),
    }
    return words[unit] % {"count": count}


def new_token() -> str:
    """Return 192 unguessable bits as text."""
    return secrets.token_urlsafe(24)


class Cart(models.Model):
    """What somebody means to buy. Holds no prices: they are looked up."""

    token = models.CharField(max_length=40, unique=True, default=new_token)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="carts"
    )
    email = models.EmailField(max_length=254, blank=True)
    currency = models.CharField(max_length=3)
    country = models.CharField(max_length=2)
    locale = models.CharField(max_length=12, default="en-gb")
    # {name, company, line1, line2, city, region, postal_code, country, phone}, or empty
    shipping_address = models.JSONField(default=dict, blank=True)
    billing_address = models.JSONField(default=dict, blank=True)
    shipping_method = models.CharField(max_length=40, blank=True)
    # As entered, normalised; also those that are refused, so that the refusal can be shown.
    discount_codes = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "orders_cart"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"cart {self.pk}"


class CartLine(models.Model):
    """A quantity of one variant, bought once or put on refill."""

    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="lines")
    variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="+")
    quantity = models.PositiveIntegerField()
    refill_unit = models.CharField(max_length=5, choices=RefillUnit.choices, null=True, blank=True)
    refill_count = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        db_table = "orders_cart_line"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["cart", "variant", "refill_unit", "refill_count"],
                nulls_distinct=False,
                name="orders_cart_line_once",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="orders_cart_line_quantity"),
            models.CheckConstraint(
                condition=Q(refill_unit__isnull=True, refill_count__isnull=True)
                | Q(refill_unit__isnull=False, refill_count__gt=0),
                name="orders_cart_line_refill_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.variant_id}"
