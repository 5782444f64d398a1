"""Refills: one item has one schedule; what falls due together is one parcel and one charge."""

import secrets
from typing import ClassVar

from django.db import models
from django.db.models import Q

from catalog.models import Variant
from orders.models.cart import RefillUnit
from orders.models.customer import Customer, SavedCard
from orders.models.order import Order, OrderLine
from shop.accounts.models import User
from shop.transitions import Table


def new_subscription_reference() -> str:
    """Return an unguessable public reference of a subscription."""
    return f"S-{secrets.token_hex(6).upper()}"


def new_refill_reference() -> str:
    """Return an unguessable public reference of a refill."""
    return f"R-{secrets.token_hex(6).upper()}"


class Subscription(models.Model):
    """A variant, a quantity and an interval, counted from an anchor."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        CANCELLED = "cancelled"

    STATUS_STEPS: ClassVar[Table] = {
        Status.ACTIVE: {Status.PAUSED, Status.CANCELLED},
        Status.PAUSED: {Status.ACTIVE, Status.CANCELLED},
    }
    # The `status_reason` of what only staff may resume.
    DISPUTE = "dispute"
    # The `status_reason` of what goes on by itself once something else takes its place.
    NOT_SOLD = "no longer sold"

    reference = models.CharField(max_length=20, unique=True, default=new_subscription_reference)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="subscriptions")
    # The line that began it: enrolling the same order twice makes one subscription. A bundle's line begins
    # one for each component that is used up.
    started_by = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="subscriptions")
    # The SKU that it began with: a swap changes the variant, and enrolling again must still find it.
    started_sku = models.CharField(max_length=40, default="")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    interval_unit = models.CharField(max_length=5, choices=RefillUnit.choices)
    interval_count = models.PositiveSmallIntegerField()
    # due(k) = anchor + (k - anchor_index) intervals, in local days of the zone. A new interval or date moves
    # both; the numbering of the cycles goes on.
    anchor_on = models.DateField()
    anchor_index = models.PositiveIntegerField(default=0)
    timezone = models.CharField(max_length=64)
    # What one piece costs until a notice of a rise was sent.
    unit_price = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    card = models.ForeignKey(SavedCard, on_delete=models.PROTECT, null=True, related_name="subscriptions")
    shipping_address = models.JSONField()
    shipping_method = models.CharField(max_length=40)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    status_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_until = models.DateField(null=True, blank=True, help_text="local day; empty: until resumed")
    # Not a column: the tag of the state that a caller has seen. A verb refuses if that has changed meanwhile.
    seen_tag: str = ""
    # Not a column: the member of staff who acts; None: its owner does.
    acted_by: User | None = None
    # The latest payment for this item: no second one within half an interval.
    last_paid_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    # When its owner was last told of its terms: when it began, then as often as the region asks for.
    terms_told_at = models.DateTimeField(null=True, blank=True)
    # Begun by a test order: left out of reports.
    is_test = models.BooleanField(default=False)

    class Meta:
        db_table = "orders_subscription"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gt=0, interval_count__gt=0), name="orders_subscription_positive"
            ),
            models.UniqueConstraint(fields=["started_by", "started_sku"], name="orders_subscription_once"),
        ]
        # Of those that a sweep looks for only: what is indexed does not grow with what exists.
        indexes = [
            models.Index(
                fields=["paused_until", "id"],
                condition=Q(status="paused", paused_until__isnull=False),
                name="orders_subscription_resumes",
            ),
            models.Index(fields=["-id"], condition=Q(is_test=True), name="orders_subscription_test"),
            models.Index(
                fields=["terms_told_at"], condition=Q(status="active"), name="orders_subscription_terms"
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class Refill(models.Model):
    """One parcel and one charge: owns items, quote, reminder and order."""

    class Status(models.TextChoices):
        PLANNED = "planned"
        CLAIMED = "claimed"
        BACKORDERED = "backordered"
        CHARGING = "charging"
        DUNNING = "dunning"
        ACTION_REQUIRED = "action_required"
        PAID = "paid"
        SKIPPED = "skipped"
        FAILED = "failed"

    # A claim is used once: the worker that turns `claimed` into `charging` is the one that charges. Success
    # absorbs everything: money for a refill that had ended still pays it.
    STATUS_STEPS: ClassVar[Table] = {
        Status.PLANNED: {Status.CLAIMED, Status.SKIPPED},
        Status.CLAIMED: {
            Status.CHARGING,
            Status.BACKORDERED,
            Status.PLANNED,
            Status.DUNNING,
            Status.ACTION_REQUIRED,
            Status.PAID,
            Status.SKIPPED,
            Status.FAILED,
        },
        Status.BACKORDERED: {Status.CLAIMED, Status.PAID, Status.SKIPPED},
        Status.CHARGING: {
            Status.CLAIMED,
            Status.PAID,
            Status.DUNNING,
            Status.ACTION_REQUIRED,
            Status.SKIPPED,
            Status.FAILED,
        },
        Status.DUNNING: {Status.CLAIMED, Status.PAID, Status.SKIPPED, Status.FAILED},
        Status.ACTION_REQUIRED: {Status.DUNNING, Status.PAID, Status.SKIPPED, Status.FAILED},
        Status.FAILED: {Status.PAID},
        Status.SKIPPED: {Status.PAID},
    }
    OPEN = (
        Status.PLANNED,
        Status.CLAIMED,
        Status.BACKORDERED,
        Status.CHARGING,
        Status.DUNNING,
        Status.ACTION_REQUIRED,
    )

    reference = models.CharField(max_length=20, unique=True, default=new_refill_reference)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="refills")
    card = models.ForeignKey(SavedCard, on_delete=models.PROTECT, null=True, related_name="refills")
    currency = models.CharField(max_length=3)
    shipping_address = models.JSONField()
    shipping_method = models.CharField(max_length=40)
    due_at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PLANNED)
    # The next time a sweep looks at it: the due time, a retry, a recheck of stock. Empty: it waits for its
    # owner (another card, an authentication), or it is over.
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    # The ceiling: never charge more than the reminder said.
    quoted_total = models.PositiveBigIntegerField(null=True, blank=True)
    quoted_at = models.DateTimeField(null=True, blank=True)
    # How many reminders were written; the latest told the quote above, and it counts once it was sent.
    notices = models.PositiveSmallIntegerField(default=0)
    notice = models.ForeignKey(
        "mail.OutboxMessage", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # Its owner asked to have it now, at the quoted total, and so waits for no notice.
    asked_at = models.DateTimeField(null=True, blank=True)
    order = models.OneToOneField(
        Order, on_delete=models.PROTECT, null=True, blank=True, related_name="refill"
    )
    # Refused payment attempts that dunning has dealt with.
    failed_attempts = models.PositiveSmallIntegerField(default=0)
    first_declined_at = models.DateTimeField(null=True, blank=True)
    # Since when stock is short: its owner is told on some of the days after it. Empty once it is there.
    short_since = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    # Counted up by each claim: a worker whose claim is not the latest asks nobody for money.
    claims = models.PositiveIntegerField(default=0, db_default=0)
    # How often Stripe's answer did not come under the claims since it was last due.
    unanswered = models.PositiveSmallIntegerField(default=0, db_default=0)
    # How often our own work broke over it, and over what; nobody takes it up again before it has rested. Of
    # one that has ended: when the sweep that ends its order looked at it last.
    stumbles = models.PositiveSmallIntegerField(default=0, db_default=0)
    stumbled_over = models.CharField(max_length=300, blank=True, default="", db_default="")
    rests_until = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "orders_refill"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="paid") | Q(paid_at__isnull=False, order__isnull=False),
                name="orders_refill_paid_has_order",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(status__in=["planned", "backordered", "dunning"]),
                name="orders_refill_due",
            ),
            models.Index(
                fields=["claimed_at"],
                condition=Q(status__in=["claimed", "charging"]),
                name="orders_refill_in_work",
            ),
            models.Index(
                fields=["first_declined_at"],
                condition=Q(status__in=["dunning", "action_required"], next_attempt_at__isnull=True),
                name="orders_refill_owner_waits",
            ),
            models.Index(
                fields=["rests_until"],
                condition=Q(rests_until__isnull=False),
                name="orders_refill_rests",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class BillingCycle(models.Model):
    """The schedule itself: every subscription that is not cancelled has exactly one open cycle."""

    class Status(models.TextChoices):
        OPEN = "open"
        PAID = "paid"
        SKIPPED = "skipped"
        CANCELLED = "cancelled"

    class Reminder(models.TextChoices):
        SHORT = "short"
        LONG = "long"

    # A skip can be taken back.
    STATUS_STEPS: ClassVar[Table] = {
        Status.OPEN: {Status.PAID, Status.SKIPPED, Status.CANCELLED},
        Status.SKIPPED: {Status.OPEN},
    }

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="cycles")
    index = models.PositiveIntegerField()
    due_on = models.DateField(help_text="local day of the subscription's time zone")
    due_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    refill = models.ForeignKey(Refill, on_delete=models.PROTECT, null=True, blank=True, related_name="cycles")
    closed_at = models.DateTimeField(null=True, blank=True)
    # Which reminder it waits for, by its subscription's interval; empty: none, since it is closed, or its
    # subscription rests or has no card. Kept by triggers (migration `reminders_by_index`), so that PLAN finds
    # what is due by an index, however many rest.
    reminder = models.CharField(max_length=5, choices=Reminder.choices, null=True, blank=True, editable=False)

    class Meta:
        db_table = "orders_billing_cycle"
        ordering = ["subscription_id", "index"]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "index"], name="orders_billing_cycle_index"),
            models.UniqueConstraint(
                fields=["subscription"], condition=Q(status="open"), name="orders_billing_cycle_one_open"
            ),
        ]
        indexes = [
            models.Index(
                fields=["reminder", "due_at", "id"],
                condition=Q(status="open", refill__isnull=True, reminder__isnull=False),
                name="orders_billing_cycle_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"cycle {self.index} due {self.due_on}"


class RefillItem(models.Model):
    """What a refill holds: the item of a cycle, or something added once."""

    refill = models.ForeignKey(Refill, on_delete=models.PROTECT, related_name="items")
    cycle = models.OneToOneField(
        BillingCycle, on_delete=models.PROTECT, null=True, blank=True, related_name="item"
    )
    # Whose item it is, also once the refill has let go of its cycle. What is added once has an extra instead.
    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    unit_price = models.PositiveBigIntegerField()
    extra = models.ForeignKey(
        "orders.RefillExtra", on_delete=models.PROTECT, null=True, blank=True, related_name="items"
    )

    class Meta:
        db_table = "orders_refill_item"
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="orders_refill_item_quantity"),
            models.UniqueConstraint(fields=["refill", "extra"], name="orders_refill_item_extra_once"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.variant_id}"

    @property
    def amount(self) -> int:
        """What it comes to before discounts and delivery, in minor units."""
        return self.quantity * self.unit_price


class Deployment(models.Model):
    """The deployment that this database belongs to. A dump restored elsewhere carries the old name, and
    nothing is charged from it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    name = models.CharField(max_length=80)
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "orders_deployment"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="orders_deployment_is_one_row")]

    def __str__(self) -> str:
        return self.name
