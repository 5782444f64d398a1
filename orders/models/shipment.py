"""Parcels: what went into which box, from which lot, and where it is now."""

import secrets

from django.conf import settings
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q

from catalog.models import Lot, Variant
from orders.models.order import ALPHABET, Order, OrderLineComponent


def new_shipment_reference() -> str:
    """Return a short random reference of a parcel: it is written on the box and read aloud."""
    return "P-" + "".join(secrets.choice(ALPHABET) for _ in range(8))


class Shipment(models.Model):
    """One parcel of one order. Its address and customs facts are copies: later changes do not reach it."""

    class Status(models.TextChoices):
        PACKED = "packed"
        UNPACKED = "unpacked"
        DISPATCHED = "dispatched"
        DELIVERED = "delivered"
        LOST = "lost"
        RETURNED = "returned"

    # A parcel taken for lost may still turn up.
    STEPS = {
        Status.PACKED: {Status.DISPATCHED, Status.UNPACKED},
        Status.DISPATCHED: {Status.DELIVERED, Status.LOST, Status.RETURNED},
        Status.DELIVERED: {Status.RETURNED},
        Status.LOST: {Status.DELIVERED, Status.RETURNED},
    }
    # The lots of these have left the building, or are about to: a recall asks for them.
    LEFT = (Status.DISPATCHED, Status.DELIVERED, Status.LOST, Status.RETURNED)

    reference = models.CharField(max_length=12, unique=True, default=new_shipment_reference)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="shipments")
    # The lost parcel that this one is sent for, without charge.
    replaces = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replacements"
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PACKED)
    address = models.JSONField()
    carrier = models.CharField(max_length=40, blank=True)
    service = models.CharField(max_length=40, blank=True)
    tracking_number = models.CharField(max_length=40, blank=True)
    tracking_url = models.URLField(max_length=300, blank=True)
    weight_g = models.PositiveIntegerField("weight, g")
    # What is in it in customs' terms, and whether a form is `needed`: see orders.customs.
    customs = models.JSONField(default=dict, blank=True)
    packed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    packed_at = models.DateTimeField()
    dispatched_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    dispatched_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(
        null=True, blank=True, help_text="unpacked, delivered, lost or come back"
    )

    class Meta:
        db_table = "orders_shipment"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["packed", "unpacked"], dispatched_at__isnull=True)
                | (~Q(status__in=["packed", "unpacked"]) & Q(dispatched_at__isnull=False)),
                name="orders_shipment_dispatched_has_time",
            ),
            models.UniqueConstraint(
                fields=["carrier", "tracking_number"],
                condition=~Q(tracking_number=""),
                name="orders_shipment_tracking_once",
            ),
            models.UniqueConstraint(
                fields=["replaces"],
                condition=~Q(status="unpacked"),
                name="orders_shipment_replaced_once",
            ),
        ]
        indexes = [
            models.Index(
                OpClass("tracking_number", name="varchar_pattern_ops"), name="orders_shipment_tracking"
            ),
            models.Index(
                fields=["packed_at"], condition=Q(status="packed"), name="orders_shipment_to_dispatch"
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def stock_reference(self) -> str:
        """The name under which the catalogue keeps what this parcel takes: a reshipment reserves anew."""
        return f"shipment:{self.reference}" if self.replaces_id else self.order.stock_reference

    @property
    def customs_needed(self) -> bool:
        return bool(self.customs.get("needed"))

    @property
    def cause(self) -> str:
        """The name of this parcel in the stock's ledger."""
        return f"shipment:{self.reference}"


class ShipmentLine(models.Model):
    """Units of one component in one parcel, from one lot."""

    shipment = models.ForeignKey(Shipment, on_delete=models.PROTECT, related_name="lines")
    component = models.ForeignKey(OrderLineComponent, on_delete=models.PROTECT, related_name="shipment_lines")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    sku = models.CharField(max_length=32)
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    quantity = models.PositiveIntegerField()

    class Meta:
        db_table = "orders_shipment_line"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["shipment", "component", "lot"],
                nulls_distinct=False,
                name="orders_shipment_line_once",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="orders_shipment_line_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku}"
