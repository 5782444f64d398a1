"""What staff type about a subscription. Forms carry what their reader saw: a second click changes nothing."""

from typing import Any

from django import forms
from unfold.widgets import (
    BASE_INPUT_CLASSES,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from orders import carts
from orders.admin.parcel_forms import AddressForm
from orders.models import Subscription
from orders.models.cart import RefillUnit
from orders.subscriptions import bulk, swaps

MOST_DAYS = 180


def day_input() -> forms.DateInput:
    """Return a browser's own calendar."""
    classes = " ".join([*BASE_INPUT_CLASSES, "max-w-2xl"])
    return forms.DateInput(attrs={"type": "date", "class": classes}, format="%Y-%m-%d")


class UntilForm(forms.Form):
    """How long to rest."""

    until = forms.DateField(
        label="Until",
        help_text="It goes on by itself on that day. Empty: it rests until somebody takes it up again.",
        required=False,
        widget=day_input(),
    )


class DaysForm(forms.Form):
    """By how many days a date moves."""

    days = forms.IntegerField(
        label="Days",
        help_text="Later by so many; a minus makes it earlier. The rhythm goes on from the new day.",
        min_value=-MOST_DAYS,
        max_value=MOST_DAYS,
        widget=UnfoldAdminIntegerFieldWidget(),
    )

    def clean_days(self) -> int:
        days: int = self.cleaned_data["days"]
        if days == 0:
            raise forms.ValidationError("By a day at least.")
        return days


class WhyForm(forms.Form):
    """Why it ends."""

    reason = forms.CharField(
        label="Why",
        help_text="Counted in the reports.",
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
    )


class SeenForm(forms.Form):
    """A button of one subscription: `seen` is the tag of what its reader saw."""

    seen = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, row: Subscription, seen: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row = row
        self.initial["seen"] = seen


class PauseForm(UntilForm, SeenForm):
    pass


class ShiftForm(DaysForm, SeenForm):
    pass


class CancelForm(WhyForm, SeenForm):
    pass


class ElsewhereForm(AddressForm, SeenForm):
    """Where it goes from the next refill on."""

    def __init__(self, *args: Any, row: Subscription, **kwargs: Any) -> None:
        super().__init__(*args, row=row, address=row.shipping_address, **kwargs)


class QuantityForm(SeenForm):
    quantity = forms.IntegerField(
        label="How many",
        min_value=1,
        max_value=carts.MAX_QUANTITY,
        widget=UnfoldAdminIntegerFieldWidget(),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["quantity"] = self.row.quantity


class RhythmForm(SeenForm):
    interval = forms.IntegerField(
        label="Every", min_value=1, max_value=366, widget=UnfoldAdminIntegerFieldWidget()
    )
    unit = forms.ChoiceField(label="Unit", choices=RefillUnit.choices, widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["interval"] = self.row.interval_count
        self.initial["unit"] = self.row.interval_unit


class SwapForm(SeenForm):
    sku = forms.ChoiceField(label="Instead", widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["sku"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(variant.sku, bulk.name_of(variant)) for variant in swaps.choices(self.row)]


class SendNowForm(SeenForm):
    """How the owner asked: nobody is charged early who has not wanted it."""

    expected_total = forms.IntegerField(widget=forms.HiddenInput)
    asked = forms.CharField(
        label="How did they ask for it?",
        help_text="By phone, by mail …: kept in the history.",
        max_length=120,
        widget=UnfoldAdminTextInputWidget(),
    )

    def __init__(self, *args: Any, total: int | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["expected_total"] = total
