"""What staff type when goods come back."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from orders import refunds
from orders.models import Order, OrderLine, Return, ReturnFinding, Withdrawal
from orders.returns import receiving
from orders.returns.receiving import Finding
from shop.accounts.models import User
from shop.admin import Question, ReasonForm
from shop.clock import reading
from shop.money import format_money

OUTCOMES = (
    (ReturnFinding.Outcome.SEALED, "sealed", "goes back into its lot"),
    (ReturnFinding.Outcome.OPENED, "opened", "is destroyed"),
    (ReturnFinding.Outcome.LOST, "not in the parcel", ""),
)


OPEN = Question(
    "Open a return",
    "The customer is told where to send it and what to write on the box. No money and no stock moves yet.",
    "Open",
)


class MatchForm(forms.Form):
    """Which order a statement means."""

    order = forms.CharField(label="Order number", max_length=40, widget=UnfoldAdminTextInputWidget())


class OutcomeForm(forms.Form):
    """What came of a statement."""

    outcome = forms.CharField(label="What came of it", max_length=200, widget=UnfoldAdminTextInputWidget())


class OpenReturnForm(ReasonForm):
    """Pieces of lines that are announced to come back."""

    def __init__(self, *args: Any, order: Order, everything: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        possible = receiving.returnable(order)
        self.lines = [line for line in order.lines.all() if possible.get(line.pk)]
        for line in self.lines:
            most = possible[line.pk]
            field = _pieces_field(line, most, f"Up to {most} of {line.quantity} have left.")
            field.initial = most if everything else None
            self.fields[f"line_{line.pk}"] = field
        self.order_fields([*(f"line_{line.pk}" for line in self.lines), "reason"])

    def pieces(self) -> dict[int, int]:
        """Return what was typed, by line id."""
        return {line.pk: self.cleaned_data.get(f"line_{line.pk}") or 0 for line in self.lines}


def opened(form: OpenReturnForm, order: Order, *, actor: User, withdrawal: Withdrawal | None = None) -> str:
    """Open a return as a form says, and say its number."""
    row = receiving.open_return(
        order, form.pieces(), reason=form.cleaned_data["reason"], actor=actor, at=reading.now(),
        withdrawal=withdrawal,
    )  # fmt: skip
    return f"Return {row.reference} is open; the customer has been told."


class InspectionForm(forms.Form):
    """Every announced unit, by component and lot: sealed, opened or not there."""

    def __init__(self, *args: Any, goods_return: Return, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.due = receiving.due(goods_return)
        for place, row in enumerate(self.due):
            lot = f", lot {row.lot.code}" if row.lot else ""
            name = f"{row.component.variant.product.name}, {row.component.variant.name}{lot}"
            for outcome, words, follows in OUTCOMES:
                help_text = (
                    f"{row.expected} announced, {row.sent} left from here."
                    if outcome == "sealed"
                    else follows
                )
                self.fields[f"{outcome}_{place}"] = forms.IntegerField(
                    label=f"{name}: {words}",
                    help_text=help_text,
                    min_value=0,
                    max_value=row.expected,
                    required=False,
                    widget=UnfoldAdminIntegerFieldWidget(),
                )

    def findings(self) -> list[Finding]:
        """Return what was found."""
        return [
            Finding(row.component, outcome, self.cleaned_data.get(f"{outcome}_{place}") or 0, row.lot)
            for place, row in enumerate(self.due)
            for outcome, _, _ in OUTCOMES
        ]


class PayBackForm(forms.Form):
    """Pieces that are paid back; what the rule of the goods gives is filled in."""

    expected_left = forms.IntegerField(widget=forms.HiddenInput)
    with_delivery = forms.BooleanField(required=False, widget=UnfoldBooleanWidget())
    why = forms.CharField(
        label="Why more than the rule gives",
        help_text="Needed when opened or lost goods are paid back; kept on the timeline.",
        max_length=120,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
    )

    def __init__(self, *args: Any, goods_return: Return, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        order = goods_return.order
        rule = receiving.by_rule(goods_return)
        self.lines = [row.order_line for row in goods_return.lines.select_related("order_line")]
        announced = {row.order_line_id: row.quantity for row in goods_return.lines.all()}
        for line in self.lines:
            given = f"The rule gives {rule.get(line.pk, 0)} of {announced[line.pk]}."
            field = _pieces_field(line, announced[line.pk], given)
            field.initial = rule.get(line.pk, 0)
            self.fields[f"line_{line.pk}"] = field
        most = format_money(receiving.standard_delivery(order), order.currency)
        self.fields["with_delivery"].label = f"Delivery too (up to {most})"
        self.fields["with_delivery"].help_text = "A withdrawal from the whole order gives it back."
        self.initial["with_delivery"] = goods_return.withdrawal_id is not None and _is_whole(order, rule)
        self.initial["expected_left"] = refunds.refundable(order.payment)
        names = [f"line_{line.pk}" for line in self.lines]
        self.order_fields([*names, "with_delivery", "why", "expected_left"])

    def pieces(self) -> dict[int, int]:
        """Return what was typed, by line id."""
        return {line.pk: self.cleaned_data.get(f"line_{line.pk}") or 0 for line in self.lines}


def _is_whole(order: Order, rule: dict[int, int]) -> bool:
    return all(rule.get(line.pk, 0) == line.quantity for line in order.lines.all())


def _pieces_field(line: OrderLine, most: int, help_text: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=f"{line.product_name}, {line.variant_name}: pieces",
        help_text=help_text,
        min_value=0,
        max_value=most,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
