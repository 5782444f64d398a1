"""Regions: where we ship, what that costs, which tax applies and who the seller is."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


class ShippingZone(models.Model):
    """Countries, narrowed by postcode prefixes or regions, that share prices and rules."""

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=80)
    countries = ArrayField(models.CharField(max_length=2))
    include_postcode_prefixes = ArrayField(models.CharField(max_length=8), default=list, blank=True)
    exclude_postcode_prefixes = ArrayField(models.CharField(max_length=8), default=list, blank=True)
    include_regions = ArrayField(models.CharField(max_length=8), default=list, blank=True)
    exclude_regions = ArrayField(models.CharField(max_length=8), default=list, blank=True)
    currency = models.CharField(max_length=3)
    prices_include_tax = models.BooleanField()
    regulatory_region = models.CharField(max_length=20)
    is_active = models.BooleanField(default=True)
    # The more particular zone is asked first.
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        db_table = "orders_shipping_zone"
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return self.name


class ShippingMethod(models.Model):
    """A way to ship within a zone."""

    zone = models.ForeignKey(ShippingZone, on_delete=models.CASCADE, related_name="methods")
    code = models.CharField(max_length=40)
    name = models.CharField(max_length=80)
    free_over = models.PositiveBigIntegerField("free from, minor units", null=True, blank=True)
    transit_days_min = models.PositiveSmallIntegerField()
    transit_days_max = models.PositiveSmallIntegerField()
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        db_table = "orders_shipping_method"
        ordering = ["zone_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["zone", "code"], name="orders_shipping_method_code"),
            models.CheckConstraint(
                condition=Q(transit_days_min__lte=F("transit_days_max")),
                name="orders_shipping_method_transit",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.zone_id})"


class ShippingRate(models.Model):
    """What a method costs up to a weight."""

    method = models.ForeignKey(ShippingMethod, on_delete=models.CASCADE, related_name="rates")
    max_weight_g = models.PositiveIntegerField()
    amount = models.PositiveBigIntegerField("amount, minor units")

    class Meta:
        db_table = "orders_shipping_rate"
        ordering = ["method_id", "max_weight_g"]
        constraints = [
            models.UniqueConstraint(fields=["method", "max_weight_g"], name="orders_shipping_rate_band")
        ]

    def __str__(self) -> str:
        return f"up to {self.max_weight_g} g"


class TaxRate(models.Model):
    """A tax rate from a day on. Rates change by law: a new row, never an edited one."""

    country = models.CharField(max_length=2)
    region = models.CharField(max_length=8, blank=True)
    tax_code = models.CharField(max_length=20, default="standard")
    name = models.CharField(max_length=60)
    rate = models.DecimalField("rate, percent", max_digits=6, decimal_places=3)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True, help_text="last day, inclusive")

    class Meta:
        db_table = "orders_tax_rate"
        ordering = ["country", "region", "-starts_on"]
        constraints = [
            models.UniqueConstraint(
                fields=["country", "region", "tax_code", "starts_on"], name="orders_tax_rate_once"
            ),
            models.CheckConstraint(condition=Q(rate__gte=0, rate__lte=100), name="orders_tax_rate_range"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.rate} % ({self.country} {self.region})".strip()


class SellerIdentity(models.Model):
    """Who sells in a region. Until it is filled in, nothing is sold there."""

    region = models.CharField(max_length=20, unique=True)
    legal_name = models.CharField(max_length=160)
    address = models.TextField()
    email = models.EmailField(max_length=254)
    vat_id = models.CharField("VAT id", max_length=40, blank=True)
    company_number = models.CharField(max_length=40, blank=True)
    # The person in the market who answers for cosmetics and product safety there.
    responsible_person = models.TextField()

    class Meta:
        db_table = "orders_seller_identity"
        ordering = ["region"]
        verbose_name_plural = "seller identities"

    def __str__(self) -> str:
        return f"{self.legal_name} ({self.region})"
