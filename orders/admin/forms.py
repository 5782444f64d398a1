"""What staff type before money goes back."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from orders import refunds
from orders.models import Order, OrderLine
from shop.admin import ReasonForm
from shop.money import exponent, format_money, to_minor


class RefundRestForm(ReasonForm):
    """A refund of everything that is left, as it stood when the page was opened."""

    expected_left = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        self.order = order
        self.left = refunds.refundable(order.payment)
        super().__init__(*args, **kwargs)
        self.initial["expected_left"] = self.left


class RefundPartForm(RefundRestForm):
    """A refund of an amount, or of units of lines and the shipping. Not of both."""

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, order=order, **kwargs)
        self.fields["amount"] = forms.DecimalField(
            label=f"Amount in {order.currency}",
            help_text=f"Up to {format_money(self.left, order.currency)}. Leave empty to refund by line.",
            min_value=0,
            decimal_places=exponent(order.currency),
            required=False,
            widget=UnfoldAdminDecimalFieldWidget(),
        )
        self.lines = list(order.lines.all())
        back = refunds.units_refunded(order)
        for line in self.lines:
            self.fields[f"line_{line.pk}"] = _units_field(line, back.get(line.pk, 0), order.currency)
        self.fields["with_shipping"] = forms.BooleanField(
            label=f"Shipping too ({format_money(order.shipping_total, order.currency)})",
            required=False,
            widget=UnfoldBooleanWidget(),
        )
        self.order_fields(["amount", *(f"line_{line.pk}" for line in self.lines), "with_shipping", "reason"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        units = {line.pk: cleaned.get(f"line_{line.pk}") or 0 for line in self.lines}
        by_line = {pk: quantity for pk, quantity in units.items() if quantity}
        shipping = bool(cleaned.get("with_shipping"))
        amount = cleaned.get("amount")
        if amount and (by_line or shipping):
            raise forms.ValidationError("Give an amount, or lines and shipping: not both.")
        if not amount and not by_line and not shipping and not self.errors:
            raise forms.ValidationError("Say what to refund: an amount, units of a line, or the shipping.")
        cleaned["what"] = self._what(amount, by_line, shipping)
        return cleaned

    def _what(self, amount: Any, by_line: dict[int, int], shipping: bool) -> dict[str, Any]:
        """Return the arguments of `refunds.request_refund` that say what goes back."""
        if amount:
            return {"amount": to_minor(amount, self.order.currency)}
        if by_line:
            return {"lines": by_line, "with_shipping": shipping}
        return {"amount": self.order.shipping_total}


class FindingForm(forms.Form):
    """What a review found."""

    finding = forms.CharField(label="What did you find?", max_length=200, widget=UnfoldAdminTextInputWidget())


def _units_field(line: OrderLine, back: int, currency: str) -> forms.IntegerField:
    already = f", {back} of them refunded already" if back else ""
    return forms.IntegerField(
        label=f"{line.product_name}, {line.variant_name}: units",
        help_text=f"{line.quantity} bought for {format_money(line.gross, currency)}{already}.",
        min_value=0,
        max_value=line.quantity - back,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
