"""What staff ask of many subscriptions at once: written down first, shown, then worked off row by row."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from orders.models.subscription import Subscription
from shop.transitions import Table


class BulkChange(models.Model):
    """One thing that is to happen to many subscriptions."""

    class Kind(models.TextChoices):
        PAUSE = "pause", "Pause"
        RESUME = "resume", "Resume"
        SKIP = "skip", "Skip the next refill"
        SHIFT = "shift", "Shift the next refill by days"
        SWAP = "swap", "Swap for another size or scent"
        REPRICE = "reprice", "Change the price"
        CANCEL = "cancel", "Cancel for good"

    class Status(models.TextChoices):
        DRAFT = "draft", "not said what yet"
        CHECKED = "checked", "waits for a yes"
        ASKED = "asked", "is worked off"
        DONE = "done"
        DROPPED = "dropped"

    STATUS_STEPS: ClassVar[Table] = {
        Status.DRAFT: {Status.CHECKED, Status.DROPPED},
        Status.CHECKED: {Status.CHECKED, Status.ASKED, Status.DROPPED},
        Status.ASKED: {Status.DONE, Status.DROPPED},
    }

    kind = models.CharField(max_length=8, choices=Kind.choices)
    # What exactly: a day, a number of days, a SKU, a price; see `orders.subscriptions.bulk`.
    wanted = models.JSONField(default=dict)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.DRAFT)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "orders_bulk_change"
        ordering = ["-id"]
        verbose_name = "bulk change"

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, no. {self.pk}"


class BulkChangeRow(models.Model):
    """What comes of it for one subscription."""

    class Outcome(models.TextChoices):
        CHOSEN = "chosen"
        WILL = "will", "will be changed"
        LEFT_OUT = "left_out", "left out"
        DONE = "done"
        REFUSED = "refused"

    change = models.ForeignKey(BulkChange, on_delete=models.CASCADE, related_name="rows")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="bulk_changes")
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.CHOSEN)
    # What will happen, has happened, or why not.
    words = models.CharField(max_length=300, blank=True)
    # The day that was due when it was looked at, and the day that it moves to: a shift that is repeated moves
    # nothing twice.
    due_on = models.DateField(null=True, blank=True)
    next_on = models.DateField(null=True, blank=True)
    # Since when a worker is at it.
    taken_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "orders_bulk_change_row"
        ordering = ["id"]
        verbose_name = "bulk change of one subscription"
        verbose_name_plural = "bulk changes by subscription"
        constraints = [
            models.UniqueConstraint(fields=["change", "subscription"], name="orders_bulk_change_row_once")
        ]
        indexes = [
            models.Index(fields=["change", "outcome", "id"], name="orders_bulk_change_row_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.subscription}: {self.get_outcome_display()}"
