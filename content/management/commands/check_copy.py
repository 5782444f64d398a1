"""Check files of copy: `manage.py check_copy FILE…`."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop.claims import checker
from shop.claims.checker import Finding
from shop.claims.reading import without_template_tags

MARKUP_SUFFIXES = {".html", ".htm", ".xhtml", ".svg"}


class Command(BaseCommand):
    help = (
        "Print what the copy checker finds, one finding a line: file, line, rule, severity, sentence, "
        "separated by tabs. Exit status 1 if a rule blocks. Files ending in .html are read as pages, others "
        "as text; the tags of Django templates are left out."
    )
    # Files can be checked without a database.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        blocked = False
        found = 0
        for name in options["files"]:
            for finding in self._findings(Path(name)):
                found += 1
                blocked = blocked or finding.severity == "block"
                cells = (name, str(finding.line), finding.rule, finding.severity, finding.sentence)
                self.stdout.write("\t".join(cells))
        if not found:
            self.stderr.write("no rule matched")
        if blocked:
            sys.exit(1)

    def _findings(self, path: Path) -> list[Finding]:
        try:
            source = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path}: {error}", returncode=2) from error
        is_markup = path.suffix.lower() in MARKUP_SUFFIXES
        check = checker.check_html if is_markup else checker.check_text
        return check(without_template_tags(source))
