"""Prices of refills that are going to rise, and whether their owners have been told in time."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from orders.models.subscription import Subscription


class PriceRise(models.Model):
    """A new price of one subscription, which applies only after a notice of it was sent."""

    class Status(models.TextChoices):
        ANNOUNCED = "announced"
        APPLIED = "applied"
        WITHDRAWN = "withdrawn"

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="price_rises")
    old_price = models.PositiveBigIntegerField()
    new_price = models.PositiveBigIntegerField()
    applies_at = models.DateTimeField()
    notices = models.PositiveSmallIntegerField(default=0)
    notice = models.ForeignKey(
        "mail.OutboxMessage", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.ANNOUNCED)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "orders_price_rise"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(new_price__gt=F("old_price")), name="orders_price_rise_rises"),
            models.UniqueConstraint(
                fields=["subscription"], condition=Q(status="announced"), name="orders_price_rise_one_open"
            ),
        ]
        indexes = [
            models.Index(fields=["applies_at"], condition=Q(status="announced"), name="orders_price_rise_due")
        ]

    def __str__(self) -> str:
        return f"{self.old_price} → {self.new_price} {self.status}"
