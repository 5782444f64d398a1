"""What a cell may hold: from text to a value, with words for staff where it cannot be, and back again."""

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from import_export.widgets import Widget

# Spreadsheet programs run a cell that begins with one of these.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
LITERAL = "'"
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
WHOLE_NUMBER = re.compile(r"-?\d{1,12}")
NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,6})?")
YES, NO = ("yes", "true", "1"), ("no", "false", "0")


def literal(text: str) -> str:
    """Return a text so that no spreadsheet program runs it, and `taken_literally` gives it back."""
    return LITERAL + text if text.startswith((*FORMULA_STARTS, LITERAL)) else text


def taken_literally(text: str) -> str:
    """Return what a cell says as text.

    :raises ValueError: if it is a formula, or holds control characters.
    """
    if text.startswith(LITERAL):
        text = text[1:]
    elif text.startswith(FORMULA_STARTS):
        raise ValueError(
            f"“{text[:20]}” looks like a formula and is not taken. If it is meant as text, put a ' before it."
        )
    if CONTROL_CHARACTERS.search(text):
        raise ValueError("There are control characters in this cell.")
    return text.replace("\r\n", "\n")


class Text(Widget):
    """Words. Formulas are refused; an apostrophe in front means it literally."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        return taken_literally(value.strip(" "))

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else literal(str(value))


class OptionalText(Text):
    """Words, or nothing at all (NULL)."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        return super().clean(value) or None


class Words(Text):
    """A list, separated by semicolons."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        return [word.strip() for word in super().clean(value).split(";") if word.strip()]

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return literal("; ".join(value or ()))


class Whole(Widget):
    """A whole number, not negative."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        text = value.strip()
        if not text:
            return None
        if not WHOLE_NUMBER.fullmatch(text):
            raise ValueError(f"“{text[:20]}” is not a whole number.")
        if int(text) < 0:
            raise ValueError(f"{text} is negative.")
        if int(text) > 2_147_483_647:
            raise ValueError(f"{text} is too large.")
        return int(text)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return "" if value is None else value


class Fraction(Widget):
    """A decimal number with a point."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        text = value.strip()
        if not text:
            return None
        if not NUMBER.fullmatch(text):
            raise ValueError(f"“{text[:20]}” is not a number. Write it as 12.50.")
        try:
            return Decimal(text)
        except InvalidOperation as error:
            raise ValueError(f"“{text[:20]}” is not a number.") from error

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return "" if value is None else value


class YesNo(Widget):
    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        text = value.strip().lower()
        if not text:
            return None
        if text not in (*YES, *NO):
            raise ValueError(f"“{text[:20]}” is neither yes nor no.")
        return text in YES

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else "yes" if value else "no"


class Day(Widget):
    """A date as 2026-12-31: other orders of day and month are taken differently in different countries."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        text = value.strip()
        if not text:
            return None
        try:
            found = date.fromisoformat(text)
        except ValueError as error:
            raise ValueError(f"“{text[:20]}” is no date. Write it as 2026-12-31.") from error
        if not 2000 <= found.year <= 2100:
            raise ValueError(f"{text} is not between 2000 and 2100.")
        return found

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return "" if value is None else value


class Moment(Widget):
    """A date, or a date and a time, where the shop is; a time with an offset is taken as it says."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        text = value.strip()
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(
                f"“{text[:20]}” is no moment. Write it as 2026-12-31 or 2026-12-31 09:00."
            ) from error
        if not 2000 <= found.year <= 2100:
            raise ValueError(f"{text} is not between 2000 and 2100.")
        return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(settings.SHOP_TIME_ZONE))

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        """Keep the offset, so that the night of a clock change has no hour twice."""
        if value is None:
            return ""
        return value.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)).isoformat(sep=" ")
