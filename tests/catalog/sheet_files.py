"""Files as staff bring them."""

import csv
import io
from typing import Any

from openpyxl import Workbook

from catalog import sheets
from catalog.models import ImportJob
from shop.clock import reading


def csv_of(*rows: Any, delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode()


def xlsx_of(*rows: Any) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def check(kind: str, content: bytes, *, name: str = "", actor: Any = None) -> ImportJob:
    """Bring a file and let it be checked."""
    name = name or ("file.xlsx" if content.startswith(b"PK") else "file.csv")
    job = sheets.bring(kind=kind, file_name=name, content=content, at=reading.now(), actor=actor)
    sheets.run(job.pk, at=reading.now())
    job.refresh_from_db()
    return job


def apply(job: ImportJob, *, actor: Any = None) -> ImportJob:
    """Let a checked file be applied."""
    sheets.run(sheets.approve(job, actor=actor).pk, at=reading.now())
    job.refresh_from_db()
    return job


def bring(kind: str, *rows: Any, actor: Any = None) -> ImportJob:
    """Check and apply rows; fails the test if they are refused."""
    job = check(kind, csv_of(*rows), actor=actor)
    assert job.status == "ready", job.errors
    return apply(job, actor=actor)


def outcome(job: ImportJob) -> tuple[str, int, int, int, int]:
    return job.status, job.rows_new, job.rows_changed, job.rows_unchanged, job.error_count
