"""The life of an import: brought, checked, applied when somebody says so. All of it or nothing.

checking → ready, refused · ready → applying → applied, refused · running → failed. A check writes nothing but
its report. Applying plans every row again under locks, writes chunk by chunk in one transaction, and goes
back at the first error. Progress is told on a connection of its own, so that it is seen before the commit.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet

from catalog.models import ImportJob
from catalog.sheets.prices import PriceSheet
from catalog.sheets.reading import MAX_BYTES, Table, UnreadableFile, read
from catalog.sheets.records import ProductSheet, VariantSheet
from catalog.sheets.rows import CHANGED, NEW, Row, Sheet, check_headers, clean
from catalog.sheets.stock import CountSheet, LotSheet
from shop.clock import reading
from shop.exceptions import Conflict, InvalidInput
from shop.transitions import Table as Transitions
from shop.transitions import advance

logger = logging.getLogger(__name__)

Kind, Status = ImportJob.Kind, ImportJob.Status

TRANSITIONS: Transitions = {
    Status.CHECKING: {Status.READY, Status.REFUSED, Status.FAILED},
    Status.READY: {Status.APPLYING},
    Status.APPLYING: {Status.APPLIED, Status.REFUSED, Status.FAILED},
}
SHEETS: dict[str, type[Sheet]] = {
    sheet.kind: sheet for sheet in (ProductSheet, VariantSheet, PriceSheet, CountSheet, LotSheet)
}
# A file of these is booked once.
BOOKED_ONCE = (Kind.COUNTS, Kind.LOTS)
CHUNK_ROWS = 1000
ERRORS_KEPT = 200
PREVIEW_KEPT = 100
LEASE = timedelta(minutes=2)
MAX_ATTEMPTS = 3
# What PostgreSQL says where a lock is held for too long: lock timeout, deadlock. Tried again soon.
BUSY = ("55P03", "40P01")
WAIT = timedelta(seconds=20)
# Applied one after the other: two files whose rows come in different orders would lock each other out.
APPLY_LOCK = "catalog.sheets.apply"


class NotReady(Conflict):
    code = "import_not_ready"
    title = "This import cannot be applied"


class _Refused(Exception):
    """Ends the transaction of an import with errors: nothing is written."""


@dataclass(slots=True)
class Report:
    """What a run found: counts, and the first errors and differences."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    error_count: int = 0
    errors: list[list[Any]] = field(default_factory=list)
    preview: list[list[Any]] = field(default_factory=list)

    def take(self, row: Row) -> None:
        """Add a planned row."""
        self.rows += 1
        self.error_count += len(row.errors)
        room = max(0, ERRORS_KEPT - len(self.errors))
        self.errors += [[row.number, column, words] for column, words in row.errors[:room]]
        if row.errors:
            return
        self.new += row.outcome == NEW
        self.changed += row.outcome == CHANGED
        self.unchanged += row.outcome not in (NEW, CHANGED)
        if row.outcome in (NEW, CHANGED) and len(self.preview) < PREVIEW_KEPT:
            self.preview.append([row.number, row.key, row.outcome, [list(one) for one in row.differences]])

    def refuse_file(self, refusal: UnreadableFile) -> None:
        self.error_count += 1
        self.errors.append([refusal.extra.get("row", 0), "", refusal.detail])

    def as_fields(self) -> dict[str, Any]:
        return {
            "rows_total": self.rows,
            "rows_done": self.rows,
            "rows_new": self.new,
            "rows_changed": self.changed,
            "rows_unchanged": self.unchanged,
            "error_count": self.error_count,
            "errors": self.errors,
            "preview": self.preview,
        }


def bring(*, kind: str, file_name: str, content: bytes, at: datetime, actor: Any = None) -> ImportJob:
    """Keep a file as an import that waits to be checked.

    :raises InvalidInput: if it is empty or too large.
    """
    if not content or len(content) > MAX_BYTES:
        said = "The file is empty." if not content else f"At most {MAX_BYTES // 1024 // 1024} MB."
        raise InvalidInput(said, fields={"file": [said]})
    return ImportJob.objects.create(
        kind=kind,
        file_name=file_name[-200:],
        content=content,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        requested_by=actor,
        created_at=at,
    )


@transaction.atomic(savepoint=False)
def approve(job: ImportJob, *, actor: Any = None) -> ImportJob:
    """Let an import that was checked be applied.

    :raises NotReady: if it is not ready, or changes nothing.
    """
    job = ImportJob.objects.select_for_update().defer("content").get(pk=job.pk)
    if job.status != Status.READY or not job.rows_new + job.rows_changed:
        raise NotReady("Only an import that was checked, has no errors and changes something is applied.")
    advance(
        job, field="status", table=TRANSITIONS, target=Status.APPLYING, applied_by=actor, attempts=0,
        locked_until=None, rows_done=0,
    )  # fmt: skip
    return job


