"""Stock: counts, lots, reservations, and the append-only movements that alone change counts."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from catalog.models.product import Variant


class StockLevel(models.Model):
    """What a picker can count and sell (`on_hand`), and how much of it is spoken for (`reserved`)."""

    variant = models.OneToOneField(Variant, on_delete=models.PROTECT, related_name="stock")
    on_hand = models.IntegerField(default=0)
    reserved = models.IntegerField(default=0)

    class Meta:
        db_table = "catalog_stock_level"
        constraints = [
            models.CheckConstraint(
                condition=Q(reserved__gte=0) & Q(reserved__lte=F("on_hand")),
                name="catalog_stock_level_reserved_within_on_hand",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.variant.sku}: {self.on_hand} on hand, {self.reserved} reserved"

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


class LowStockAlert(models.Model):
    """Staff were told that a variant ran low. Open until it is above its reorder point again."""

    variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="low_stock_alerts")
    available = models.IntegerField()
    reorder_point = models.IntegerField()
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "catalog_low_stock_alert"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["variant"],
                condition=Q(ended_at__isnull=True),
                name="catalog_low_stock_alert_one_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.available} left of variant {self.variant_id}"


class RawLot(models.Model):
    """A delivery of raw material, traced to its supplier's lot."""

    class Status(models.TextChoices):
        QUARANTINE = "quarantine"
        RELEASED = "released"
        DEPLETED = "depleted"
        RECALLED = "recalled"

    code = models.CharField(max_length=32, unique=True)
    item = models.CharField(max_length=40)
    supplier_lot = models.CharField(max_length=64)
    quantity = models.DecimalField(max_digits=12, decimal_places=3)
    unit = models.CharField(max_length=4)
    received_on = models.DateField()
    has_certificate = models.BooleanField(default=False)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.QUARANTINE)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        db_table = "catalog_raw_lot"
        ordering = ["-received_on", "code"]

    def __str__(self) -> str:
        return self.code


class Lot(models.Model):
    """One packing run of one variant: the batch code that is printed on the pouch.

    `physical` units are in the building; `on_hand` of them count as sellable stock (0 unless released).
    """

    class Status(models.TextChoices):
        QUARANTINE = "quarantine"
        RELEASED = "released"
        AGED_OUT = "aged_out"
        RECALLED = "recalled"

    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="lots")
    code = models.CharField(max_length=32)
    supplier_lot = models.CharField(max_length=64, blank=True)
    raw_lots = models.ManyToManyField(RawLot, blank=True, related_name="packed_lots")
    packed_on = models.DateField(null=True, blank=True)
    best_before_on = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.QUARANTINE)
    physical = models.IntegerField(default=0)
    on_hand = models.IntegerField(default=0)
    note = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "catalog_lot"
        ordering = ["best_before_on", "id"]
        constraints = [
            models.UniqueConstraint(fields=["variant", "code"], name="catalog_lot_code_unique"),
            models.CheckConstraint(
                condition=Q(on_hand__gte=0) & Q(on_hand__lte=F("physical")),
                name="catalog_lot_on_hand_within_physical",
            ),
            models.CheckConstraint(
                condition=Q(status="released") | Q(on_hand=0), name="catalog_lot_only_released_sells"
            ),
        ]
        indexes = [models.Index(fields=["variant", "status", "best_before_on"], name="catalog_lot_fefo")]

    def __str__(self) -> str:
        ends = f"{self.best_before_on:%-d %b %Y}" if self.best_before_on else "–"
        return f"{self.code} (best before {ends})"


class StockReservation(models.Model):
    """Units of one SKU spoken for by one reference: held while paying, allocated once paid.

    `reference` is opaque here: the catalogue knows no orders. The open part is `quantity - consumed`.
    """

    class Status(models.TextChoices):
        HELD = "held"
        ALLOCATED = "allocated"
        SHORT = "short"
        CONSUMED = "consumed"
        RELEASED = "released"

    OPEN = (Status.HELD, Status.ALLOCATED)

    reference = models.CharField(max_length=64)
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="reservations")
    quantity = models.PositiveIntegerField()
    consumed = models.PositiveIntegerField(default=0)
    # Of the open part, what lies in a box already: the last to be taken away again.
    packed = models.PositiveIntegerField(default=0, db_default=0)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.HELD)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "catalog_stock_reservation"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["reference", "variant"],
                condition=Q(status__in=["held", "allocated", "short"]),
                name="catalog_stock_reservation_one_open",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0) & Q(consumed__lte=F("quantity")),
                name="catalog_stock_reservation_quantities",
            ),
            models.CheckConstraint(
                condition=~Q(status="held") | Q(expires_at__isnull=False),
                name="catalog_stock_reservation_hold_expires",
            ),
        ]
        indexes = [
            models.Index(
                fields=["variant", "expires_at"],
                condition=Q(status="held"),
                name="catalog_reservation_expiring",
            ),
            models.Index(fields=["reference"], name="catalog_reservation_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.variant_id} for {self.reference} ({self.status})"


class StockMovement(models.Model):
    """One change of counts. Append-only: the tables refuse updates and deletes.

    `quantity` changes sellable stock (`StockLevel.on_hand`, `Lot.on_hand`), `physical` what is in the
    building (`Lot.physical`). Receiving into quarantine is physical only; releasing is sellable only.
    """

    class Kind(models.TextChoices):
        RECEIVED = "received"
        LOT_RELEASED = "lot_released"
        CONSUMED = "consumed"
        RETURNED = "returned"
        COUNTED = "counted"
        DAMAGED = "damaged"
        SAMPLE = "sample"
        QUARANTINED = "quarantined"
        AGED_OUT = "aged_out"
        RECALLED = "recalled"
        CORRECTED = "corrected"

    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="movements")
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, null=True, blank=True, related_name="movements")
    kind = models.CharField(max_length=14, choices=Kind.choices)
    quantity = models.IntegerField("sellable units, signed")
    physical = models.IntegerField("units in the building, signed")
    reason = models.CharField(max_length=200, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # What caused it ("shipment:P-…", "count:2026-11-23", "import:42") and which line of that.
    cause = models.CharField(max_length=80)
    line = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "catalog_stock_movement"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["cause", "line", "variant", "lot", "kind"],
                nulls_distinct=False,
                name="catalog_stock_movement_once",
            ),
            models.CheckConstraint(
                condition=~Q(quantity=0) | ~Q(physical=0), name="catalog_stock_movement_moves_something"
            ),
        ]
        indexes = [
            models.Index(fields=["variant", "id"], name="catalog_movement_variant"),
            models.Index(fields=["lot", "id"], name="catalog_movement_lot"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.quantity:+d}"
