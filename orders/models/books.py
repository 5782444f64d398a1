"""The books: nightly comparisons with Stripe, and what Stripe sent to the bank."""

from django.db import models
from django.db.models import F, Q

from orders.models.order import Order


class ReconciliationRun(models.Model):
    """One comparison of Stripe, payments, orders and stock. It lists; it never mends."""

    class Status(models.TextChoices):
        OPEN = "open"
        CLEAN = "clean"
        DIFFERENT = "different"

    # The local day of a nightly run: one a day. Empty: somebody asked for it.
    night_of = models.DateField(unique=True, null=True, blank=True)
    # What was made before this is compared only if it is still open. Empty: everything was compared.
    since = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    # Steps whose findings are committed: a run that was interrupted goes on after them.
    steps_done = models.JSONField(default=list, blank=True)
    # {"intents": 1204, "charges": 1190}: what was read, so that "no difference" says of how much.
    compared = models.JSONField(default=dict, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField()
    # While a worker is at it no other one takes it up.
    locked_until = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "orders_reconciliation_run"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="open", finished_at__isnull=True)
                | (~Q(status="open") & Q(finished_at__isnull=False)),
                name="orders_reconciliation_run_finished_has_time",
            )
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"


class ReconciliationDifference(models.Model):
    """One thing that two books say differently, in words, with what to do about it."""

    class Severity(models.TextChoices):
        CRITICAL = "critical"
        WARNING = "warning"
        NOTICE = "notice"

    run = models.ForeignKey(ReconciliationRun, on_delete=models.CASCADE, related_name="differences")
    kind = models.CharField(max_length=48)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    # What differs: an id at Stripe, an order's reference, a SKU.
    subject = models.CharField(max_length=120)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    # Amounts have a currency; counts (of stock, of cycles) have none.
    currency = models.CharField(max_length=3, blank=True)
    here = models.BigIntegerField(null=True, blank=True)
    there = models.BigIntegerField(null=True, blank=True)
    explanation = models.CharField(max_length=300)
    advice = models.CharField(max_length=300)
    # When a run first listed it.
    known_since = models.DateTimeField()

    class Meta:
        db_table = "orders_reconciliation_difference"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "kind", "subject"], name="orders_reconciliation_difference_once"
            )
        ]
        indexes = [models.Index(fields=["kind", "subject"], name="orders_difference_known")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Payout(models.Model):
    """What Stripe sent to the bank."""

    stripe_payout_id = models.CharField(max_length=64, unique=True)
    # In Stripe's words: pending, in_transit, paid, failed, canceled.
    status = models.CharField(max_length=16)
    amount = models.BigIntegerField(help_text="minor units; negative when the bank was debited")
    currency = models.CharField(max_length=3)
    arrives_on = models.DateField()
    # Only of an automatic payout does Stripe tell what is in it, and only once it is complete.
    is_automatic = models.BooleanField(default=True)
    is_complete = models.BooleanField(default=False)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_message = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    synced_at = models.DateTimeField()

    class Meta:
        db_table = "orders_payout"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.stripe_payout_id


class PayoutLine(models.Model):
    """One balance transaction of a payout: a charge with its fee, a refund, a dispute, a fee."""

    payout = models.ForeignKey(Payout, on_delete=models.CASCADE, related_name="lines")
    stripe_transaction_id = models.CharField(max_length=64, unique=True)
    type = models.CharField(max_length=48)
    category = models.CharField(max_length=48, blank=True)
    amount = models.BigIntegerField()
    fee = models.BigIntegerField()
    net = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    # From the currency of the charge to that of the balance, where they differ.
    exchange_rate = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    source_id = models.CharField(max_length=64, blank=True)
    description = models.CharField(max_length=300, blank=True)
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, null=True, blank=True, related_name="payout_lines"
    )
    created_at = models.DateTimeField()
    available_at = models.DateTimeField()

    class Meta:
        db_table = "orders_payout_line"
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(net=F("amount") - F("fee")), name="orders_payout_line_adds_up")
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.source_id}"