def waiting(at: datetime) -> "QuerySet[ImportJob]":
    """Return the imports that should run and that nobody is at."""
    free = Q(locked_until__isnull=True) | Q(locked_until__lte=at)
    return ImportJob.objects.filter(free, status__in=ImportJob.RUNNING)


def run(job_id: int, *, at: datetime) -> ImportJob | None:
    """Check or apply an import, whichever it waits for; None if somebody else is at it or it is done.

    Rows are planned in chunks, so that memory does not grow with the file.
    """
    claimed = waiting(at).filter(pk=job_id).update(locked_until=at + LEASE, attempts=F("attempts") + 1)
    if not claimed:
        return None
    job = ImportJob.objects.get(pk=job_id)
    if job.attempts > MAX_ATTEMPTS:
        return _finish(
            job, Status.FAILED, Report(rows=job.rows_done), last_error="It did not end in three tries."
        )
    if job.status == Status.CHECKING:
        report = _go_through(job, at=at)
        return _finish(job, Status.REFUSED if report.error_count else Status.READY, report, checked_at=at)
    return _apply(job, at=at)


def _apply(job: ImportJob, *, at: datetime) -> ImportJob:
    report, skus = Report(), _skus(job)
    try:
        with transaction.atomic(durable=True):
            _one_at_a_time()
            report = _go_through(job, at=at, skus=skus)
            if report.error_count:
                raise _Refused
            return _finish(job, Status.APPLIED, report, applied_at=at)
    except _Refused:
        return _finish(job, Status.REFUSED, report)
    except IntegrityError as error:
        logger.warning("Import %s met a constraint: %s", job.pk, error)
        report.refuse_file(UnreadableFile("Something else changed meanwhile. Bring the file once more."))
        return _finish(job, Status.REFUSED, report)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") not in BUSY:
            raise
        logger.info("Import %s waits: %s", job.pk, error)
        ImportJob.objects.filter(pk=job.pk).update(locked_until=at + WAIT, attempts=F("attempts") - 1)
        return job


def _finish(job: ImportJob, status: str, report: Report, **facts: Any) -> ImportJob:
    """Write a report on the job, which moves on."""
    changes = report.as_fields() if status != Status.FAILED else {}
    with transaction.atomic():
        locked = ImportJob.objects.select_for_update().defer("content").get(pk=job.pk)
        advance(
            locked, field="status", table=TRANSITIONS, target=status, locked_until=None, **changes, **facts
        )
    return locked


def _go_through(job: ImportJob, *, at: datetime, skus: Iterable[str] | None = None) -> Report:
    """Plan every row and, with the SKUs to lock, write the chunks as long as there is no error."""
    report, progress = Report(), _Progress(job.pk)
    sheet = SHEETS[job.kind](at=at, actor=job.applied_by or job.requested_by, cause=job.cause)
    try:
        _refuse_booked(job)
        table = read(bytes(job.content), file_name=job.file_name)
        check_headers(job.kind, table.headers)
        if skus is not None:
            sheet.lock(skus)
        for rows in _chunks(clean(job.kind, table.headers, table.rows)):
            sheet.plan(rows)
            for row in rows:
                report.take(row)
            if skus is not None and not report.error_count:
                sheet.write()
            progress.tell(report.rows, max(table.about, report.rows))
        if not report.rows:
            raise UnreadableFile("There are no rows below the names of the columns.")
    except UnreadableFile as refusal:
        report.refuse_file(refusal)
    finally:
        progress.close()
    return report


def _refuse_booked(job: ImportJob) -> None:
    booked = ImportJob.objects.filter(kind=job.kind, sha256=job.sha256, status=Status.APPLIED)
    earlier = booked.exclude(pk=job.pk).defer("content").first() if job.kind in BOOKED_ONCE else None
    if earlier is not None:
        raise UnreadableFile(
            f"This very file was applied as import {earlier.pk} on {earlier.applied_at:%Y-%m-%d}: nothing is "
            "booked twice. If it was counted again with the same result, give a reason in it."
        )


def _skus(job: ImportJob) -> Iterable[str]:
    """Return the SKUs of a file, read ahead so that their rows can be locked in one order."""
    table: Table = read(bytes(job.content), file_name=job.file_name)
    return {cells["sku"].strip() for _, cells in table.rows if "sku" in cells}


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    source = iter(rows)
    while chunk := list(islice(source, CHUNK_ROWS)):
        yield chunk


def _one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [APPLY_LOCK])


class _Progress:
    """Tells how far a run is, and keeps its lease, on a connection of its own: seen at once, by everybody."""

    def __init__(self, job_id: int) -> None:
        self._job_id = job_id
        self._connection = connection.copy()

    def tell(self, done: int, total: int) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(
                "UPDATE catalog_import_job SET rows_done = %s, rows_total = %s, locked_until = %s"
                " WHERE id = %s",
                [done, total, reading.now() + LEASE, self._job_id],
            )

    def close(self) -> None:
        self._connection.close()
