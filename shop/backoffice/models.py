"""Counts that are kept, because a big shop takes too long to count while somebody waits for a page."""

from django.db import models


class KeptCount(models.Model):
    """What a report counted, and when. Real orders only."""

    report = models.CharField(max_length=40, unique=True)
    found = models.JSONField()
    counted_at = models.DateTimeField()

    class Meta:
        db_table = "backoffice_kept_count"
        ordering = ["report"]

    def __str__(self) -> str:
        return self.report
