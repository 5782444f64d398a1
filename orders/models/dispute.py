"""What may be taken back: a bank's dispute of a charge, and the card network's warning before one."""

from django.db import models
from django.db.models import Q

from orders.models.payment import Payment


class Dispute(models.Model):
    """A customer's bank asks for the money back. Learned from Stripe alone, by `settlement.observe_dispute`.

    Source: https://docs.stripe.com/disputes/how-disputes-work
    """

    class Status(models.TextChoices):
        """In Stripe's words; a word that is not here yet is kept as it is and counts as open."""

        WARNING_NEEDS_RESPONSE = "warning_needs_response"
        WARNING_UNDER_REVIEW = "warning_under_review"
        WARNING_CLOSED = "warning_closed"
        NEEDS_RESPONSE = "needs_response"
        UNDER_REVIEW = "under_review"
        WON = "won"
        LOST = "lost"
        PREVENTED = "prevented"

    # Decided: no open status follows. An inquiry that was closed may still become a dispute.
    FINAL = (Status.WON, Status.LOST, Status.PREVENTED)
    CLOSED = (*FINAL, Status.WARNING_CLOSED)
    # The bank has only asked: no money has been taken.
    INQUIRIES = (Status.WARNING_NEEDS_RESPONSE, Status.WARNING_UNDER_REVIEW, Status.WARNING_CLOSED)
    # The money is with us: it was never taken, or it came back.
    LEAVE_MONEY = (*INQUIRIES, Status.WON, Status.PREVENTED)
    # What we may still answer, until the deadline.
    ANSWERABLE = (Status.NEEDS_RESPONSE, Status.WARNING_NEEDS_RESPONSE)

    stripe_dispute_id = models.CharField(max_length=64, unique=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes")
    amount = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=64)
    status = models.CharField(max_length=32)
    evidence_due_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "orders_dispute"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=["won", "lost", "prevented", "warning_closed"], closed_at__isnull=False
                )
                | (~Q(status__in=["won", "lost", "prevented", "warning_closed"]) & Q(closed_at__isnull=True)),
                name="orders_dispute_closed_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["evidence_due_at"], condition=Q(closed_at__isnull=True), name="orders_dispute_open"
            )
        ]

    def __str__(self) -> str:
        return self.stripe_dispute_id

    @property
    def is_open(self) -> bool:
        return self.status not in self.CLOSED


class FraudWarning(models.Model):
    """A card network says that a charge was fraud: a dispute is likely, and the parcel waits.

    Source: https://docs.stripe.com/disputes/measuring#early-fraud-warnings
    """

    stripe_warning_id = models.CharField(max_length=64, unique=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="warnings")
    fraud_type = models.CharField(max_length=64)
    # Stripe: a refund now may still prevent a dispute.
    is_actionable = models.BooleanField()
    raised_at = models.DateTimeField()

    class Meta:
        db_table = "orders_fraud_warning"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.stripe_warning_id
