"""Invoices and credit notes: numbered without gaps, frozen when they are issued, never changed after."""

from django.db import models
from django.db.models import F, Q

from orders.models.order import Order
from orders.models.payment import StripeRefund


class InvoiceSeries(models.Model):
    """A run of numbers of one issuer. Its row is locked while a number is taken, so that none is skipped."""

    class Kind(models.TextChoices):
        INVOICE = "invoice"
        CREDIT_NOTE = "credit_note"
        CANCELLATION = "cancellation", "Cancellation of a credit note"

    region = models.CharField(max_length=20)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    year = models.PositiveSmallIntegerField()
    # Orders paid with test keys are numbered apart: the books' own series has no gap and no stranger.
    is_test = models.BooleanField(default=False)
    last_number = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "orders_invoice_series"
        ordering = ["-year", "region", "kind"]
        verbose_name_plural = "invoice series"
        constraints = [
            models.UniqueConstraint(
                fields=["region", "kind", "year", "is_test"], name="orders_invoice_series_once"
            )
        ]

    def __str__(self) -> str:
        return self.code_of(self.last_number)

    def code_of(self, number: int) -> str:
        """Return a number as it is printed: GB-2026-000017, a credit note's GB-CN-2026-000003, the
        GB-CX-2026-000001 of what cancels one.
        """
        kind = {self.Kind.CREDIT_NOTE.value: "CN", self.Kind.CANCELLATION.value: "CX"}.get(self.kind, "")
        test = "TEST" if self.is_test else ""
        parts = (test, self.region, kind, str(self.year), f"{number:06d}")
        return "-".join(part for part in parts if part)


class Invoice(models.Model):
    """One document of a series with a copy of everything that it says. Append-only: a trigger refuses more.

    An invoice belongs to an order, a credit note to a refund of it, a cancellation to a credit note whose
    refund did not go through after all. Amounts are positive in all.
    """

    Kind = InvoiceSeries.Kind

    series = models.ForeignKey(InvoiceSeries, on_delete=models.PROTECT, related_name="invoices")
    number = models.PositiveIntegerField()
    code = models.CharField(max_length=48, unique=True)
    kind = models.CharField(max_length=12, choices=InvoiceSeries.Kind.choices)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="invoices")
    refund = models.OneToOneField(
        StripeRefund, on_delete=models.PROTECT, null=True, blank=True, related_name="credit_note"
    )
    cancels = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="cancellation"
    )
    currency = models.CharField(max_length=3)
    # Net and tax of what is shown by rate in `taxes`; gross is their sum and what was paid, or paid back.
    net = models.PositiveBigIntegerField()
    tax = models.PositiveBigIntegerField()
    gross = models.PositiveBigIntegerField()
    tax_included = models.BooleanField()
    seller = models.JSONField()
    buyer = models.JSONField()
    lines = models.JSONField()
    taxes = models.JSONField()
    # Which sheet it is printed on: a layout that was used once is not edited, but followed by a new one.
    layout = models.PositiveSmallIntegerField(default=1)
    issued_at = models.DateTimeField()

    class Meta:
        db_table = "orders_invoice"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["series", "number"], name="orders_invoice_number"),
            models.UniqueConstraint(
                fields=["order"], condition=Q(kind="invoice"), name="orders_invoice_one_per_order"
            ),
            models.CheckConstraint(
                condition=Q(kind="invoice", refund__isnull=True, cancels__isnull=True)
                | Q(kind="credit_note", refund__isnull=False, cancels__isnull=True)
                | Q(kind="cancellation", refund__isnull=True, cancels__isnull=False),
                name="orders_invoice_is_about",
            ),
            models.CheckConstraint(condition=Q(gross=F("net") + F("tax")), name="orders_invoice_adds_up"),
            models.CheckConstraint(condition=Q(number__gt=0), name="orders_invoice_number_from_one"),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def title(self) -> str:
        """What stands above its number."""
        return _TITLES[self.kind]

    @property
    def is_credit_note(self) -> bool:
        return self.kind == InvoiceSeries.Kind.CREDIT_NOTE

    @property
    def is_cancellation(self) -> bool:
        return self.kind == InvoiceSeries.Kind.CANCELLATION


_TITLES = {
    InvoiceSeries.Kind.INVOICE.value: "Invoice",
    InvoiceSeries.Kind.CREDIT_NOTE.value: "Credit note",
    InvoiceSeries.Kind.CANCELLATION.value: "Cancellation of credit note",
}
