"""What customers type about their refills. Each form carries the tag of the state that its page showed."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django import forms

from catalog.models import Variant
from orders.carts import MAX_QUANTITY
from orders.models import SavedCard, Subscription
from orders.models.cart import interval_in_words
from orders.subscriptions import schedule
from orders.subscriptions.changes import MAX_DAYS_AHEAD
from shop.storefront.account.forms import AddressForm
from shop.storefront.forms import ONE_LINE, offer

INTERVALS = [
    *[("week", count) for count in (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 26)],
    *[("month", count) for count in (1, 2, 3, 6, 12)],
]
REASONS = [
    ("I still have plenty.", "I still have plenty"),
    ("It is too expensive.", "It is too expensive"),
    ("I do not use it any more.", "I do not use it any more"),
    ("I did not like it.", "I did not like it"),
    ("I buy it elsewhere.", "I buy it elsewhere"),
    ("I moved.", "I moved"),
    ("", "I would rather not say"),
]


class SeenForm(forms.Form):
    """A form with nothing but a button. Without a tag the latest state is changed."""

    seen = forms.RegexField(r"^[0-9a-f]{32}\Z", required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, seen: str = "", initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial={"seen": seen, **(initial or {})})


class PauseForm(SeenForm):
    until = forms.DateField(
        label="Until",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Without a day it rests until you take it up again.",
    )

    def __init__(self, *args: Any, row: Subscription, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        within(self, "until", row, at=at)


class DateForm(SeenForm):
    next_on = forms.DateField(
        label="Day of the next parcel",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="We charge and pack on that day; those after it keep the same distance.",
    )

    def __init__(self, *args: Any, row: Subscription, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        within(self, "next_on", row, at=at)


class IntervalForm(SeenForm):
    interval = forms.ChoiceField(label="It comes")

    def __init__(self, *args: Any, row: Subscription, **kwargs: Any) -> None:
        now = (row.interval_unit, row.interval_count)
        super().__init__(*args, initial={"interval": f"{now[0]}:{now[1]}"}, **kwargs)
        every = sorted({*INTERVALS, now}, key=lambda one: schedule.interval_days(*one))
        offer(
            self, "interval", [(f"{unit}:{count}", interval_in_words(count, unit)) for unit, count in every]
        )

    def chosen(self) -> tuple[str, int]:
        unit, _, count = self.cleaned_data["interval"].partition(":")
        return unit, int(count)


class QuantityForm(SeenForm):
    quantity = forms.IntegerField(
        label="Pieces in each parcel",
        min_value=1,
        max_value=MAX_QUANTITY,
        help_text=f"From 1 to {MAX_QUANTITY}.",
    )

    def __init__(self, *args: Any, row: Subscription, **kwargs: Any) -> None:
        super().__init__(*args, initial={"quantity": row.quantity}, **kwargs)


class PlaceForm(AddressForm):
    """The checkout's address, for one subscription or for all that go to the same place."""

    seen = forms.RegexField(r"^[0-9a-f]{32}\Z", required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Any = None, *, seen: str, row: Subscription, countries: list[tuple[str, str]]
    ) -> None:
        super().__init__(data, countries=countries, initial={**row.shipping_address, "seen": seen})
        del self.fields["is_default"]


class CardForm(SeenForm):
    card = forms.ChoiceField(label="Charge", widget=forms.RadioSelect)
    everything = forms.BooleanField(label="Charge it for my other refills too", required=False)

    def __init__(
        self, *args: Any, cards: Sequence[SavedCard], has_others: bool, chosen: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, initial={"card": chosen, "everything": True}, **kwargs)
        offer(self, "card", [(card.stripe_payment_method_id, _in_words(card)) for card in cards])
        if not has_others:
            del self.fields["everything"]


class SwapForm(SeenForm):
    sku = forms.CharField(
        max_length=40, validators=ONE_LINE, error_messages={"required": "Choose one of these first."}
    )


class ExtraForm(SeenForm):
    sku = forms.ChoiceField(label="What")
    quantity = forms.IntegerField(label="How many", min_value=1, max_value=MAX_QUANTITY)

    def __init__(self, *args: Any, choices: Sequence[tuple[Variant, str]], **kwargs: Any) -> None:
        super().__init__(*args, initial={"quantity": 1}, **kwargs)
        words = [
            (variant.sku, f"{variant.product.name}, {variant.name} – {price}") for variant, price in choices
        ]
        offer(self, "sku", words)


class SendNowForm(SeenForm):
    expected_total = forms.IntegerField(min_value=0, max_value=10**12, widget=forms.HiddenInput)


class CancelForm(SeenForm):
    reason = forms.ChoiceField(
        label="Why? It helps us", choices=REASONS, required=False, widget=forms.RadioSelect, initial=""
    )
    words = forms.CharField(
        label="Anything you would like to add", max_length=150, required=False, validators=ONE_LINE
    )
    sure = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def reason_given(self) -> str:
        """Return what was chosen and typed, as the subscription keeps it."""
        given = self.cleaned_data
        return " ".join(part for part in (given["reason"], given["words"]) if part)


def within(form: forms.Form, name: str, row: Subscription, *, at: datetime) -> None:
    """Let the browser's calendar offer the days that are possible."""
    today = schedule.local_day(at, row.timezone)
    days = {"min": today + timedelta(days=1), "max": today + timedelta(days=MAX_DAYS_AHEAD)}
    form.fields[name].widget.attrs.update({end: _iso(day) for end, day in days.items()})


def _iso(day: date) -> str:
    return day.isoformat()


def _in_words(card: SavedCard) -> str:
    return f"{card.brand.capitalize()} ending in {card.last4}, until {card.exp_month:02d}/{card.exp_year}"
