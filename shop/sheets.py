"""Rows for a spreadsheet: CSV that no program runs as a formula.

Source: https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
from collections.abc import Iterable, Iterator, Sequence

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


class Echo:
    """A file that hands back what is written to it, for a csv.writer that streams."""

    def write(self, text: str) -> str:
        return text


def safe(text: str) -> str:
    """Return text that no spreadsheet runs as a formula: such cells start with an apostrophe."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield rows as lines of CSV, one at a time."""
    writer = csv.writer(Echo())
    for row in rows:
        yield writer.writerow(row)
