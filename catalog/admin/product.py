"""Categories, products and variants. Nothing that was sold is deleted: it is unpublished or archived."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from unfold.admin import TabularInline
from unfold.decorators import action

from catalog import tasks, usage, wording
from catalog.admin import dose_form
from catalog.admin.bundles import BundleComponentInline, bundle_tables
from catalog.admin.imports import SheetButtons
from catalog.admin.product_form import ProductForm
from catalog.models import Category, ImportJob, Product, ProductImage, Variant
from shop.admin import ShopAdmin, Table, key_of, register, time_column
from shop.claims import showing
from shop.clock import reading
from shop.images.admin import PictureFormSet, PictureInline

DOSES = "Doses on the label"


class KeptAdmin(ShopAdmin):
    """Records that orders and stock point to."""

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


@register(Category)
class CategoryAdmin(ShopAdmin):
    list_display = ("name", "slug", "position")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}


class VariantInline(TabularInline):
    model = Variant
    extra = 0
    can_delete = False
    show_change_link = True
    fields = ("sku", "name", "net_content", "net_unit", "is_subscribable", "position")


class ProductPictures(PictureFormSet):
    task = tasks.prepare_pictures


class ProductImageInline(PictureInline):
    model = ProductImage
    formset = ProductPictures


@register(Product)
class ProductAdmin(SheetButtons, KeptAdmin):
    sheet_kind = ImportJob.Kind.PRODUCTS
    form = ProductForm
    list_display = ("name", "code", "kind", "category", "is_published", "position")
    list_filter = ("kind", "category", "is_published")
    list_select_related = ("category",)
    search_fields = ("name", "code", "slug", "variants__sku")
    autocomplete_fields = ("pairs_with",)
    prepopulated_fields = {"slug": ("name",)}
    readonly_fields = ("doses", "magnesium", "findings", "created_at", "updated_at")
    inlines = (ProductImageInline, VariantInline)
    fieldsets = (
        (None, {"fields": ("name", "slug", "code", "category", "kind", "is_published", "position")}),
        ("Words", {"fields": ("summary", "description", "storage", "findings")}),
        (
            "What is in it",
            {
                "fields": (
                    "inci", "mgcl2_percent", "density_g_per_ml", "ml_per_spray", "magnesium", "form", "scent",
                    "fragrance_allergens", "material", "origin_country", "origin_note", "grade", "is_vegan",
                )
            },
        ),
        (
            "Use",
            {
                "fields": ("directions_foot", "directions_bath", "directions_skin", "caution_codes"),
            },
        ),
        (DOSES, {"fields": dose_form.ROWS}),
        ("Life", {"fields": ("durability_months", "pao_months")}),
        ("Trade", {"fields": ("regulatory_class", "hs_code", "tax_code", "return_rule", "pairs_with")}),
    )  # fmt: skip

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whoever may only look has no form: the doses as words then."""
        found = super().get_fieldsets(request, obj)
        if self.has_change_permission(request, obj):
            return found
        return [(name, {"fields": ("doses",)} if name == DOSES else shown) for name, shown in found]

    @admin.display(description="doses")
    def doses(self, product: Product) -> SafeString:
        words = dose_form.in_words(product.label_dose, product.usage_defaults)
        return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in words.splitlines()))

    @admin.display(description="What the copy checker found in the saved words")
    def findings(self, product: Product) -> str:
        if not product.pk:
            return "Save it first: the rules read what is saved."
        found = wording.findings(wording.texts_of(product))
        return showing.listed((showing.row(name, item) for name, item in found), of="this product")

    @admin.display(description="Magnesium (computed)")
    def magnesium(self, product: Product) -> str:
        content = usage.magnesium_of(product)
        if content is None:
            return "–"
        parts = [f"{content.percent} % by weight"]
        if content.mg_per_ml is not None:
            parts.append(f"{content.mg_per_ml} mg per ml")
        if content.mg_per_spray is not None:
            parts.append(f"{content.mg_per_spray} mg per spray")
        return ", ".join(parts)


@register(Variant)
class VariantAdmin(SheetButtons, KeptAdmin):
    sheet_kind = ImportJob.Kind.VARIANTS
    fieldsets = (
        (None, {"fields": ("product", "sku", "name", "gtin", "position", "archived_at")}),
        (
            "Pack",
            {"fields": ("net_content", "net_unit", "gross_weight_g", "length_mm", "width_mm", "height_mm")},
        ),
        (
            "Stock",
            {
                "fields": (
                    "is_lot_tracked", "min_remaining_life_days", "reorder_point", "reorder_quantity",
                    "lead_time_days",
                )
            },
        ),
        ("Refill", {"fields": ("is_subscribable", "refill_discount_percent")}),
    )  # fmt: skip
    list_display = ("sku", "product", "name", "content", "available", "is_subscribable", "archived")
    list_filter = ("is_subscribable", "is_lot_tracked", "product__kind")
    list_select_related = ("product", "stock")
    search_fields = ("sku", "gtin", "product__name")
    autocomplete_fields = ("product",)

    actions_detail = ("prices",)

    archived = time_column("archived_at", "archived")

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Only a bundle is made of other goods."""
        return (BundleComponentInline,) if obj is not None and obj.product.is_bundle else ()

    def get_tables(self, request: HttpRequest, obj: Variant) -> Sequence[Table]:
        return bundle_tables(obj, at=reading.now()) if obj.product.is_bundle else ()

    @action(description="Prices", icon="sell", permissions=["see_prices"])
    def prices(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:catalog_price_variant", key_of(object_id))

    def has_see_prices_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("catalog.view_price")

    @admin.display(description="Net content", ordering="net_content")
    def content(self, variant: Variant) -> str:
        return f"{variant.net_content} {variant.net_unit}"

    @admin.display(description="Available")
    def available(self, variant: Variant) -> str:
        level = getattr(variant, "stock", None)
        return str(level.available) if level else "–"
