"""Rows of a file on their way: cleaned cell by cell, planned against what is there, written at the end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, ClassVar

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from catalog.models import Variant
from catalog.sheets.cells import CONTROL_CHARACTERS
from catalog.sheets.columns import REQUIRED, RESOURCES
from catalog.sheets.reading import UnreadableFile
from shop.exceptions import ShopError

NEW, CHANGED, UNCHANGED = "new", "changed", "unchanged"
Difference = tuple[str, str, str]


@dataclass(slots=True)
class Row:
    """One row of a file. `values` holds the columns that the file has, as values and no longer as text."""

    number: int
    values: SimpleNamespace
    given: frozenset[str]
    key: str = ""
    outcome: str = UNCHANGED
    differences: list[Difference] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)

    def refuse(self, column: str, words: str) -> None:
        self.errors.append((column, CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", words)))

    def get(self, column: str) -> Any:
        """Return the value of a column; None if the file has no such column."""
        return getattr(self.values, column, None)

    def refuse_as(self, refusal: ShopError) -> None:
        """Put a verb's refusal beside the column that it names."""
        column = next((name for name in refusal.fields if name in self.given), "")
        self.refuse(column, refusal.detail)


class Sheet:
    """One kind of file. `plan` looks and compares, and writes nothing; `write` saves what was planned."""

    kind: ClassVar[str]

    def __init__(self, *, at: datetime, actor: Any = None, cause: str = "") -> None:
        self.at = at
        self.actor = actor
        self.cause = cause
        self._seen: dict[Any, int] = {}

    def lock(self, skus: Iterable[str]) -> None:
        """Lock what `write` will change, in the house's order, before it is read. Needs a transaction."""

    def plan(self, rows: Sequence[Row]) -> None:
        """Give every row its outcome and differences, or its errors."""
        raise NotImplementedError

    def write(self) -> None:
        raise NotImplementedError

    def refuse_twice(self, row: Row, key: Any, column: str) -> None:
        """Refuse a row whose key stands in the file already; one that is wrong anyway is told enough."""
        if row.errors:
            return
        first = self._seen.setdefault(key, row.number)
        if first != row.number:
            row.refuse(column, f"{row.key} stands in row {first} already.")


def check_headers(kind: str, headers: Sequence[str]) -> None:
    """Refuse a file whose columns are not those of its kind.

    :raises UnreadableFile: naming the columns that are missing or unknown.
    """
    known = RESOURCES[kind]().get_export_headers()
    unknown = [name for name in headers if name not in known]
    missing = [name for name in REQUIRED[kind] if name not in headers]
    said = []
    if missing:
        said.append(f"Missing columns: {', '.join(missing)}.")
    if unknown:
        said.append(f"Unknown columns: {', '.join(name[:40] for name in unknown[:10])}.")
    if said:
        raise UnreadableFile(f"{' '.join(said)} A file of this kind may have: {', '.join(known)}.", row=1)


def clean(kind: str, headers: Sequence[str], table: Iterable[tuple[int, Mapping[str, str]]]) -> Iterable[Row]:
    """Turn the text of each row into values, or into errors by column."""
    resource = RESOURCES[kind]()
    fields = [found for found in resource.get_import_fields() if found.column_name in headers]
    required, given = REQUIRED[kind], frozenset(headers)
    for number, cells in table:
        row = Row(number, SimpleNamespace(), given)
        for one in fields:
            try:
                resource.import_field(one, row.values, cells)
            except ValueError as error:
                row.refuse(one.column_name, str(error))
                continue
            if one.column_name in required and getattr(row.values, one.column_name) in (None, ""):
                _refuse_empty(row, one.column_name)
        yield row


def _refuse_empty(row: Row, column: str) -> None:
    """An empty lot or best-before date may be right: the sheet itself knows."""
    if column not in ("lot", "best_before_on"):
        row.refuse(column, "This cell is empty.")


def variants_of(rows: Iterable[Row]) -> dict[str, Variant]:
    """Return the variants that rows name, by SKU, and refuse the rows whose SKU there is not. One query."""
    named = {row.values.sku for row in rows if row.get("sku")}
    found = {v.sku: v for v in Variant.objects.select_related("product").filter(sku__in=named)}
    for row in rows:
        if row.get("sku") and row.values.sku not in found:
            row.refuse("sku", f"There is no variant with the SKU {row.values.sku[:40]}.")
    return found


def refuse_invalid(row: Row, error: ValidationError, columns: Mapping[str, str]) -> None:
    """Put a record's own refusals beside their columns."""
    for name, messages in error.message_dict.items():
        column = "" if name == NON_FIELD_ERRORS else columns.get(name, name)
        for message in messages:
            row.refuse(column, message)
