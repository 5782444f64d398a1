"""Where we ship, what that costs, which tax applies and who sells there."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from orders.models import SellerIdentity, ShippingMethod, ShippingRate, ShippingZone, TaxRate
from shop.admin import ShopAdmin, date_column, register
from shop.money import format_money, to_major, to_minor


class MajorUnitsForm(forms.ModelForm):
    """Takes one amount as people write it, 3.95, and stores it in minor units of the row's currency."""

    minor_field: str

    price = forms.DecimalField(
        min_value=0, max_digits=12, required=False, widget=UnfoldAdminDecimalFieldWidget()
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        amount = getattr(self.instance, self.minor_field)
        if self.instance.pk and amount is not None:
            self.initial["price"] = to_major(amount, self.currency())

    def currency(self) -> str:
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        price = cleaned.get("price")
        try:
            self.minor = None if price is None else to_minor(price, self.currency())
        except ValueError as error:
            self.add_error("price", str(error))
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if not self.errors:
            setattr(self.instance, self.minor_field, self.minor)


class RateForm(MajorUnitsForm):
    minor_field = "amount"

    class Meta:
        model = ShippingRate
        fields = ("max_weight_g",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["price"].required = True

    def currency(self) -> str:
        return self.instance.method.zone.currency


class MethodForm(MajorUnitsForm):
    minor_field = "free_over"

    class Meta:
        model = ShippingMethod
        fields = ("zone", "code", "name", "transit_days_min", "transit_days_max", "position")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["price"].label = "Free from"
        self.fields["price"].help_text = "In the zone's currency; empty for never."

    def currency(self) -> str:
        zone = self.instance.zone if self.instance.zone_id else self.cleaned_data["zone"]
        return zone.currency


class RateInline(TabularInline):
    model = ShippingRate
    form = RateForm
    fields = ("max_weight_g", "price")
    extra = 0
    hide_title = True
    verbose_name_plural = "Prices by weight, in the zone's currency"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ShippingRate]:
        return super().get_queryset(request).select_related("method__zone")


class MethodInline(TabularInline):
    model = ShippingMethod
    fields = ("code", "name", "transit_days_min", "transit_days_max", "position")
    extra = 0
    hide_title = True
    show_change_link = True


@register(ShippingZone)
class ShippingZoneAdmin(ShopAdmin):
    list_display = (
        "name", "code", "currency", "country_list", "prices_include_tax", "regulatory_region", "is_active",
    )  # fmt: skip
    list_filter = ("currency", "is_active")
    search_fields = ("name__istartswith", "code__istartswith")
    inlines = (MethodInline,)

    @admin.display(description="countries")
    def country_list(self, zone: ShippingZone) -> str:
        shown = ", ".join(zone.countries[:6])
        more = len(zone.countries) - 6
        return f"{shown} and {more} more" if more > 0 else shown


@register(ShippingMethod)
class ShippingMethodAdmin(ShopAdmin):
    form = MethodForm
    list_display = ("name", "zone", "code", "free_from", "transit")
    list_filter = ("zone",)
    list_select_related = ("zone",)
    fields = ("zone", "code", "name", "price", ("transit_days_min", "transit_days_max"), "position")

    def get_inlines(
        self, request: HttpRequest, obj: ShippingMethod | None
    ) -> tuple[type[TabularInline], ...]:
        """Prices need the currency of a zone, so that they come once the method is saved."""
        return (RateInline,) if obj is not None else ()

    def get_readonly_fields(self, request: HttpRequest, obj: ShippingMethod | None = None) -> tuple[str, ...]:
        return ("zone",) if obj is not None else ()

    @admin.display(description="free from", ordering="free_over")
    def free_from(self, method: ShippingMethod) -> str:
        if method.free_over is None:
            return "–"
        return format_money(method.free_over, method.zone.currency)

    @admin.display(description="days")
    def transit(self, method: ShippingMethod) -> str:
        return f"{method.transit_days_min}–{method.transit_days_max}"


@register(ShippingRate)
class ShippingRateAdmin(ShopAdmin):
    list_display = ("name", "zone", "up_to", "amount_column")
    list_filter = ("method__zone",)
    list_select_related = ("method__zone",)
    fields = ("method", "max_weight_g", "price")
    form = RateForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Prices are added on the page of their method."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: ShippingRate | None = None) -> tuple[str, ...]:
        return ("method",)

    @admin.display(description="method", ordering="method__name")
    def name(self, rate: ShippingRate) -> str:
        return rate.method.name

    @admin.display(description="zone", ordering="method__zone")
    def zone(self, rate: ShippingRate) -> str:
        return rate.method.zone.name

    @admin.display(description="up to", ordering="max_weight_g")
    def up_to(self, rate: ShippingRate) -> str:
        return f"{rate.max_weight_g / 1000:g} kg"

    @admin.display(description="price", ordering="amount")
    def amount_column(self, rate: ShippingRate) -> str:
        return format_money(rate.amount, rate.method.zone.currency)


@register(TaxRate)
class TaxRateAdmin(ShopAdmin):
    list_display = ("country", "region", "tax_code", "name", "percent", "starts", "ends")
    list_filter = ("country", "tax_code")

    starts = date_column("starts_on", "from")
    ends = date_column("ends_on", "last day")

    @admin.display(description="rate", ordering="rate")
    def percent(self, rate: TaxRate) -> str:
        return f"{rate.rate.normalize():f} %"


@register(SellerIdentity)
class SellerIdentityAdmin(ShopAdmin):
    list_display = ("region", "legal_name", "email", "vat_id", "responsible_person")
