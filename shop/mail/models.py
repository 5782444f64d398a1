"""The outbox: every mail is a row, written in the transaction of the fact that it tells."""

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models.functions import Upper


class OutboxMessage(models.Model):
    """One mail to one address, unique per (kind, subject_key, occasion)."""

    class Status(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        SUPPRESSED = "suppressed"
        FAILED = "failed"

    kind = models.CharField(max_length=48)
    # What the mail is about ("order:K7MPW2", "refill:R-…"), and which time of it ("paid", "day-15").
    subject_key = models.CharField(max_length=80)
    occasion = models.CharField(max_length=80, blank=True)
    to = models.EmailField(max_length=254)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    html = models.TextField()
    locale = models.CharField(max_length=12, default="en-gb")
    message_id = models.CharField(max_length=120, unique=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "mail_outbox"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject_key", "occasion"], name="mail_outbox_one_per_occasion"
            ),
            models.CheckConstraint(
                condition=models.Q(status="sent", sent_at__isnull=False)
                | (~models.Q(status="sent") & models.Q(sent_at__isnull=True)),
                name="mail_outbox_sent_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=models.Q(status="pending"), name="mail_outbox_due"
            ),
            models.Index(OpClass(Upper("to"), name="text_pattern_ops"), name="mail_outbox_to_prefix"),
            models.Index(OpClass("subject_key", name="varchar_pattern_ops"), name="mail_outbox_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_key} to {self.to}"


class SuppressedAddress(models.Model):
    """An address that bounced or complained: only mail that the law demands goes there."""

    email = models.EmailField(max_length=254, unique=True)
    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "mail_suppressed_address"
        ordering = ["-id"]
        verbose_name_plural = "suppressed addresses"

    def __str__(self) -> str:
        return self.email
