"""From a text or a page to plain sentences: what a reader sees, without what hides a word from a pattern."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

BLOCK_TAGS = frozenset(
    [
        *(
            "address",
            "article",
            "aside",
            "blockquote",
            "body",
            "button",
            "caption",
            "dd",
            "details",
            "dialog",
        ),
        *(
            "div",
            "dl",
            "dt",
            "fieldset",
            "figcaption",
            "figure",
            "footer",
            "form",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
        ),
        *("h6", "head", "header", "hr", "html", "label", "legend", "li", "main", "nav", "ol", "option", "p"),
        *(
            "pre",
            "section",
            "select",
            "summary",
            "table",
            "tbody",
            "td",
            "tfoot",
            "th",
            "thead",
            "title",
            "tr",
        ),
        "ul",
    ]
)
UNSEEN_TAGS = frozenset({"script", "style", "template", "noscript"})
SPOKEN_ATTRIBUTES = ("alt", "title", "aria-label", "placeholder", "content")

# Letters of other scripts that look like Latin ones, and typographic marks with a plain form.
LOOK_ALIKES = str.maketrans(
    "аеорсухіјѕԁһԛԝкмтвнАВЕКМНОРСТХІЈЅαοινρτυκεΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɑɡ‘’‚‛“”„‟‐‑‒–—―−⁄",
    "aeopcyxijsdhqwkmtbhABEKMHOPCTXIJSaoivptukeABEZHIKMNOPTYXiag''''\"\"\"\"-------/",
)
LEET = str.maketrans("013457@$", "oleastas")
LEET_WORD = re.compile(r"(?<![\w@$])(?=[\w@$]{0,30}[a-z]{2})[a-z0-9@$]{4,30}(?![\w@$])")
# "n e r v e" or "n.e.r.v.e": four single letters and more.
SPACED_OUT = re.compile(r"(?<!\w)(?:\w[ .*_\-]){3,60}\w(?!\w)")
SPACER = re.compile(r"[ .*_\-]")
BLANKS = re.compile(r"[ \t\r\n\f\v\u00a0\u2028\u2029]{1,}")
# A full stop ends a sentence when a blank follows, unless it belongs to an abbreviation.
SENTENCE_END = re.compile(r"[.!?…]['\")\]]{0,3}(?: (?=\S)|$)")
ABBREVIATION = re.compile(r"(?:^|[ (])(?:e\.g|i\.e|dr|mr|mrs|ms|prof|vs|approx|al|ca|cf)\.$", re.IGNORECASE)
# A line that starts so begins a block of its own in plain text.
LIST_ITEM = re.compile(r"[ \t]{0,8}(?:[-*•#>|]|\d{1,3}[.)] )")
TEMPLATE_TAG = re.compile(r"\{%[^%\n]{0,400}%\}|\{#[^#\n]{0,400}#\}")
TEMPLATE_VALUE = re.compile(r"\{\{[^{}\n]{0,400}\}\}")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as a reader sees it, and the line (from 1) of the source on which it begins."""

    text: str
    line: int

    @property
    def folded(self) -> str:
        """The form that patterns run on: lower case, digits that stand for letters turned back."""
        lowered = self.text.lower()
        return LEET_WORD.sub(lambda word: _unleet(word.group()), lowered)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of a block, and the line on which it begins."""

    text: str
    line: int


def plain_form(text: str) -> str:
    """Return text without what hides a word: accents, compatibility forms, unseen and look-alike letters."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    seen = "".join(mark for mark in decomposed if unicodedata.category(mark) not in ("Mn", "Cf", "Me"))
    return seen.translate(LOOK_ALIKES)


def sentences_of_text(text: str) -> Iterator[Sentence]:
    """Yield the sentences of plain text. A blank line, a list item or a heading begins a new block."""
    for block in _text_blocks(text):
        yield from _sentences(block)


def sentences_of_html(source: str) -> Iterator[Sentence]:
    """Yield the sentences of a page: no tags, entities resolved, a block's end is a sentence's end.

    Text that only some readers meet (alt text, titles, labels) is read too.
    """
    reader = _PageReader()
    reader.feed(source)
    reader.close()
    reader.end_block()
    for block in reader.blocks:
        yield from _sentences(block)


def without_template_tags(source: str) -> str:
    """Return a Django template with its tags gone and its values replaced by a neutral word, lines kept."""
    return TEMPLATE_VALUE.sub("this", TEMPLATE_TAG.sub("", source))


def _unleet(word: str) -> str:
    return word if word.isalpha() else word.translate(LEET)


def _text_blocks(text: str) -> Iterator[list[Piece]]:
    block: list[Piece] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or LIST_ITEM.match(line):
            yield block
            block = []
        block.append(Piece(f"{line} ", number))
    yield block


def _sentences(block: Iterable[Piece]) -> Iterator[Sentence]:
    parts: list[str] = []
    starts: list[int] = []
    lines: list[int] = []
    length = 0
    for piece in block:
        plain = BLANKS.sub(" ", plain_form(piece.text))
        starts.append(length)
        lines.append(piece.line)
        parts.append(plain)
        length += len(plain)
    text = "".join(parts)
    for start, end in _spans(text):
        found = BLANKS.sub(" ", text[start:end]).strip()
        if found:
            first = start + len(text[start:end]) - len(text[start:end].lstrip())
            joined = SPACED_OUT.sub(lambda run: SPACER.sub("", run.group()), found)
            yield Sentence(joined, lines[bisect_right(starts, first) - 1])


def _spans(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for end in SENTENCE_END.finditer(text):
        if ABBREVIATION.search(text, max(start, end.start() - 8), end.start() + 1):
            continue
        yield start, end.end()
        start = end.end()
    yield start, len(text)


class _PageReader(HTMLParser):
    """Collects the text of each block with the line it came from."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[list[Piece]] = []
        self._open: list[Piece] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in UNSEEN_TAGS:
            self._unseen += 1
        if tag == "br":
            self._open.append(Piece(" ", self.getpos()[0]))
        if tag in BLOCK_TAGS:
            self.end_block()
        for name, value in attrs:
            if value and name in SPOKEN_ATTRIBUTES:
                self.blocks.append([Piece(value, self.getpos()[0])])

    def handle_endtag(self, tag: str) -> None:
        if tag in UNSEEN_TAGS:
            self._unseen = max(0, self._unseen - 1)
        if tag in BLOCK_TAGS:
            self.end_block()

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        line = self.getpos()[0]
        for offset, part in enumerate(data.splitlines(keepends=True)):
            self._open.append(Piece(part, line + offset))

    def end_block(self) -> None:
        """Close the block that is being read."""
        if self._open:
            self.blocks.append(self._open)
            self._open = []
