"""Categories, products and variants. Nothing that was sold is deleted: it is unpublished or archived."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.text import Truncator
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from catalog import tasks, usage
from catalog.cautions import TEXTS
from catalog.models import BundleComponent, Category, Product, ProductImage, Variant
from catalog.models.facts import METHODS
from catalog.usage import Method
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


HINTS = {
    "label_dose": 'From and to: {"foot_g": [100, 250], "max_sessions_per_week": 7}',
    "usage_defaults": 'Where a guide starts: {"foot_g": 150, "minutes": [20, 30], "sessions_per_week": 3}',
    "fragrance_allergens": "By their INCI names, separated by commas.",
}


def _steps(method: str) -> forms.Field:
    return forms.CharField(
        label=f"Directions: {Method(method).label.lower()}",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
        help_text="One step a line.",
    )


class ProductForm(forms.ModelForm):
    """Directions as lines of text and cautions as boxes to tick; the record keeps lists and codes."""

    directions_foot = _steps("foot")
    directions_bath = _steps("bath")
    directions_skin = _steps("skin")
    caution_codes = forms.MultipleChoiceField(
        required=False,
        choices=[(code, f"{code}: {Truncator(text).chars(90)}") for code, text in TEXTS.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, hint in HINTS.items():
            if name in self.fields:
                self.fields[name].help_text = hint
        for method in METHODS:
            steps = (self.instance.directions or {}).get(method, ())
            self.initial.setdefault(f"directions_{method}", "\n".join(steps))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        typed = {
            method: [
                line.strip() for line in data.get(f"directions_{method}", "").splitlines() if line.strip()
            ]
            for method in METHODS
        }
        self.instance.directions = {method: steps for method, steps in typed.items() if steps}
        return data


class ProductPictures(PictureFormSet):
    task = tasks.prepare_pictures


class ProductImageInline(PictureInline):
    model = ProductImage
    formset = ProductPictures


@register(Product)
class ProductAdmin(KeptAdmin):
    form = ProductForm
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
        ("Words", {"fields": ("summary", "description", "storage")}),
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
                "fields": (
                    "directions_foot", "directions_bath", "directions_skin", "label_dose", "usage_defaults",
                    "caution_codes",
                )
            },
        ),
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
    inlines = (BundleComponentInline,)

    archived = time_column("archived_at", "archived")

    @admin.display(description="Net content", ordering="net_content")
    def content(self, variant: Variant) -> str:
        return f"{variant.net_content} {variant.net_unit}"

    @admin.display(description="Available")
    def available(self, variant: Variant) -> str:
        level = getattr(variant, "stock", None)
        return str(level.available) if level else "–"
