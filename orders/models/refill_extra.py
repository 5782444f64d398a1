"""What a customer wants once, in the next parcel of a subscription."""

import secrets

from django.db import models
from django.db.models import Q

from catalog.models import Variant
from orders.models.subscription import Refill, Subscription


def new_extra_reference() -> str:
    """Return an unguessable public reference of a one-off item."""
    return f"X-{secrets.token_hex(6).upper()}"


class RefillExtra(models.Model):
    """Travels with a subscription's next parcel, is charged once, and is gone after."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        CHARGED = "charged"
        REMOVED = "removed"

    reference = models.CharField(max_length=20, unique=True, default=new_extra_reference)
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="extras")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    # What a piece cost when it was added: it may become cheaper, not dearer.
    unit_price = models.PositiveBigIntegerField()
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    # The parcel that holds it; empty: it waits for the next one.
    refill = models.ForeignKey(Refill, on_delete=models.PROTECT, null=True, blank=True, related_name="extras")
    added_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "orders_refill_extra"
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="orders_refill_extra_quantity"),
            models.CheckConstraint(
                condition=Q(status="waiting", ended_at__isnull=True)
                | (~Q(status="waiting") & Q(ended_at__isnull=False)),
                name="orders_refill_extra_ended",
            ),
        ]
        indexes = [
            models.Index(
                fields=["subscription"], condition=Q(status="waiting"), name="orders_refill_extra_waiting"
            )
        ]

    def __str__(self) -> str:
        return self.reference
