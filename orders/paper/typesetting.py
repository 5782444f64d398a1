"""From a sheet's words to a PDF. No network and no fonts of the machine: the same words give the same bytes.

Words are handed over as data and never become markup: "#panic()" in a name is printed as it stands.
"""

import json
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import typst
from django.conf import settings

Standard = Literal["a-2b", "1.7"]

_LAYOUTS = Path(__file__).parent / "layouts"
# Kept for years: fonts and colours travel with the file. Source: ISO 19005-2 (PDF/A-2b).
_ARCHIVE: Standard = "a-2b"
_PLAIN: Standard = "1.7"
# Control characters, invisible ones that turn the direction of writing, halves of characters, private ones.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_MARKS_AT_MOST = 2
_BREAK_AFTER = 10
_ZERO_WIDTH_SPACE = "\N{ZERO WIDTH SPACE}"


def pdf(layout: str, sheet: dict[str, Any], *, at: datetime) -> bytes:
    """Set a sheet on a layout and return the PDF, dated `at`.

    Text that no font of ours can show is printed as boxes; such a file is a plain PDF, not an archive's.
    """
    words = {"shop": settings.SHOP_NAME, "banner": "", "remarks": [], **sheet}
    given = json.dumps(_printable(words))
    try:
        return _compile(layout, given, at, _ARCHIVE)
    except typst.TypstError:
        return _compile(layout, given, at, _PLAIN)


def printable(text: str) -> str:
    """Return text as paper takes it: one line, nothing invisible, no pile of accents, breakable."""
    kept: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks > _MARKS_AT_MOST:
            continue
        kept.append(" " if category in _UNPRINTABLE or category in {"Zl", "Zp"} else character)
    return " ".join(_breakable(word) for word in "".join(kept).split())


def _breakable(word: str) -> str:
    if len(word) <= 2 * _BREAK_AFTER:
        return word
    parts = [word[start : start + _BREAK_AFTER] for start in range(0, len(word), _BREAK_AFTER)]
    return _ZERO_WIDTH_SPACE.join(parts)


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_printable(item) for item in value]
    return value


def _compile(layout: str, words: str, at: datetime, standard: Standard) -> bytes:
    return typst.compile(
        _LAYOUTS / f"{layout}.typ",
        root=_LAYOUTS,
        ignore_system_fonts=True,
        sys_inputs={"sheet": words},
        pdf_standards=standard,
        timestamp=at.replace(microsecond=0),
    )
