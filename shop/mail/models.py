"""The outbox: every mail is a row, written in the transaction of the fact that it tells."""

from django.conf import settings
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Upper


class OutboxMessage(models.Model):
    """One mail to one address, unique per (kind, subject_key, occasion)."""

    class Status(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        SUPPRESSED = "suppressed"
        # Refused for good by the mail server: nothing is tried again until staff ask for it.
        FAILED = "failed"
        # What it says is no longer so: it was taken back before it went out.
        WITHDRAWN = "withdrawn"

    kind = models.CharField(max_length=48)
    # What the mail is about ("order:K7MPW2", "refill:R-…"), and which time of it ("paid", "day-15").
    subject_key = models.CharField(max_length=80)
    occasion = models.CharField(max_length=80, blank=True)
    to = models.EmailField(max_length=254)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    html = models.TextField()
    locale = models.CharField(max_length=12, default="en-gb")
    # Set while a mail has no words yet: they are drawn from these when it is delivered, once, and then kept.
    # The context holds what was true when it was written, as plain values. `rendering.words_of` reads words.
    template = models.CharField(max_length=120, blank=True, default="")
    context = models.JSONField(default=dict, blank=True)
    message_id = models.CharField(max_length=120, unique=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    # A copy that staff sent again says of which mail, and who asked for it.
    copy_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="copies"
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        db_table = "mail_outbox"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject_key", "occasion"], name="mail_outbox_one_per_occasion"
            ),
            models.CheckConstraint(
                condition=Q(status="sent", sent_at__isnull=False)
                | (~Q(status="sent") & Q(sent_at__isnull=True)),
                name="mail_outbox_sent_has_time",
            ),
            models.CheckConstraint(
                condition=Q(template="", context={})
                | (~Q(template="") & ~Q(status="sent") & Q(text="", html="")),
                name="mail_outbox_words_or_template",
            ),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(status="pending"), name="mail_outbox_due"),
            models.Index(OpClass(Upper("to"), name="text_pattern_ops"), name="mail_outbox_to_prefix"),
            models.Index(OpClass("subject_key", name="varchar_pattern_ops"), name="mail_outbox_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_key} to {self.to}"


class SuppressedAddress(models.Model):
    """An address that bounced or complained: only what the law demands goes there, until lifted."""

    class Cause(models.TextChoices):
        BOUNCED = "bounced"
        COMPLAINED = "complained"
        ASKED = "asked", "asked not to be written to"

    email = models.EmailField(max_length=254)
    cause = models.CharField(max_length=12, choices=Cause.choices, default=Cause.BOUNCED)
    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "mail_suppressed_address"
        ordering = ["-id"]
        verbose_name_plural = "suppressed addresses"
        constraints = [
            models.UniqueConstraint(
                Lower("email"), condition=Q(lifted_at__isnull=True), name="mail_suppressed_address_once"
            )
        ]
        indexes = [models.Index(OpClass("email", name="varchar_pattern_ops"), name="mail_suppressed_prefix")]

    def __str__(self) -> str:
        return self.email
