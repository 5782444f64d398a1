"""manage.py check_copy."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command


def run(*files: Path) -> tuple[int, list[str], str]:
    out, err = StringIO(), StringIO()
    try:
        call_command("check_copy", *map(str, files), stdout=out, stderr=err)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue().splitlines(), err.getvalue()
    return 0, out.getvalue().splitlines(), err.getvalue()


def test_a_finding_is_one_line_of_tabs_and_a_block_fails(tmp_path: Path) -> None:
    page = tmp_path / "mail.html"
    page.write_text("{% load i18n %}\n<p>Hello {{ name }}</p>\n<p>It cures\tcramps.</p>\n")

    status, lines, _ = run(page)

    assert status == 1
    cells = lines[0].split("\t")
    assert cells == [str(page), "3", "DIS-02", "block", "It cures cramps."]


def test_a_review_finding_does_not_fail(tmp_path: Path) -> None:
    text = tmp_path / "note.txt"
    text.write_text("Whether it is absorbed has not been shown.")

    status, lines, _ = run(text)

    assert status == 0
    assert len(lines) == 1


def test_a_clean_text_is_not_called_compliant(tmp_path: Path) -> None:
    text = tmp_path / "note.txt"
    text.write_text("A warm soak at the end of the day.")

    status, lines, said = run(text)

    assert (status, lines) == (0, [])
    assert said.strip() == "no rule matched"


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        run(tmp_path / "missing.txt")
