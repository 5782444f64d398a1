"""Files of rows, in and out: products, variants, prices, stock counts and lots as CSV or XLSX."""

from catalog.sheets.columns import REQUIRED, names_of
from catalog.sheets.exporting import csv_lines, rows_of, workbook
from catalog.sheets.jobs import NotReady, approve, bring, run, waiting
from catalog.sheets.reading import MAX_BYTES, MAX_ROWS, UnreadableFile

__all__ = [
    "MAX_BYTES",
    "MAX_ROWS",
    "REQUIRED",
    "NotReady",
    "UnreadableFile",
    "approve",
    "bring",
    "csv_lines",
    "names_of",
    "rows_of",
    "run",
    "waiting",
    "workbook",
]
