"""From a text or a page to plain sentences: what a reader sees, without what hides a word from a pattern."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape

_BLOCKS = (
    "address article aside blockquote body button caption dd details dialog div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 head header hr html label legend li main nav ol option p pre "
    "section select summary table tbody td tfoot th thead title tr ul"
)
BLOCK_TAGS = frozenset(_BLOCKS.split())
UNSEEN_TAGS = frozenset({"script", "style"})
TOKEN = re.compile(r"<(?P<slash>/?)(?P<tag>[a-zA-Z][a-zA-Z0-9]{0,20})(?![a-zA-Z0-9])[^<>]*>")
# What only some readers meet: alt texts, labels, descriptions.
SPOKEN_ATTRIBUTE = re.compile(
    r"(?<![\w-])(?:alt|title|aria-label|placeholder|content)[ \t\r\n]{0,20}=[ \t\r\n]{0,20}"
    r"""(?:"(?P<a>[^"]*)"|'(?P<b>[^']*)'|(?P<c>[^\s"'>]+))""",
    re.IGNORECASE,
)

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
SENTENCE_END = re.compile(r"[.!?…]['\")\]]{0,3}(?: {1,2}(?=\S)|$)")
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
    for block in _PageReader(source).blocks:
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


class _PageReader:
    """Collects the text of each block with the line it came from.

    The standard library's parser takes quadratic time on some broken pages; this one goes once from left to
    right. What it cannot read as a tag it reads as text: better a sentence too many than one too few.
    """

    def __init__(self, source: str) -> None:
        self.blocks: list[list[Piece]] = []
        self._open: list[Piece] = []
        self._unseen = ""
        self._line = 1
        self._read(source)
        self._end_block()

    def _read(self, source: str) -> None:
        done = 0
        page = _without_comments(source)
        for token in TOKEN.finditer(page):
            self._text(page[done : token.start()])
            self._tag(token)
            self._line += token.group().count("\n")
            done = token.end()
        self._text(page[done:])

    def _text(self, text: str) -> None:
        for part in text.splitlines(keepends=True):
            if not self._unseen:
                self._open.append(Piece(unescape(part), self._line))
            self._line += part.endswith("\n")

    def _tag(self, token: re.Match[str]) -> None:
        is_end, tag = bool(token["slash"]), token["tag"].lower()
        if self._unseen:
            if is_end and tag == self._unseen:
                self._unseen = ""
            return
        if tag in UNSEEN_TAGS and not is_end:
            self._unseen = tag
        if tag == "br":
            self._open.append(Piece(" ", self._line))
        if tag in BLOCK_TAGS:
            self._end_block()
        for spoken in SPOKEN_ATTRIBUTE.finditer(token.group()):
            self.blocks.append([Piece(unescape(spoken["a"] or spoken["b"] or spoken["c"] or ""), self._line)])

    def _end_block(self) -> None:
        if self._open:
            self.blocks.append(self._open)
            self._open = []


def _without_comments(source: str) -> str:
    """Return a page without its comments, their line ends kept. A comment that never ends is text."""
    kept: list[str] = []
    done = 0
    while (start := source.find("<!--", done)) >= 0 and (end := source.find("-->", start + 4)) >= 0:
        kept += (source[done:start], "\n" * source.count("\n", start, end))
        done = end + 3
    return "".join((*kept, source[done:]))
