"""What customers take back: statements of withdrawal, and goods that come back and are looked at."""

import secrets

from django.conf import settings
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from catalog.models import Lot
from orders.models.order import ALPHABET, Order, OrderLine, OrderLineComponent
from orders.models.payment import StripeRefund


def _reference(prefix: str) -> str:
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(8))


def new_withdrawal_reference() -> str:
    """Return the short random name of a statement, as its receipt gives it."""
    return _reference("W-")


def new_return_reference() -> str:
    """Return the short random name of a return, as the customer writes it on the box."""
    return _reference("RMA-")


class Withdrawal(models.Model):
    """A statement of withdrawal as it came. Each is kept and acknowledged; which order it means is found
    afterwards. Its words, address and time are never changed.
    """

    class Status(models.TextChoices):
        RECEIVED = "received"
        MATCHED = "matched"
        CLOSED = "closed"

    class Source(models.TextChoices):
        PAGE = "page"
        API = "api"

    STEPS = {
        Status.RECEIVED: {Status.MATCHED, Status.CLOSED},
        Status.MATCHED: {Status.CLOSED},
    }

    reference = models.CharField(max_length=12, unique=True, default=new_withdrawal_reference)
    # One form, sent twice, is one statement.
    form_key = models.CharField(max_length=64, unique=True, null=True, blank=True)
    source = models.CharField(max_length=4, choices=Source.choices)
    name = models.CharField(max_length=120)
    email = models.EmailField(max_length=254)
    order_given = models.CharField("order number as given", max_length=40)
    statement = models.TextField()
    locale = models.CharField(max_length=12, default="en-gb")
    received_at = models.DateTimeField()
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.RECEIVED)
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, null=True, blank=True, related_name="withdrawals"
    )
    matched_at = models.DateTimeField(null=True, blank=True)
    matched_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField("what came of it", max_length=200, blank=True)

    class Meta:
        db_table = "orders_withdrawal"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(order__isnull=True, matched_at__isnull=True)
                | Q(order__isnull=False, matched_at__isnull=False),
                name="orders_withdrawal_matched_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="matched") | Q(order__isnull=False),
                name="orders_withdrawal_matched_has_order",
            ),
        ]
        indexes = [
            models.Index(
                fields=["received_at"], condition=~Q(status="closed"), name="orders_withdrawal_open"
            ),
            models.Index(OpClass(Upper("email"), name="text_pattern_ops"), name="orders_withdrawal_email"),
        ]

    def __str__(self) -> str:
        return self.reference


class Return(models.Model):
    """Goods of one order on their way back. Money and stock are decided apart: neither follows the other."""

    class Status(models.TextChoices):
        EXPECTED = "expected"
        INSPECTED = "inspected"
        CLOSED = "closed"
        CANCELLED = "cancelled"

    STEPS = {
        Status.EXPECTED: {Status.INSPECTED, Status.CANCELLED},
        Status.INSPECTED: {Status.CLOSED},
    }

    reference = models.CharField(max_length=12, unique=True, default=new_return_reference)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="returns")
    withdrawal = models.ForeignKey(
        Withdrawal, on_delete=models.PROTECT, null=True, blank=True, related_name="returns"
    )
    reason = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.EXPECTED)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    opened_at = models.DateTimeField()
    inspected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    inspected_at = models.DateTimeField(null=True, blank=True)
    refund = models.OneToOneField(
        StripeRefund, on_delete=models.PROTECT, null=True, blank=True, related_name="goods_return"
    )
    # Why more was paid back than the rule of the goods gives, or nothing was.
    decision = models.CharField(max_length=200, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "orders_return"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["expected", "cancelled"], inspected_at__isnull=True)
                | Q(status__in=["inspected", "closed"], inspected_at__isnull=False),
                name="orders_return_inspected_has_time",
            ),
            models.CheckConstraint(
                condition=Q(refund__isnull=True) | Q(status="closed"), name="orders_return_refund_closes"
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def cause(self) -> str:
        """The name of this return in the stock's ledger."""
        return f"return:{self.reference}"


class ReturnLine(models.Model):
    """Pieces of an order line that are announced to come back."""

    goods_return = models.ForeignKey(Return, on_delete=models.PROTECT, related_name="lines")
    order_line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="return_lines")
    quantity = models.PositiveIntegerField()

    class Meta:
        db_table = "orders_return_line"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["goods_return", "order_line"], name="orders_return_line_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="orders_return_line_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.order_line.sku}"


class ReturnFinding(models.Model):
    """How many units of a component were found how, and from which lot. Append-only."""

    class Outcome(models.TextChoices):
        SEALED = "sealed"
        OPENED = "opened"
        LOST = "lost"

    goods_return = models.ForeignKey(Return, on_delete=models.PROTECT, related_name="findings")
    component = models.ForeignKey(OrderLineComponent, on_delete=models.PROTECT, related_name="findings")
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    outcome = models.CharField(max_length=6, choices=Outcome.choices)
    quantity = models.PositiveIntegerField()

    class Meta:
        db_table = "orders_return_finding"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["goods_return", "component", "lot", "outcome"],
                nulls_distinct=False,
                name="orders_return_finding_once",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="orders_return_finding_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.outcome}"
