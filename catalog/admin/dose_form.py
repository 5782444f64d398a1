"""Doses as staff type them: a row for each use, from, to and where a guide starts; the record keeps JSON."""

from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget

from catalog.models.facts import DOSES, MOST_TIMES_A_WEEK, TIMES_A_WEEK

LABELS = {
    "bath_g": "Bath, g",
    "foot_g": "Foot soak, g",
    "sprays_per_day": "Sprays a day",
    "ml_per_day": "On skin, ml a day",
    "minutes": "Minutes",
}
TIMES = {
    "max_sessions_per_week": "Soaks a week, at most",
    "sessions_per_week": "Soaks a week, to start with",
    "days_per_week": "Days a week, to start with",
}
# As the fieldset lays them out: what belongs together in one row.
ROWS = (
    *((f"{dose}_from", f"{dose}_to", f"{dose}_start") for dose in DOSES),
    ("minutes_from", "minutes_to"),
    ("max_sessions_per_week", "sessions_per_week", "days_per_week"),
)


def _amount(name: str, what: str, *, is_first: bool = False) -> forms.DecimalField:
    return forms.DecimalField(
        label=f"{LABELS[name]}: {what}" if is_first else what,
        required=False,
        max_digits=6,
        decimal_places=2,
        min_value=Decimal("0.01"),
        max_value=Decimal("9999.99"),
        # Beside its label: who hears the page does not see in which row "to" stands.
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "aria-label": f"{LABELS[name]}: {what}"}),
    )


def _row(name: str) -> tuple[forms.Field, forms.Field, forms.Field]:
    return _amount(name, "from", is_first=True), _amount(name, "to"), _amount(name, "a guide starts at")


def _times(name: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=TIMES[name],
        required=False,
        min_value=1,
        max_value=MOST_TIMES_A_WEEK,
        widget=UnfoldAdminIntegerFieldWidget(),
    )


class DoseFields(forms.ModelForm):
    """The fields of `label_dose` and `usage_defaults`, with what each may be."""

    bath_g_from, bath_g_to, bath_g_start = _row("bath_g")
    foot_g_from, foot_g_to, foot_g_start = _row("foot_g")
    sprays_per_day_from, sprays_per_day_to, sprays_per_day_start = _row("sprays_per_day")
    ml_per_day_from, ml_per_day_to, ml_per_day_start = _row("ml_per_day")
    minutes_from, minutes_to = _row("minutes")[:2]
    max_sessions_per_week, sessions_per_week, days_per_week = (_times(name) for name in TIMES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, value in _shown(self.instance.label_dose or {}, self.instance.usage_defaults or {}).items():
            self.initial.setdefault(name, value)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        label: dict[str, Any] = {}
        starts: dict[str, Any] = {}
        for dose in (*DOSES, "minutes"):
            self._read_row(dose, data, starts if dose == "minutes" else label, starts)
        for name in TIMES_A_WEEK:
            if data.get(name) is not None:
                (label if name == "max_sessions_per_week" else starts)[name] = data[name]
        most = data.get("max_sessions_per_week")
        if most is not None and (data.get("sessions_per_week") or 0) > most:
            self.add_error("sessions_per_week", f"At most {most}, as the label says.")
        self.instance.label_dose, self.instance.usage_defaults = label, starts
        return data

    def _read_row(
        self, dose: str, data: dict[str, Any], into: dict[str, Any], starts: dict[str, Any]
    ) -> None:
        """Keep a row, or say beside its field what is wrong with it. An empty one is none."""
        names = (f"{dose}_from", f"{dose}_to", f"{dose}_start")
        if any(name in self.errors for name in names):
            return
        low, high, start = (data.get(name) for name in names)
        if low is None and high is None and start is None:
            return
        if low is None or high is None:
            self.add_error(names[0 if low is None else 1], "Both ends: the same twice for one amount.")
        elif low > high:
            self.add_error(names[1], "Not less than where it begins.")
        elif start is not None and not low <= start <= high:
            self.add_error(names[2], f"Between {low} and {high}.")
        else:
            into[dose] = [_number(low), _number(high)]
            if start is not None:
                starts[dose] = _number(start)


def in_words(label: dict[str, Any], starts: dict[str, Any]) -> str:
    """Return the doses of a product in one line a use, for who may look and not change."""
    shown = _shown(label, starts)
    ranges = [
        f"{LABELS[name]}: {shown[f'{name}_from']} to {shown[f'{name}_to']}"
        + (f", a guide starts at {shown[f'{name}_start']}" if f"{name}_start" in shown else "")
        for name in LABELS
        if f"{name}_from" in shown
    ]
    times = [f"{words}: {shown[name]}" for name, words in TIMES.items() if name in shown]
    return "\n".join([*ranges, *times]) or "–"


def _shown(label: dict[str, Any], starts: dict[str, Any]) -> dict[str, Any]:
    """Return the initial values of the rows."""
    ranges = {**{dose: label.get(dose) for dose in DOSES}, "minutes": starts.get("minutes")}
    found = {
        f"{name}_{end}": value
        for name, pair in ranges.items()
        if pair
        for end, value in zip(("from", "to"), pair, strict=True)
    }
    found |= {f"{dose}_start": starts[dose] for dose in DOSES if dose in starts}
    both = {**starts, **label}
    return found | {name: both[name] for name in TIMES_A_WEEK if name in both}


def _number(value: Decimal) -> int | float:
    """Return a number as JSON keeps it: a whole one without a point."""
    return int(value) if value == value.to_integral_value() else float(value)
