"""Requests to be forgotten, from the moment they are made until they are carried out."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Erasure(models.Model):
    """One account that is to be forgotten. Carried out when its last order has closed.

    What stays is that somebody asked, and when: the address is blanked with the rest.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="erasures")
    # Where the confirmation goes to; blank once it was written.
    email = models.EmailField(max_length=254, blank=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    requested_at = models.DateTimeField()
    looked_at = models.DateTimeField(null=True, blank=True, help_text="when it was last tried")
    waits_for = models.CharField(max_length=200, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "privacy_erasure"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["user"], name="privacy_erasure_one_per_user"),
            models.CheckConstraint(
                condition=Q(status="done", done_at__isnull=False, email="")
                | Q(status="waiting", done_at__isnull=True),
                name="privacy_erasure_done_is_blank",
            ),
        ]

    def __str__(self) -> str:
        return f"erasure {self.pk}"
