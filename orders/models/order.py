"""Orders: a frozen copy of everything that was agreed, and three statuses beside each other."""

import secrets

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Replace, Upper

from catalog.models import Variant
from orders.models.cart import Cart, RefillUnit
from orders.models.customer import Customer

# Crockford's alphabet: no I, L, O or U to misread on the phone.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


# How staff find an order by where it goes: a part of the name, the beginning of the postcode without spaces.
NAME_TO_FIND = Upper(KT("shipping_address__name"))
POSTCODE_TO_FIND = Replace(
    KT("shipping_address__postal_code"), Value(" "), Value(""), output_field=models.TextField()
)


def new_reference() -> str:
    """Return a short random public reference. Never sequential, never a proof of identity."""
    return "".join(secrets.choice(ALPHABET) for _ in range(10))


class Order(models.Model):
    """What was agreed at checkout. Later changes to the catalogue change nothing here."""

    class Status(models.TextChoices):
        PENDING = "pending"
        PLACED = "placed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"

    class PaymentStatus(models.TextChoices):
        UNPAID = "unpaid"
        PROCESSING = "processing"
        PAID = "paid"
        PARTIALLY_REFUNDED = "partially_refunded"
        REFUNDED = "refunded"

    class FulfilmentStatus(models.TextChoices):
        UNFULFILLED = "unfulfilled"
        PARTIALLY = "partially"
        FULFILLED = "fulfilled"
        RETURNED = "returned"

    class Origin(models.TextChoices):
        CHECKOUT = "checkout"
        REFILL = "refill"

    # A pending order that expired or was cancelled may still be reinstated by a late success.
    STATUS_STEPS = {
        Status.PENDING: {Status.PLACED, Status.CANCELLED, Status.EXPIRED},
        Status.EXPIRED: {Status.PLACED, Status.CANCELLED},
        Status.PLACED: {Status.CANCELLED},
        Status.CANCELLED: {Status.PLACED},
    }
    PAYMENT_STEPS = {
        PaymentStatus.UNPAID: {PaymentStatus.PROCESSING, PaymentStatus.PAID},
        PaymentStatus.PROCESSING: {PaymentStatus.UNPAID, PaymentStatus.PAID},
        PaymentStatus.PAID: {PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED},
        PaymentStatus.PARTIALLY_REFUNDED: {PaymentStatus.REFUNDED, PaymentStatus.PAID},
        PaymentStatus.REFUNDED: {PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.PAID},
    }
    FULFILMENT_STEPS = {
        FulfilmentStatus.UNFULFILLED: {FulfilmentStatus.PARTIALLY, FulfilmentStatus.FULFILLED},
        FulfilmentStatus.PARTIALLY: {FulfilmentStatus.FULFILLED},
        FulfilmentStatus.FULFILLED: {FulfilmentStatus.RETURNED},
    }

    reference = models.CharField(max_length=12, unique=True, default=new_reference)
    cart = models.OneToOneField(Cart, on_delete=models.PROTECT, null=True, blank=True, related_name="order")
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.CHECKOUT)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="orders"
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="orders"
    )
    email = models.EmailField(max_length=254)
    locale = models.CharField(max_length=12, default="en-gb")

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    payment_status = models.CharField(
        max_length=20, choices=PaymentStatus.choices, default=PaymentStatus.UNPAID
    )
    fulfilment_status = models.CharField(
        max_length=12, choices=FulfilmentStatus.choices, default=FulfilmentStatus.UNFULFILLED
    )
    is_disputed = models.BooleanField(default=False)
    # Set when what Stripe says and what we agreed differ: nothing ships until staff have looked.
    review_reason = models.CharField(max_length=200, blank=True)
    # Paid with test keys: shown with a banner, left out of reports.
    is_test = models.BooleanField(default=False)

    currency = models.CharField(max_length=3)
    items_total = models.PositiveBigIntegerField()
    discount_total = models.PositiveBigIntegerField(default=0)
    # What is paid for shipping, and what a discount took off its price before.
    shipping_total = models.PositiveBigIntegerField()
    shipping_discount = models.PositiveBigIntegerField(default=0)
    tax_total = models.PositiveBigIntegerField()
    total = models.PositiveBigIntegerField()
    # GB and EU prices include tax, US prices do not; then `tax_total` is added to reach `total`.
    tax_included = models.BooleanField()
    shipping_tax_rate = models.DecimalField(max_digits=6, decimal_places=3)
    shipping_tax = models.PositiveBigIntegerField()

    country = models.CharField(max_length=2)
    shipping_address = models.JSONField()
    billing_address = models.JSONField()
    shipping_zone = models.CharField(max_length=20)
    shipping_method = models.CharField(max_length=40)
    shipping_method_name = models.CharField(max_length=80)
    transit_days_min = models.PositiveSmallIntegerField()
    transit_days_max = models.PositiveSmallIntegerField()

    terms_version = models.CharField(max_length=20)
    placed_at = models.DateTimeField(help_text="when the customer ordered")
    hold_expires_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True, help_text="cancelled or expired")

    class Meta:
        db_table = "orders_order"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    tax_included=True, total=F("items_total") - F("discount_total") + F("shipping_total")
                )
                | Q(
                    tax_included=False,
                    total=F("items_total") - F("discount_total") + F("shipping_total") + F("tax_total"),
                ),
                name="orders_order_total_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(payment_status__in=["unpaid", "processing"]) | Q(paid_at__isnull=False),
                name="orders_order_paid_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["hold_expires_at"], condition=Q(status="pending"), name="orders_order_expiring"
            ),
            models.Index(fields=["email"], name="orders_order_email"),
            # Staff search by the beginning of an address, in any case.
            models.Index(OpClass(Upper("email"), name="text_pattern_ops"), name="orders_order_email_prefix"),
            models.Index(fields=["-placed_at"], name="orders_order_placed"),
            GinIndex(OpClass(NAME_TO_FIND, name="gin_trgm_ops"), name="orders_order_name"),
            models.Index(OpClass(POSTCODE_TO_FIND, name="text_pattern_ops"), name="orders_order_postcode"),
            # The lists of what is not as usual, newest first: usual orders are in none of these.
            models.Index(
                fields=["status", "-id"], condition=~Q(status="placed"), name="orders_order_unusual_status"
            ),
            models.Index(
                fields=["payment_status", "-id"],
                condition=~Q(payment_status="paid"),
                name="orders_order_unusual_payment",
            ),
            models.Index(
                fields=["fulfilment_status", "-id"],
                condition=~Q(fulfilment_status="fulfilled"),
                name="orders_order_unfulfilled",
            ),
            models.Index(fields=["-id"], condition=~Q(review_reason=""), name="orders_order_to_review"),
            models.Index(fields=["-id"], condition=Q(is_disputed=True), name="orders_order_disputed"),
            models.Index(fields=["-id"], condition=Q(is_test=True), name="orders_order_test"),
            models.Index(
                fields=["paid_at"],
                condition=Q(status="placed", fulfilment_status__in=["unfulfilled", "partially"]),
                name="orders_order_to_ship",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def stock_reference(self) -> str:
        """The opaque name under which the catalogue keeps this order's reservations."""
        return f"order:{self.reference}"

    @property
    def is_discounted(self) -> bool:
        """Whether discounts took something off; if not, there is no need to look for their rows."""
        return bool(self.discount_total or self.shipping_discount)

    @property
    def shipping_price(self) -> int:
        """What shipping cost before discounts."""
        return self.shipping_total + self.shipping_discount

    @property
    def is_free(self) -> bool:
        """Whether there is nothing to pay, so that no payment is opened at Stripe."""
        return self.total == 0

    @property
    def is_paid(self) -> bool:
        return self.payment_status in {
            self.PaymentStatus.PAID,
            self.PaymentStatus.PARTIALLY_REFUNDED,
            self.PaymentStatus.REFUNDED,
        }

    @property
    def may_ship(self) -> bool:
        """Whether a parcel may leave: placed, its money here, not stopped for a review or by a dispute."""
        has_money = self.payment_status in {self.PaymentStatus.PAID, self.PaymentStatus.PARTIALLY_REFUNDED}
        return (
            self.status == self.Status.PLACED
            and has_money
            and not self.review_reason
            and not self.is_disputed
        )


class OrderLine(models.Model):
    """One line, frozen. Amounts are for the whole line, in the order's currency."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    sku = models.CharField(max_length=32)
    product_name = models.CharField(max_length=160)
    variant_name = models.CharField(max_length=80)
    net_content = models.PositiveIntegerField()
    net_unit = models.CharField(max_length=4)
    gross_weight_g = models.PositiveIntegerField()
    hs_code = models.CharField(max_length=12, blank=True)
    origin_country = models.CharField(max_length=2, blank=True)
    quantity = models.PositiveIntegerField()
    # One piece before and after the line's own reduction (sale, refill), as the customer saw it.
    list_unit_price = models.PositiveBigIntegerField()
    unit_price = models.PositiveBigIntegerField()
    unit_price_label = models.CharField(max_length=60, blank=True)
    # This line's share of order-level discounts, fixed at placement.
    discount = models.PositiveBigIntegerField(default=0)
    tax_name = models.CharField(max_length=60)
    tax_rate = models.DecimalField(max_digits=6, decimal_places=3)
    net = models.PositiveBigIntegerField()
    tax = models.PositiveBigIntegerField()
    gross = models.PositiveBigIntegerField()
    refill_unit = models.CharField(max_length=5, choices=RefillUnit.choices, null=True, blank=True)
    refill_count = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        db_table = "orders_order_line"
        ordering = ["order_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="orders_order_line_position"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="orders_order_line_quantity"),
            models.CheckConstraint(condition=Q(gross=F("net") + F("tax")), name="orders_order_line_adds_up"),
        ]
        # Who bought it, newest first.
        indexes = [models.Index(fields=["sku", "-order"], name="orders_order_line_sku")]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku}"

    @property
    def full_amount(self) -> int:
        """What the line came to before order-level discounts, as the customer saw it."""
        return self.unit_price * self.quantity


class OrderLineComponent(models.Model):
    """What one line takes from stock: itself, or the parts of a bundle with their share of its price."""

    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="components")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    sku = models.CharField(max_length=32)
    quantity = models.PositiveIntegerField(help_text="units for the whole line")
    gross_share = models.PositiveBigIntegerField()
    # Units in parcels, replacements of lost ones not counted, and units that will never be sent.
    packed = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "orders_order_line_component"
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gte=F("packed") + F("cancelled")),
                name="orders_line_component_sent_within_ordered",
            ),
            models.UniqueConstraint(fields=["line", "variant"], name="orders_line_component_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="orders_line_component_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku}"

    @property
    def to_pack(self) -> int:
        """Units that still have to go into a parcel."""
        return self.quantity - self.packed - self.cancelled


class OrderEvent(models.Model):
    """A line of the order's timeline: one fact, who and when. Append-only."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=48)
    message = models.CharField(max_length=300)
    data = models.JSONField(default=dict, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        db_table = "orders_order_event"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.message
