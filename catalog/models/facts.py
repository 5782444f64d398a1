"""What a label may say: shapes of the facts that are kept as JSON, and codes that must have a meaning."""

import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from catalog.cautions import TEXTS

METHODS = ("bath", "foot", "skin")
DOSES = ("bath_g", "foot_g", "sprays_per_day", "ml_per_day")
TIMES_A_WEEK = ("sessions_per_week", "days_per_week", "max_sessions_per_week")
MOST_TIMES_A_WEEK = 21

validate_country = RegexValidator(r"\A[A-Z]{2}\Z", "Two capital letters, as in NL (ISO 3166).")
# Source: the Harmonized System has six digits; countries add up to four.
validate_hs_code = RegexValidator(
    re.compile(r"\A[0-9]{4}\.?[0-9]{2}(?:\.?[0-9]{2}){0,2}\Z"), "Six to ten digits, as in 3307.30."
)


def validate_cautions(codes: Any) -> None:
    """Refuse a caution that has no text: no page could show it."""
    unknown = sorted(set(codes or ()) - set(TEXTS))
    if unknown:
        raise ValidationError(f"Unknown: {', '.join(unknown)}. Known: {', '.join(TEXTS)}.")


def validate_directions(value: Any) -> None:
    """Refuse directions that are not steps by method."""
    for method, steps in _pairs(value, METHODS):
        if not isinstance(steps, list) or not all(isinstance(step, str) and step.strip() for step in steps):
            raise ValidationError(f"{method}: a list of sentences, one a step.")


def validate_label_dose(value: Any) -> None:
    """Refuse doses that are not ranges: from a smaller to a larger number, both above nothing."""
    for name, dose in _pairs(value, (*DOSES, "max_sessions_per_week")):
        if name in DOSES:
            _check_range(name, dose)
        else:
            _check_times(name, dose)


def validate_usage_defaults(value: Any) -> None:
    """Refuse a start for the usage guide that is not a number, or not a range of minutes."""
    for name, start in _pairs(value, (*DOSES, *TIMES_A_WEEK, "minutes")):
        if name == "minutes":
            _check_range(name, start)
        elif name in TIMES_A_WEEK:
            _check_times(name, start)
        elif not _is_amount(start):
            raise ValidationError(f"{name}: a number above nothing.")


def _pairs(value: Any, known: tuple[str, ...]) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        raise ValidationError("Write it as {…}.")
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise ValidationError(f"Unknown: {', '.join(unknown)}. Known: {', '.join(known)}.")
    return list(value.items())


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 10_000


def _check_range(name: str, value: Any) -> None:
    is_pair = isinstance(value, list) and len(value) == 2 and all(_is_amount(end) for end in value)
    if not is_pair or value[0] > value[1]:
        raise ValidationError(f"{name}: [from, to], both above nothing.")


def _check_times(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_TIMES_A_WEEK:
        raise ValidationError(f"{name}: a whole number from 1 to {MOST_TIMES_A_WEEK}.")
