"""What happened to a subscription, and by whose hand: what of its history leaves no row elsewhere."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from orders.models.subscription import Subscription


class SubscriptionEvent(models.Model):
    """A line of a subscription's history: one fact, who and when. Append-only; no address is written here."""

    class By(models.TextChoices):
        OWNER = "owner", "its owner"
        STAFF = "staff"
        SHOP = "shop", "the shop"

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="events")
    message = models.CharField(max_length=300)
    by = models.CharField(max_length=5, choices=By.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        db_table = "orders_subscription_event"
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(by="staff", actor__isnull=False) | (~Q(by="staff") & Q(actor__isnull=True)),
                name="orders_subscription_event_staff_has_name",
            )
        ]
        indexes = [models.Index(fields=["subscription", "-at"], name="orders_sub_event_newest")]

    def __str__(self) -> str:
        return self.message
