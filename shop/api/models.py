"""What the API remembers of its clients: idempotency keys, and counters for when Redis is gone."""

from django.db import models


class IdempotencyKey(models.Model):
    """One use of a key by one caller, with the answer it got."""

    class Status(models.TextChoices):
        RUNNING = "running"
        DONE = "done"

    key = models.CharField(max_length=255)
    caller = models.CharField(max_length=120)
    # SHA-256 of method, path and body: the same key with another request is refused.
    fingerprint = models.CharField(max_length=64)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.RUNNING)
    response_status = models.PositiveSmallIntegerField(null=True)
    # JSON as it was sent, to the letter.
    response_body = models.TextField(null=True)
    locked_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "api_idempotency_key"
        constraints = [
            models.UniqueConstraint(fields=["key", "caller"], name="api_idempotency_key_unique"),
            models.CheckConstraint(
                condition=models.Q(status="running") | models.Q(response_status__isnull=False),
                name="api_idempotency_key_done_has_answer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.caller} {self.key}"


class LimitCounter(models.Model):
    """How often something happened in a window, kept here while Redis is gone. Written by one UPSERT."""

    # The limit's name and a digest of whom it is about.
    key = models.CharField(max_length=80, primary_key=True)
    count = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "api_limit_counter"

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"
