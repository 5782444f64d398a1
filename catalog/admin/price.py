"""Prices: entered in major units, from a date; a price that was entered may only be ended or withdrawn."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
)

from catalog import pricing
from catalog.admin.imports import SheetButtons
from catalog.admin.price_timeline import change_in_words, currencies_of, state_of
from catalog.models import ImportJob, Price, Variant
from shop.admin import Question, ShopAdmin, act, key_of, money_column, register, site, time_column, when
from shop.clock import reading
from shop.exceptions import ShopError
from shop.money import format_money, to_minor

# A beginning that passed while staff filled in the form means now.
MEANS_NOW = timedelta(minutes=10)
EMPTY_MEANS_NOW = f"{settings.SHOP_TIME_ZONE}. Empty: now."
STATES = {"now": "success", "next": "info", "past": ""}


def currency_field() -> forms.ChoiceField:
    codes = [(code, code) for code in settings.SUPPORTED_CURRENCIES]
    return forms.ChoiceField(choices=codes, widget=UnfoldAdminSelectWidget)


def amount_field() -> forms.DecimalField:
    return forms.DecimalField(
        min_value=0,
        max_digits=12,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="In major units, e.g. 12.50.",
    )


class PriceRules:
    """What both forms that enter a price have in common: the verb keeps the rules, beside their fields."""

    def check_price(self, form: forms.BaseForm, data: dict[str, Any], variant: Variant) -> None:
        """Put the amount in minor units into the data, or the refusals beside their fields."""
        at = reading.now()
        begins = data["starts_at"] or at
        data["starts_at"] = max(begins, at) if begins >= at - MEANS_NOW else begins
        try:
            data["amount"] = to_minor(data["price"], data["currency"])
            facts = {name: data[name] for name in ("currency", "kind", "amount", "starts_at", "ends_at")}
            pricing.check_change(pricing.Change(variant_id=variant.pk, **facts), at=at)
        except ValueError:
            form.add_error("price", "That is more decimals than the currency has.")
        except ShopError as refusal:
            field = next((name for name in refusal.fields if name in form.fields), None)
            form.add_error(field, refusal.detail)
        if data.get("amount") == 0:
            form.add_error("price", "A price is more than nothing.")


class NewPriceForm(PriceRules, forms.ModelForm):
    """Asks for the amount as people write it; the verb keeps the rules."""

    currency = currency_field()
    price = amount_field()

    class Meta:
        model = Price
        fields = ("variant", "currency", "kind", "starts_at", "ends_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["starts_at"].required = False
        self.fields["starts_at"].help_text = EMPTY_MEANS_NOW

    def _get_validation_exclusions(self) -> set[str]:
        """Leave overlaps to the verb: it ends the price before."""
        return {field.name for field in Price._meta.get_fields()}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            self.check_price(self, data, data["variant"])
        return data


class ChangePriceForm(PriceRules, forms.Form):
    """The same for a variant that is known: on its own page. Left empty, it begins now."""

    kind = forms.ChoiceField(choices=Price.Kind.choices, widget=UnfoldAdminSelectWidget)
    currency = currency_field()
    price = amount_field()
    starts_at = forms.SplitDateTimeField(
        label="From",
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text=EMPTY_MEANS_NOW,
    )
    ends_at = forms.SplitDateTimeField(
        label="Until",
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text="Empty: until further notice.",
    )

    def __init__(self, *args: Any, variant: Variant, **kwargs: Any) -> None:
        self.variant = variant
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            self.check_price(self, data, self.variant)
        return data


class EndPriceForm(forms.ModelForm):
    class Meta:
        model = Price
        fields = ("ends_at",)

    def clean_ends_at(self) -> Any:
        ends_at = self.cleaned_data["ends_at"]
        if ends_at is None or ends_at < reading.now():
            raise forms.ValidationError("A price ends now or later.")
        if self.instance.ends_at is not None and self.instance.ends_at <= reading.now():
            raise forms.ValidationError("This price has ended already.")
        if _following(self.instance, ends_at).exists():
            raise forms.ValidationError("Another price of this kind begins before that.")
        return ends_at


def _following(price: Price, until: Any) -> "QuerySet[Price]":
    rows = Price.objects.filter(variant=price.variant_id, currency=price.currency, kind=price.kind)
    return rows.filter(starts_at__gt=price.starts_at, starts_at__lt=until)


class WhenFilter(admin.SimpleListFilter):
    title = "time"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("next", "upcoming changes"), ("now", "prices now"), ("past", "history")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Price]") -> "QuerySet[Price]":
        at = reading.now()
        if self.value() == "next":
            return queryset.filter(starts_at__gt=at).order_by("starts_at", "pk")
        if self.value() == "now":
            return queryset.filter(starts_at__lte=at).exclude(ends_at__lte=at)
        return queryset.filter(ends_at__lte=at) if self.value() == "past" else queryset


@register(Price)
class PriceAdmin(SheetButtons, ShopAdmin):
    sheet_kind = ImportJob.Kind.PRICES
    list_display = ("sku", "kind", "currency", "price", "change", "state", "starts", "ends", "by")
    list_filter = (WhenFilter, "currency", "kind")
    list_select_related = ("variant__product", "created_by")
    search_fields = ("variant__sku", "variant__product__name")
    autocomplete_fields = ("variant",)
    actions_detail = ("all_prices", "withdraw_price")
    price = money_column("amount", "Price")
    starts = time_column("starts_at", "from")
    ends = time_column("ends_at", "until")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Price]":
        """Load the amount of the price before each, for the column of changes."""
        same = {name: OuterRef(name) for name in ("variant", "currency", "kind")}
        before = Price.objects.filter(**same, starts_at__lt=OuterRef("starts_at")).order_by("-starts_at")
        return super().get_queryset(request).annotate(amount_before=Subquery(before.values("amount")[:1]))

    @display(description="SKU", ordering="variant__sku")
    def sku(self, price: Price) -> str:
        return price.variant.sku

    @display(description="change")
    def change(self, price: Any) -> str:
        said = change_in_words(price.amount_before, price.amount)
        return f"{format_money(price.amount_before, price.currency)} → {said}" if said else "first"

    @display(description="state", label=STATES)
    def state(self, price: Price) -> str:
        return state_of(price, reading.now())

    @display(description="by", ordering="created_by__email")
    def by(self, price: Price) -> str:
        return str(price.created_by or "the shop")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = EndPriceForm if change else NewPriceForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        names = ("variant", "kind", "currency", "price", "starts_at", "ends_at")
        return (*names, "by", "ended_by") if obj else names

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        names = ("variant", "kind", "currency", "price", "starts_at", "by", "ended_by")
        return names if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        facts: dict[str, Any] = {"at": reading.now(), "actor": request.user}
        if change:
            pricing.end_price(obj, ends_at=form.cleaned_data["ends_at"], **facts)
            return
        made = _change(form.cleaned_data, form.cleaned_data["variant"], **facts)
        obj.pk, obj.amount = made.pk, made.amount

    def get_urls(self) -> list[URLPattern]:
        page = path("of/<int:variant_id>/", site.admin_view(self.variant_page), name="catalog_price_variant")
        return [page, *super().get_urls()]

    def variant_page(self, request: HttpRequest, variant_id: int) -> HttpResponse:
        """Show a variant's prices, past and to come, and take a change."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        variant = get_object_or_404(Variant.objects.select_related("product"), pk=variant_id)
        may_change = self.has_add_permission(request)
        if request.method == "POST" and not may_change:
            raise PermissionDenied
        form = ChangePriceForm(request.POST or None, variant=variant)
        with timezone.override(settings.SHOP_TIME_ZONE):
            is_saved = request.method == "POST" and form.is_valid() and self._save(request, form)
        if is_saved:
            return redirect("admin:catalog_price_variant", variant.pk)
        context = {
            **site.each_context(request),
            "title": f"Prices of {variant.sku}",
            "subtitle": f"{variant.product.name}, {variant.name}",
            "opts": self.opts,
            "variant": variant,
            "form": form,
            "currencies": currencies_of(variant, at=reading.now()),
            "may_change": may_change,
        }
        return TemplateResponse(request, "catalog/admin/prices.html", context)

    def _save(self, request: HttpRequest, form: ChangePriceForm) -> bool:
        try:
            made = _change(form.cleaned_data, form.variant, at=reading.now(), actor=request.user)
        except ShopError as refusal:
            form.add_error(next((n for n in refusal.fields if n in form.fields), None), refusal.detail)
            return False
        said = f"{format_money(made.amount, made.currency)} ({made.kind}) from {when(made.starts_at)}."
        messages.success(request, said)
        return True

    @action(description="All prices of this variant", icon="timeline", permissions=["view"])
    def all_prices(self, request: HttpRequest, object_id: str) -> HttpResponse:
        price = get_object_or_404(Price, pk=key_of(object_id))
        return redirect("admin:catalog_price_variant", price.variant_id)

    def has_withdraw_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("catalog.change_price")

    @action(description="Withdraw", icon="undo", permissions=["withdraw"], variant=ActionVariant.DANGER)
    def withdraw_price(self, request: HttpRequest, object_id: str) -> HttpResponse:
        price = get_object_or_404(Price.objects.select_related("variant"), pk=key_of(object_id))
        question = Question(
            f"Withdraw {format_money(price.amount, price.currency)} for {price.variant.sku}",
            f"It would begin {when(price.starts_at)}. The list price before it holds on.",
            "Withdraw this price",
            is_dangerous=True,
        )

        def verb(_: dict[str, Any]) -> str:
            goes_on = pricing.withdraw_price(price, at=reading.now(), actor=request.user)
            said = f" {format_money(goes_on.amount, goes_on.currency)} holds on." if goes_on else ""
            return f"Withdrawn.{said}"

        page = reverse("admin:catalog_price_variant", args=[price.variant_id])
        return act(self, request, price, question, verb, page=page)


def _change(data: dict[str, Any], variant: Variant, **facts: Any) -> Price:
    """Enter a price that a form has checked a moment ago."""
    given = {name: data[name] for name in ("currency", "kind", "amount", "ends_at")}
    starts_at = max(data["starts_at"], facts["at"])
    return pricing.change_price(variant=variant, starts_at=starts_at, **given, **facts)
