"""Money asked for and money that moved."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from orders.models.order import Order, OrderLine


class Payment(models.Model):
    """The one PaymentIntent of an order: reused, never replaced while it lives."""

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="payment")
    stripe_payment_intent_id = models.CharField(max_length=64, unique=True, null=True, blank=True)
    currency = models.CharField(max_length=3)
    amount = models.PositiveBigIntegerField()
    amount_received = models.PositiveBigIntegerField(default=0)
    amount_refunded = models.PositiveBigIntegerField(default=0)
    # Taken back by banks for good: the sum of lost disputes.
    amount_lost = models.PositiveBigIntegerField(default=0)
    # As Stripe last told: requires_payment_method, processing, succeeded, canceled…
    intent_status = models.CharField(max_length=32, blank=True)
    saves_card = models.BooleanField(default=False)
    last_decline_code = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True, blank=True)
    # When the reconciler last read the intent at Stripe.
    checked_at = models.DateTimeField(null=True, blank=True)

    # The attempt that was written along with this row, for the process that wrote both.
    opening: "PaymentAttempt | None" = None

    class Meta:
        db_table = "orders_payment"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_refunded__lte=F("amount_received")),
                name="orders_payment_refunded_within_received",
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=Q(succeeded_at__isnull=True),
                name="orders_payment_unsettled",
            ),
        ]

    def __str__(self) -> str:
        return self.stripe_payment_intent_id or f"payment {self.pk}"


class PaymentAttempt(models.Model):
    """One call to Stripe that may create or move money, committed before the call is made."""

    class Kind(models.TextChoices):
        CREATE_CUSTOMER = "create_customer"
        CREATE_INTENT = "create_intent"
        CONFIRM = "confirm"
        CANCEL = "cancel"

    class Outcome(models.TextChoices):
        STARTED = "started"
        UNKNOWN = "unknown"
        OK = "ok"
        REFUSED = "refused"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=Kind.choices)
    idempotency_key = models.CharField(max_length=120, unique=True)
    request = models.JSONField(default=dict)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.STARTED)
    error_code = models.CharField(max_length=64, blank=True)
    decline_code = models.CharField(max_length=64, blank=True)
    message = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "orders_payment_attempt"
        ordering = ["payment_id", "number"]
        indexes = [models.Index(fields=["started_at"], name="orders_payment_attempt_recent")]
        constraints = [
            models.UniqueConstraint(fields=["payment", "number"], name="orders_payment_attempt_number"),
            # An unknown outcome blocks every new attempt until a read of the intent has resolved it.
            models.UniqueConstraint(
                fields=["payment"],
                condition=Q(outcome__in=["started", "unknown"]),
                name="orders_payment_attempt_one_unresolved",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}: {self.outcome}"


class StripeRefund(models.Model):
    """Money on its way back. Written before Stripe is asked; refunds made at Stripe appear here too."""

    class Status(models.TextChoices):
        REQUESTED = "requested"
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELED = "canceled"

    # These count against what may still be refunded.
    COUNTED = (Status.REQUESTED, Status.PENDING, Status.SUCCEEDED)

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    stripe_refund_id = models.CharField(max_length=64, unique=True, null=True, blank=True)
    idempotency_key = models.CharField(max_length=120, unique=True, null=True, blank=True)
    amount = models.PositiveBigIntegerField()
    shipping_amount = models.PositiveBigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.REQUESTED)
    failure_reason = models.CharField(max_length=64, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    requested_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "orders_stripe_refund"
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="orders_refund_positive")]

    def __str__(self) -> str:
        return self.stripe_refund_id or f"refund {self.pk}"


class RefundLine(models.Model):
    """Which units of which line a refund pays back."""

    refund = models.ForeignKey(StripeRefund, on_delete=models.PROTECT, related_name="lines")
    order_line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="refund_lines")
    quantity = models.PositiveIntegerField()
    amount = models.PositiveBigIntegerField()

    class Meta:
        db_table = "orders_refund_line"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["refund", "order_line"], name="orders_refund_line_once")
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × line {self.order_line_id}"


class WebhookEvent(models.Model):
    """An event that Stripe signed, stored before it is worked off. Its id makes every copy harmless."""

    event_id = models.CharField(max_length=80, unique=True)
    type = models.CharField(max_length=80)
    object_id = models.CharField(max_length=80, blank=True)
    payload = models.JSONField()
    received_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    processed_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "orders_webhook_event"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(processed_at__isnull=True),
                name="orders_webhook_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
