"""Prices: entered in major units, from a date; a price that was entered may only be ended."""

from typing import Any

from django import forms
from django.conf import settings
from django.db import models
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget

from catalog import pricing
from catalog.models import Price
from shop.admin import ShopAdmin, money_column, register, time_column
from shop.clock import reading
from shop.exceptions import ShopError
from shop.money import to_minor


class NewPriceForm(forms.ModelForm):
    """Asks for the amount as people write it; the verb keeps the rules."""

    currency = forms.ChoiceField(
        choices=[(code, code) for code in settings.SUPPORTED_CURRENCIES], widget=UnfoldAdminSelectWidget
    )
    price = forms.DecimalField(
        min_value=0,
        max_digits=12,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="In major units, e.g. 12.50.",
    )

    class Meta:
        model = Price
        fields = ("variant", "currency", "kind", "starts_at", "ends_at")

    def _get_validation_exclusions(self) -> set[str]:
        """Leave overlaps to the verb: it ends the price before."""
        return {field.name for field in Price._meta.get_fields()}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            data["amount"] = to_minor(data["price"], data["currency"])
            pricing.check_change(
                at=reading.now(),
                **{k: data[k] for k in ("variant", "currency", "kind", "starts_at", "ends_at")},
            )
        except ValueError:
            self.add_error("price", "That is more decimals than the currency has.")
        except ShopError as refusal:
            self.add_error(
                next((name for name in refusal.fields if name in self.fields), None), refusal.detail
            )
        if data.get("amount") == 0:
            self.add_error("price", "A price is more than nothing.")
        return data


class EndPriceForm(forms.ModelForm):
    class Meta:
        model = Price
        fields = ("ends_at",)

    def clean_ends_at(self) -> Any:
        ends_at = self.cleaned_data["ends_at"]
        if ends_at is None or ends_at < reading.now():
            raise forms.ValidationError("A price ends now or later.")
        return ends_at


@register(Price)
class PriceAdmin(ShopAdmin):
    list_display = ("variant", "kind", "currency", "price", "starts", "ends")
    list_filter = ("currency", "kind")
    list_select_related = ("variant",)
    search_fields = ("variant__sku", "variant__product__name")
    autocomplete_fields = ("variant",)
    price = money_column("amount", "Price")
    starts = time_column("starts_at", "starts")
    ends = time_column("ends_at", "ends")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = EndPriceForm if change else NewPriceForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        names = ("variant", "kind", "currency", "price", "starts_at", "ends_at")
        return names

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("variant", "kind", "currency", "price", "starts_at") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            pricing.end_price(obj, ends_at=form.cleaned_data["ends_at"], at=reading.now())
            return
        names = ("variant", "currency", "kind", "amount", "starts_at", "ends_at")
        made = pricing.change_price(at=reading.now(), **{name: form.cleaned_data[name] for name in names})
        obj.pk, obj.amount = made.pk, made.amount
