"""Categories, products and variants. Nothing that was sold is deleted: it is unpublished or archived."""

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from unfold.admin import TabularInline

from catalog import tasks, usage
from catalog.models import BundleComponent, Category, Product, ProductImage, Variant
from shop.admin import ShopAdmin, register, time_column
from shop.images.admin import PictureFormSet, PictureInline


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
class ProductAdmin(KeptAdmin):
    list_display = ("name", "code", "kind", "category", "is_published", "position")
    list_filter = ("kind", "category", "is_published")
    list_select_related = ("category",)
    search_fields = ("name", "code", "slug", "variants__sku")
    autocomplete_fields = ("pairs_with",)
    prepopulated_fields = {"slug": ("name",)}
    readonly_fields = ("magnesium", "created_at", "updated_at")
    inlines = (ProductImageInline, VariantInline)
    fieldsets = (
        (None, {"fields": ("name", "slug", "code", "category", "kind", "is_published", "position")}),
        ("Words", {"fields": ("summary", "description", "storage", "directions")}),
        (
            "What is in it",
            {
                "fields": (
                    "inci", "mgcl2_percent", "density_g_per_ml", "ml_per_spray", "magnesium", "form", "scent",
                    "fragrance_allergens", "material", "origin_country", "origin_note", "grade", "is_vegan",
                )
            },
        ),
        ("Use", {"fields": ("label_dose", "usage_defaults", "caution_codes")}),
        ("Life", {"fields": ("durability_months", "pao_months")}),
        ("Trade", {"fields": ("regulatory_class", "hs_code", "tax_code", "return_rule", "pairs_with")}),
    )  # fmt: skip

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


class BundleComponentInline(TabularInline):
    model = BundleComponent
    fk_name = "bundle"
    extra = 0
    autocomplete_fields = ("variant",)


@register(Variant)
class VariantAdmin(KeptAdmin):
    list_display = ("sku", "product", "name", "content", "available", "is_subscribable", "archived")
    list_filter = ("is_subscribable", "is_lot_tracked", "product__kind")
    list_select_related = ("product", "stock")
    search_fields = ("sku", "gtin", "product__name")
    autocomplete_fields = ("product",)
    inlines = (BundleComponentInline,)

    archived = time_column("archived_at", "archived")

    @admin.display(description="Net content", ordering="net_content")
    def content(self, variant: Variant) -> str:
        return f"{variant.net_content} {variant.net_unit}"

    @admin.display(description="Available")
    def available(self, variant: Variant) -> str:
        level = getattr(variant, "stock", None)
        return str(level.available) if level else "–"
