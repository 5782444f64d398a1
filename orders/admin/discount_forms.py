"""What staff type when they make a discount or its codes."""

from typing import Any

from django import forms
from django.conf import settings
from django.forms.models import BaseInlineFormSet
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from orders.discounts import normalise_code
from orders.discounts.codes import MAX_AT_ONCE
from orders.models import Discount, DiscountAmount, DiscountCode, OrderDiscount
from shop.admin import counted
from shop.money import to_major, to_minor


class DiscountForm(forms.ModelForm):
    """A discount whose parts fit together."""

    class Meta:
        model = Discount
        fields = (
            "label", "kind", "percent", "scope", "categories", "products", "includes_refills", "repeats",
            "is_automatic", "first_order_only", "max_uses", "max_uses_per_customer", "is_combinable",
            "starts_at", "ends_at", "is_active",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        is_percent = cleaned.get("kind") == Discount.Kind.PERCENT
        if is_percent != (cleaned.get("percent") is not None):
            words = "How many per cent?" if is_percent else "Only for a percentage; leave it empty."
            self.add_error("percent", words)
        scope = cleaned.get("scope")
        for name in (Discount.Scope.CATEGORIES, Discount.Scope.PRODUCTS):
            if scope == name and not cleaned.get(name):
                self.add_error(str(name), "Choose what it is taken off.")
        used = OrderDiscount.objects.counted().filter(discount=self.instance.pk).count()
        cap = cleaned.get("max_uses")
        if cap is not None and cap < used:
            self.add_error("max_uses", f"It has been used {counted(used, 'time')} already.")
        return cleaned


class AmountForm(forms.ModelForm):
    """Amounts as people write them, 12.50, in the row's own currency."""

    currency = forms.ChoiceField(
        choices=[(code, code) for code in settings.SUPPORTED_CURRENCIES], widget=UnfoldAdminSelectWidget
    )
    off = forms.DecimalField(
        label="Amount off", min_value=0, max_digits=12, required=False, widget=UnfoldAdminDecimalFieldWidget
    )
    minimum = forms.DecimalField(
        label="Minimum spend",
        min_value=0,
        max_digits=12,
        required=False,
        widget=UnfoldAdminDecimalFieldWidget,
    )

    MINOR = {"off": "amount_off", "minimum": "minimum_spend"}

    class Meta:
        model = DiscountAmount
        fields = ("currency",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, minor in self.MINOR.items():
            amount = getattr(self.instance, minor)
            if self.instance.pk and amount is not None:
                self.initial[name] = to_major(amount, self.instance.currency)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name, minor in self.MINOR.items():
            given = cleaned.get(name)
            try:
                amount = None if given is None else to_minor(given, cleaned.get("currency", ""))
            except ValueError:
                self.add_error(name, "That is more decimals than the currency has.")
            else:
                setattr(self.instance, minor, amount)
        return cleaned


class AmountFormSet(BaseInlineFormSet):
    """An amount off needs at least one amount; nothing else has one."""

    def clean(self) -> None:
        super().clean()
        rows = [
            form.cleaned_data for form in self.forms if form.is_valid() and form not in self.deleted_forms
        ]
        has_amount = any(row.get("off") for row in rows)
        if has_amount != (self.instance.kind == Discount.Kind.FIXED) and not any(self.errors):
            words = "An amount off the goods needs an amount here, and nothing else has one."
            raise forms.ValidationError(words)


class CodeForm(forms.ModelForm):
    """A code in staff's own words."""

    class Meta:
        model = DiscountCode
        fields = ("discount", "code", "max_uses", "is_active")

    def clean_code(self) -> str:
        code = normalise_code(self.cleaned_data["code"])
        if not (code.isascii() and code.isalnum()):
            raise forms.ValidationError("Letters and digits; spaces and hyphens are left out.")
        return code


class GenerateForm(forms.Form):
    """How many codes that nobody guesses."""

    count = forms.IntegerField(
        label="How many", min_value=1, max_value=MAX_AT_ONCE, widget=UnfoldAdminIntegerFieldWidget
    )
    begins_with = forms.CharField(
        label="They begin with",
        max_length=28,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Letters and digits, such as SPRING; twelve random ones follow.",
    )
    max_uses = forms.IntegerField(
        label="Each may be used", min_value=1, initial=1, widget=UnfoldAdminIntegerFieldWidget
    )
