"""What is sold: categories, products, variants and bundles."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from stdnum import ean
from stdnum.exceptions import ValidationError as StdnumError

from catalog.models import facts


def validate_gtin(value: str) -> None:
    """Refuse a GTIN whose check digit is wrong."""
    try:
        ean.validate(value)
    except StdnumError as error:
        raise ValidationError("This is not a GTIN: its check digit does not match.") from error


class Category(models.Model):
    """A shelf of the shop."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        db_table = "catalog_category"
        ordering = ["position", "name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class ProductQuerySet(models.QuerySet["Product"]):
    def visible(self) -> "ProductQuerySet":
        """Products that customers may see."""
        return self.filter(is_published=True)

    def goods(self) -> "ProductQuerySet":
        """Everything but bundles."""
        return self.exclude(kind=Product.Kind.BUNDLE)

    def bundles(self) -> "ProductQuerySet":
        return self.filter(kind=Product.Kind.BUNDLE)


class Product(models.Model):
    """What a customer chooses; its variants are the sizes. Numbers that follow from others are computed."""

    class Kind(models.TextChoices):
        FLAKES = "flakes"
        OIL = "oil"
        ACCESSORY = "accessory"
        BUNDLE = "bundle"

    class ReturnRule(models.TextChoices):
        SEALED_HYGIENE = "sealed_hygiene", "sealed packs only"
        STANDARD = "standard"

    code = models.CharField(max_length=20, unique=True)
    slug = models.SlugField(max_length=120, unique=True)
    name = models.CharField(max_length=160)
    summary = models.CharField(max_length=300, blank=True)
    description = models.TextField(blank=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    regulatory_class = models.CharField(max_length=40, default="cosmetic")
    is_published = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0)

    inci = models.CharField("INCI", max_length=500, blank=True)
    mgcl2_percent = models.DecimalField(
        "% MgCl2 by weight", max_digits=5, decimal_places=2, null=True, blank=True
    )
    density_g_per_ml = models.DecimalField(max_digits=5, decimal_places=3, null=True, blank=True)
    ml_per_spray = models.DecimalField(max_digits=4, decimal_places=2, null=True, blank=True)
    form = models.CharField(max_length=40, blank=True)
    scent = models.CharField(max_length=80, blank=True)
    fragrance_allergens = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    material = models.CharField(max_length=80, blank=True)
    origin_country = models.CharField(max_length=2, blank=True, validators=[facts.validate_country])
    origin_note = models.CharField(max_length=200, blank=True)
    grade = models.CharField(max_length=120, blank=True)
    is_vegan = models.BooleanField(null=True, blank=True)

    # Steps by method: bath, foot, skin.
    directions = models.JSONField(default=dict, blank=True, validators=[facts.validate_directions])
    # Ranges (low, high) under bath_g, foot_g, sprays_per_day; one number under max_sessions_per_week.
    label_dose = models.JSONField(default=dict, blank=True, validators=[facts.validate_label_dose])
    # Where a usage guide starts: bath_g, foot_g, minutes (low, high), sessions_per_week, sprays_per_day.
    usage_defaults = models.JSONField(default=dict, blank=True, validators=[facts.validate_usage_defaults])
    caution_codes = ArrayField(
        models.CharField(max_length=16), default=list, blank=True, validators=[facts.validate_cautions]
    )
    storage = models.CharField(max_length=300, blank=True)
    durability_months = models.PositiveSmallIntegerField(null=True, blank=True)
    pao_months = models.PositiveSmallIntegerField("months after opening", null=True, blank=True)

    hs_code = models.CharField("HS code", max_length=12, blank=True, validators=[facts.validate_hs_code])
    tax_code = models.CharField(max_length=20, default="standard")
    return_rule = models.CharField(max_length=20, choices=ReturnRule.choices, default=ReturnRule.STANDARD)
    pairs_with = models.ManyToManyField("self", blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        db_table = "catalog_product"
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_bundle(self) -> bool:
        return self.kind == self.Kind.BUNDLE


class VariantQuerySet(models.QuerySet["Variant"]):
    def sellable(self) -> "VariantQuerySet":
        """Variants that may be put into a cart."""
        return self.filter(archived_at__isnull=True, product__is_published=True)


class Variant(models.Model):
    """One size of a product: what has a SKU, a price and a place on a shelf."""

    class Unit(models.TextChoices):
        GRAM = "g"
        MILLILITRE = "ml"
        EACH = "each"

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="variants")
    sku = models.CharField("SKU", max_length=32, unique=True)
    name = models.CharField(max_length=80)
    gtin = models.CharField(
        "GTIN", max_length=14, unique=True, null=True, blank=True, validators=[validate_gtin]
    )
    net_content = models.PositiveIntegerField(help_text="in the unit below; 1 for goods sold by the piece")
    net_unit = models.CharField(max_length=4, choices=Unit.choices)
    gross_weight_g = models.PositiveIntegerField("gross weight, g")
    length_mm = models.PositiveIntegerField(null=True, blank=True)
    width_mm = models.PositiveIntegerField(null=True, blank=True)
    height_mm = models.PositiveIntegerField(null=True, blank=True)

    is_lot_tracked = models.BooleanField(default=True)
    min_remaining_life_days = models.PositiveIntegerField(default=60)
    reorder_point = models.PositiveIntegerField(default=0)
    reorder_quantity = models.PositiveIntegerField(default=0)
    lead_time_days = models.PositiveIntegerField(default=0)

    is_subscribable = models.BooleanField(default=False)
    refill_discount_percent = models.DecimalField(max_digits=5, decimal_places=2, default=Decimal("0"))
    position = models.PositiveSmallIntegerField(default=0)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = VariantQuerySet.as_manager()

    class Meta:
        db_table = "catalog_variant"
        ordering = ["position", "sku"]
        constraints = [
            models.CheckConstraint(condition=models.Q(net_content__gt=0), name="catalog_variant_has_content"),
            models.CheckConstraint(
                condition=models.Q(refill_discount_percent__gte=0, refill_discount_percent__lt=100),
                name="catalog_variant_refill_discount_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"

    @property
    def is_sold(self) -> bool:
        """Say whether customers may buy it: published, not archived, and all parts of a bundle so.

        No query if the product, and a bundle's components with their products, are loaded.
        """
        if self.archived_at is not None or not self.product.is_published:
            return False
        if not self.product.is_bundle:
            return True
        parts = [component.variant for component in self.components.all()]
        return bool(parts) and all(part.is_sold for part in parts)


class BundleComponent(models.Model):
    """What a virtual bundle is made of: its stock is the stock of these.

    Bundles do not nest: a trigger refuses a component that has components, and a bundle that is one.
    """

    bundle = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="components")
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="part_of")
    quantity = models.PositiveIntegerField(default=1)
    # Consumables come back with a refill of the bundle; the scoop and the basin do not.
    in_refill = models.BooleanField(default=True)

    class Meta:
        db_table = "catalog_bundle_component"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["bundle", "variant"], name="catalog_bundle_component_once"),
            models.CheckConstraint(
                condition=models.Q(quantity__gt=0), name="catalog_bundle_component_quantity"
            ),
            models.CheckConstraint(
                condition=~models.Q(bundle=models.F("variant")), name="catalog_bundle_component_not_itself"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.variant}"

    def clean(self) -> None:
        """Refuse components of goods that are no bundle, and bundles within bundles."""
        if self.bundle_id is not None and not self.bundle.product.is_bundle:
            raise ValidationError("Only a product of the kind bundle is made of others.")
        if self.variant_id is not None and self.variant.product.is_bundle:
            raise ValidationError({"variant": "A bundle is not put into a bundle. Enter what is in it."})
