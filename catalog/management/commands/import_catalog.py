"""Import a file of products, variants, prices, counts or lots: a dry run, unless --apply is given."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from threading import Event, Thread
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from catalog import sheets
from catalog.models import ImportJob
from shop.accounts.models import User
from shop.clock import reading
from shop.exceptions import ShopError
from shop.mail import recipients

TELL_EVERY_S = 1.0


class Command(BaseCommand):
    help = "Check a CSV or XLSX file and, with --apply, import all of it or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=ImportJob.Kind.values)
        parser.add_argument("file", type=Path)
        parser.add_argument("--apply", action="store_true", help="import it if the check finds no error")
        parser.add_argument("--by", default="", metavar="EMAIL", help="the staff account whose name it bears")

    def handle(self, *args: Any, **options: Any) -> None:
        path, actor = options["file"], _actor(options["by"])
        try:
            if path.stat().st_size > sheets.MAX_BYTES:
                raise CommandError(
                    f"{path.name} is larger than {sheets.MAX_BYTES // 1024 // 1024} MB. Split it."
                )
            content = path.read_bytes()
            job = sheets.bring(
                kind=options["kind"], file_name=path.name, content=content, at=reading.now(), actor=actor
            )
        except OSError as error:
            raise CommandError(str(error)) from error
        except ShopError as refusal:
            raise CommandError(refusal.detail) from refusal
        job = self._run(job, "checked")
        self._show(job)
        if options["apply"] and job.status == ImportJob.Status.READY and job.rows_new + job.rows_changed:
            job = self._run(sheets.approve(job, actor=actor), "applied")
            self._show(job) if job.error_count else self.stdout.write("Applied.")
        if job.error_count or job.status == ImportJob.Status.FAILED:
            raise CommandError(f"Nothing was written: {job.error_count} errors.")

    def _run(self, job: ImportJob, word: str) -> ImportJob:
        """Run a step, and tell on a terminal how far it is."""
        over = Event()
        teller = Thread(target=self._tell, args=(job.pk, word, over), daemon=True)
        teller.start()
        try:
            sheets.run(job.pk, at=reading.now())
        finally:
            over.set()
            teller.join()
        return ImportJob.objects.defer("content").get(pk=job.pk)

    def _tell(self, job_id: int, word: str, over: Event) -> None:
        try:
            while not over.wait(TELL_EVERY_S):
                rows = ImportJob.objects.filter(pk=job_id).values_list("rows_done", "rows_total")
                done, total = rows.first() or (0, 0)
                end = "\r" if sys.stderr.isatty() else "\n"
                self.stderr.write(f"{done:,} of about {total:,} rows {word}", ending=end)
        finally:
            connection.close()

    def _show(self, job: ImportJob) -> None:
        for row, key, outcome, differences in job.preview:
            said = ", ".join(f"{column}: {before} → {after}" for column, before, after in differences)
            self.stdout.write(f"row {row}\t{outcome}\t{key}\t{said}")
        for row, column, words in job.errors:
            self.stdout.write(f"row {row}\terror\t{column}\t{words}")
        self.stdout.write(
            f"Import {job.pk}: {job.rows_done:,} rows, {job.rows_new:,} new, {job.rows_changed:,} changed, "
            f"{job.rows_unchanged:,} unchanged, {job.error_count:,} errors."
        )


def _actor(email: str) -> User | None:
    if not email:
        return None
    found = User.objects.filter(recipients.written_as(email), is_staff=True).first()
    if found is None:
        raise CommandError(f"There is no staff account {email}.")
    return found
