"""What staff type about parcels, and about orders that are not packed yet."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from orders import addresses, refunds, units
from orders.models import Order, Shipment
from shop.admin import ReasonForm

_ADDRESS_LABELS = {
    "line1": "Street and number",
    "line2": "Flat, floor, building",
    "region": "State or region",
    "postal_code": "Postcode",
    "country": "Country, two letters",
}


def _carriers() -> list[tuple[str, str]]:
    return [("", "none, nothing to follow"), *((name, name) for name in settings.CARRIERS)]


class CarrierForm(forms.Form):
    """Who takes the parcels of today."""

    carrier = forms.ChoiceField(choices=_carriers, required=False, widget=UnfoldAdminSelectWidget())


class LabelForm(CarrierForm):
    """What the carrier gave for one parcel."""

    tracking_number = forms.CharField(max_length=60, required=False, widget=UnfoldAdminTextInputWidget())
    service = forms.CharField(max_length=40, required=False, widget=UnfoldAdminTextInputWidget())
    tracking_url = forms.CharField(
        label="Address to follow it",
        help_text="Leave empty: known for our carriers.",
        max_length=300,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
    )

    def __init__(self, *args: Any, shipment: Shipment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {name: getattr(shipment, name) for name in ("carrier", "tracking_number", "service")}


class TrackingFileForm(forms.Form):
    """A carrier's file."""

    file = forms.FileField(widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,text/csv"}))


class AddressForm(forms.Form):
    """Where an order or a subscription goes to."""

    def __init__(self, *args: Any, address: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {**self.initial, **address}
        limits = {"postal_code": 20, "country": 2, "region": 8, "phone": 32, "line1": 200, "line2": 200}
        for name in addresses.FIELDS:
            self.fields[name] = forms.CharField(
                label=_ADDRESS_LABELS.get(name, name.capitalize()),
                max_length=limits.get(name, 120),
                required=name in addresses.REQUIRED,
                widget=UnfoldAdminTextInputWidget(),
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name, text in list(cleaned.items()):
            if any(ord(character) < 32 for character in text):
                self.add_error(name, "One line, without control characters.")
        return cleaned


class RemovePiecesForm(ReasonForm):
    """Pieces of lines that will not be sent, and are paid back."""

    expected_left = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["expected_left"] = refunds.refundable(order.payment)
        left = units.to_pack(order)
        self.lines = [line for line in order.lines.all() if left.get(line.pk)]
        for line in self.lines:
            self.fields[f"line_{line.pk}"] = forms.IntegerField(
                label=f"{line.product_name}, {line.variant_name}: pieces",
                help_text=f"{line.quantity} bought, {left[line.pk]} in no parcel yet.",
                min_value=0,
                max_value=left[line.pk],
                required=False,
                widget=UnfoldAdminIntegerFieldWidget(),
            )
        self.order_fields([*(f"line_{line.pk}" for line in self.lines), "reason"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        chosen = {line.pk: cleaned.get(f"line_{line.pk}") or 0 for line in self.lines}
        cleaned["pieces"] = {pk: n for pk, n in chosen.items() if n}
        if not cleaned["pieces"] and not self.errors:
            raise forms.ValidationError("Say which pieces are taken off.")
        return cleaned
