"""Reading rows from CSV and XLSX without trusting the file: streamed, with limits, every cell as text."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from shop.exceptions import InvalidInput

MAX_BYTES = 25 * 1024 * 1024
MAX_ROWS = 200_000
MAX_COLUMNS = 60
MAX_CELL_CHARACTERS = 10_000
# Of an XLSX, unpacked: a table of MAX_ROWS fits, a bomb does not.
MAX_UNPACKED_BYTES = 300 * 1024 * 1024
MAX_SHARED_STRINGS_BYTES = 60 * 1024 * 1024
MAX_ZIP_ENTRIES = 500
# Empty rows between the filled ones that are read over.
MAX_BLANK_ROWS = 20_000
DELIMITERS = (",", ";", "\t")
SHARED_STRINGS = "xl/sharedStrings.xml"
ZIP_SIGNATURE = b"PK\x03\x04"
# An old XLS, and anything else in Microsoft's older container.
OLE_SIGNATURE = b"\xd0\xcf\x11\xe0"


class UnreadableFile(InvalidInput):
    """The file as a whole is at fault; `extra["row"]` names the row where reading ended, if there is one."""

    code = "unreadable_file"
    title = "The file cannot be read"


@dataclass(frozen=True, slots=True)
class Table:
    """The header of a file, about how many rows follow, and the rows: (row number, cell by column)."""

    headers: list[str]
    about: int
    rows: Iterator[tuple[int, dict[str, str]]]


def read(content: bytes, *, file_name: str) -> Table:
    """Open a CSV or XLSX file. Its rows are read while they are iterated.

    :raises UnreadableFile: if it is neither, too large, empty, in a wrong encoding or has no proper header;
    while iterating too.
    """
    if not content.strip():
        raise UnreadableFile("The file is empty.")
    if len(content) > MAX_BYTES:
        raise UnreadableFile(f"The file is larger than {MAX_BYTES // 1024 // 1024} MB. Split it.")
    if content.startswith(OLE_SIGNATURE):
        raise UnreadableFile("This is an old Excel file (.xls). Save it as .xlsx or as CSV UTF-8.")
    is_workbook = content.startswith(ZIP_SIGNATURE)
    if is_workbook != file_name.lower().endswith(".xlsx"):
        raise UnreadableFile("The name does not fit the content: name CSV files .csv and workbooks .xlsx.")
    cells, about = _workbook_rows(content) if is_workbook else _csv_rows(content)
    headers = _headers(next(cells, ()))
    return Table(headers, about, _as_dicts(cells, headers))


def _headers(cells: Sequence[str]) -> list[str]:
    headers = [cell.strip().lower() for cell in cells]
    while headers and not headers[-1]:
        headers.pop()
    if not headers:
        raise UnreadableFile("The first row holds the names of the columns; here it is empty.")
    if len(headers) > MAX_COLUMNS:
        raise UnreadableFile(f"More than {MAX_COLUMNS} columns.")
    twice = sorted({name for name in headers if name and headers.count(name) > 1})
    if twice:
        raise UnreadableFile(f"A column stands there twice: {', '.join(twice)}.")
    if "" in headers:
        raise UnreadableFile(f"Column {headers.index('') + 1} has no name in the first row.")
    return headers


def _as_dicts(rows: Iterable[Sequence[str]], headers: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Number the rows as a spreadsheet does; leave the empty ones out."""
    filled = 0
    for number, cells in enumerate(rows, start=2):
        if not any(cell.strip() for cell in cells):
            if number - filled > MAX_BLANK_ROWS:
                raise UnreadableFile("Too many empty rows: delete those below the data.", row=number)
            continue
        filled += 1
        if filled > MAX_ROWS:
            raise UnreadableFile(f"More than {MAX_ROWS:,} rows. Split the file.", row=number)
        if any(cell.strip() for cell in cells[len(headers) :]):
            raise UnreadableFile(
                f"Row {number} has more cells than there are columns. Is a comma not in quotes?",
                row=number,
            )
        padded = [*cells[: len(headers)], *[""] * (len(headers) - len(cells))]
        if any(len(cell) > MAX_CELL_CHARACTERS for cell in padded):
            raise UnreadableFile(f"A cell in row {number} is too long.", row=number)
        yield number, dict(zip(headers, padded, strict=True))


def _csv_rows(content: bytes) -> tuple[Iterator[list[str]], int]:
    _refuse_other_encodings(content)
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    first = text.readline()
    text.seek(0)
    delimiter = max(DELIMITERS, key=first.count)
    return _csv_cells(csv.reader(text, delimiter=delimiter, strict=True)), content.count(b"\n")


def _refuse_other_encodings(content: bytes) -> None:
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(
            f"The file is not in UTF-8: line {line} holds other bytes. In Excel, save as “CSV UTF-8”.",
            row=line,
        ) from error
    if b"\x00" in content:
        raise UnreadableFile("The file is not text: it holds NUL bytes. In Excel, save as “CSV UTF-8”.")


def _csv_cells(reader: Any) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise UnreadableFile(
            f"Line {reader.line_num} is not proper CSV ({error}). Is a quotation mark not closed?",
            row=reader.line_num,
        ) from error


def _workbook_rows(content: bytes) -> tuple[Iterator[list[str]], int]:
    try:
        _refuse_bombs(zipfile.ZipFile(io.BytesIO(content)))
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        sheet: Any = book.worksheets[0]
        about = sheet.max_row or 0
        # The dimensions that the file states may be wrong: read until its end.
        sheet.reset_dimensions()
    except (zipfile.BadZipFile, InvalidFileException, KeyError, IndexError, ValueError, ParseError) as error:
        raise UnreadableFile("This is not a workbook that can be read. Save it as .xlsx again.") from error
    return _workbook_cells(sheet), max(0, min(about, MAX_ROWS) - 1)


def _refuse_bombs(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    strings = sum(entry.file_size for entry in entries if entry.filename == SHARED_STRINGS)
    if len(entries) > MAX_ZIP_ENTRIES or unpacked > MAX_UNPACKED_BYTES or strings > MAX_SHARED_STRINGS_BYTES:
        raise UnreadableFile("The workbook is too large when unpacked. Save it as CSV UTF-8, or split it.")


def _workbook_cells(sheet: Any) -> Iterator[list[str]]:
    try:
        for cells in sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True):
            yield [_text(cell) for cell in cells]
    except (
        zipfile.BadZipFile,
        KeyError,
        IndexError,
        ValueError,
        TypeError,
        OverflowError,
        ParseError,
    ) as error:
        raise UnreadableFile("This workbook is damaged. Save it as .xlsx again.") from error


def _text(cell: Any) -> str:
    """Return a cell as the text that a CSV of the same table holds."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell)
