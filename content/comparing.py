"""Two revisions side by side: which fields differ, and which words within them, as a reader would see it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import unescape
from typing import Any

from content import words as wording
from content.rendering import TAG

# What to do with which words: kind, from and to in the older ones, from and to in the newer ones.
Code = tuple[str, int, int, int, int]

LABELS = {"is_health_topic": "Health topic", "caution_codes": "Cautions", "citations": "Sources"}
MARKS = {"h2": "## ", "h3": "### ", "li": "• ", "blockquote": "> "}
BLOCK_END = re.compile(r"</(?:p|h2|h3|li|blockquote|tr|caption|figcaption)>|<hr\b[^<>]*>")
FIRST_BLOCK = re.compile(r"<(h2|h3|li|blockquote)\b")
LINK = re.compile(r"<a\b[^<>]{0,2000}?\bhref=\"([^\"]*)\"[^<>]*>(.*?)</a>", re.DOTALL)
WORD = re.compile(r"\s+|[^\s]+")
# Comparing word by word takes time by the square of their number: longer blocks are shown whole.
MOST_WORDS = 1500
KEPT_AROUND = 1


@dataclass(frozen=True, slots=True)
class Span:
    """Some words that are the same in both, or only in this one."""

    text: str
    is_changed: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A block of the older words beside its match in the newer ones; () where there is none."""

    old: tuple[Span, ...]
    new: tuple[Span, ...]

    @property
    def is_changed(self) -> bool:
        return any(span.is_changed for span in (*self.old, *self.new))


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that differs, in rows. `skipped` blocks that are the same in both are left out."""

    name: str
    label: str
    rows: tuple[Row, ...]
    skipped: int


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[FieldChange]:
    """Return what differs between the words of two revisions, field by field; an empty list for nothing."""
    return [_change(name, old[name], new[name]) for name in wording.FIELDS if old[name] != new[name]]


def blocks_of(body: str) -> list[str]:
    """Return a body's paragraphs, headings and list items as lines of text; links show where they lead."""
    parts = (_as_line(part) for part in BLOCK_END.split(body))
    return [part for part in parts if part]


def _as_line(part: str) -> str:
    first = FIRST_BLOCK.search(part)
    shown = LINK.sub(r"\2 (→ \1)", part)
    text = " ".join(unescape(TAG.sub(" ", shown)).split())
    return f"{MARKS[first[1]]}{text}" if first and text else text


def _change(name: str, old: Any, new: Any) -> FieldChange:
    before, after = _lines(name, old), _lines(name, new)
    if before == after:
        # Words that read alike: bold, italics, a table's shape.
        before, after = [str(old)], [str(new)]
    rows = list(_rows(before, after))
    kept = [row for place, row in enumerate(rows) if _is_near_a_change(rows, place)]
    label = LABELS.get(name, name.replace("_", " ").capitalize())
    return FieldChange(name, label, tuple(kept), len(rows) - len(kept))


def _lines(name: str, value: Any) -> list[str]:
    if name == "body":
        return blocks_of(value)
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    return [str(item) for item in value] if isinstance(value, list) else [value]


def _is_near_a_change(rows: Sequence[Row], place: int) -> bool:
    return any(row.is_changed for row in rows[max(0, place - KEPT_AROUND) : place + KEPT_AROUND + 1])


def _rows(before: Sequence[str], after: Sequence[str]) -> Iterator[Row]:
    for kind, old_from, old_to, new_from, new_to in _opcodes(before, after):
        old, new = before[old_from:old_to], after[new_from:new_to]
        if kind == "equal":
            yield from (Row((Span(text, False),), (Span(text, False),)) for text in old)
            continue
        for place in range(max(len(old), len(new))):
            yield _paired(old[place : place + 1], new[place : place + 1])


def _paired(old: Sequence[str], new: Sequence[str]) -> Row:
    if not old or not new:
        return Row(tuple(Span(text, True) for text in old), tuple(Span(text, True) for text in new))
    before, after = WORD.findall(old[0]), WORD.findall(new[0])
    if max(len(before), len(after)) > MOST_WORDS:
        return Row((Span(old[0], True),), (Span(new[0], True),))
    codes = _opcodes(before, after)
    return Row(
        tuple(_spans(before, codes, lambda code: code[1:3])),
        tuple(_spans(after, codes, lambda code: code[3:5])),
    )


def _spans(
    words: Sequence[str],
    codes: Sequence[Code],
    places: Callable[[Code], tuple[int, ...]],
) -> Iterator[Span]:
    for code in codes:
        start, end = places(code)
        if end > start:
            yield Span("".join(words[start:end]), code[0] != "equal")


def _opcodes(before: Sequence[str], after: Sequence[str]) -> Sequence[Code]:
    return SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes()
