"""Who pays: a customer at Stripe, their saved cards and what they consented to.

A guest who puts something on refill gets a customer of their own: an unverified e-mail address never joins
two people's cards. Once the address is verified, the account claims it.
"""

import secrets

from django.conf import settings
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper


class Customer(models.Model):
    """A person who pays, with or without an account."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="customers"
    )
    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=120, blank=True)
    locale = models.CharField(max_length=12, default="en-gb")
    timezone = models.CharField(max_length=64, default="Europe/London")
    stripe_customer_id = models.CharField(max_length=64, unique=True, null=True, blank=True)
    # Ids that were deleted at Stripe; the next payment opens a new customer there.
    former_stripe_ids = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "orders_customer"
        ordering = ["-id"]
        indexes = [
            models.Index(
                OpClass(Upper("email"), name="text_pattern_ops"), name="orders_customer_email_prefix"
            )
        ]

    def __str__(self) -> str:
        return self.email


class SavedCard(models.Model):
    """A card kept at Stripe for refills, only ever with a recorded consent."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="cards")
    stripe_payment_method_id = models.CharField(max_length=64, unique=True)
    brand = models.CharField(max_length=24)
    last4 = models.CharField(max_length=4)
    exp_month = models.PositiveSmallIntegerField()
    exp_year = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)
    # The latest notice that it ends: of which expiry (year × 12 + month), and how many days ahead.
    expiry_told_month = models.PositiveIntegerField(null=True, blank=True)
    expiry_told_days = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        db_table = "orders_saved_card"
        ordering = ["-id"]
        indexes = [
            # The month in which it ends, counted from the year 0, until its owner has been told for the last
            # time (see `foresight`).
            models.Index(
                F("exp_year") * 12 + F("exp_month"),
                condition=Q(removed_at__isnull=True)
                & ~Q(expiry_told_month=F("exp_year") * 12 + F("exp_month"), expiry_told_days__lte=7),
                name="orders_saved_card_ends",
            )
        ]

    def __str__(self) -> str:
        return f"{self.brand.capitalize()} ending in {self.last4}"


def new_key() -> str:
    """Return an unguessable idempotency key."""
    return secrets.token_urlsafe(24)


class CardSetup(models.Model):
    """A card about to be saved where nothing is charged: agreed to, opened at Stripe, and kept once Stripe
    says that its bank has confirmed it.
    """

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="card_setups")
    idempotency_key = models.CharField(max_length=80, unique=True, default=new_key)
    stripe_setup_intent_id = models.CharField(max_length=64, unique=True, null=True, blank=True)
    # What was agreed to, in the words that were shown.
    consent_text = models.TextField()
    consent_sha256 = models.CharField(max_length=64)
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    requested_at = models.DateTimeField()
    card = models.ForeignKey(
        SavedCard, on_delete=models.PROTECT, null=True, blank=True, related_name="setups"
    )
    saved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "orders_card_setup"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(card__isnull=True, saved_at__isnull=True)
                | models.Q(card__isnull=False, saved_at__isnull=False),
                name="orders_card_setup_saved_has_card",
            )
        ]

    def __str__(self) -> str:
        return f"card setup {self.pk}"


class Consent(models.Model):
    """What somebody agreed to, in the words they saw, with time and address."""

    class Kind(models.TextChoices):
        TERMS = "terms"
        REFILL = "refill"
        MARKETING = "marketing"
        CHANGE = "change", "change of a refill"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="consents")
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="consents"
    )
    # Whose terms were changed; the other kinds belong to the order alone.
    subscription = models.ForeignKey(
        "orders.Subscription", on_delete=models.PROTECT, null=True, blank=True, related_name="consents"
    )
    text = models.TextField()
    text_sha256 = models.CharField(max_length=64)
    # For a refill: price, currency and interval as shown when the box was ticked.
    terms = models.JSONField(default=dict)
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    given_at = models.DateTimeField()

    class Meta:
        db_table = "orders_consent"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["order", "kind"],
                condition=~models.Q(kind="change"),
                name="orders_consent_one_per_order_and_kind",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} for order {self.order_id}"
