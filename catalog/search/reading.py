"""From what somebody typed to terms: sizes, SKUs, sayings, and words that are left."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from catalog.search import synonyms

# More words than that are a sentence: the first ones tell what is meant.
MAX_TERMS = 8
GRAMS = {"kg": 1000, "kilo": 1000, "kilos": 1000, "g": 1, "gr": 1, "gram": 1, "grams": 1}
MILLILITRES = {
    "ml": 1,
    "cl": 10,
    "l": 1000,
    "ltr": 1000,
    "litre": 1000,
    "litres": 1000,
    "liter": 1000,
    "liters": 1000,
}
_UNITS = "|".join(sorted([*GRAMS, *MILLILITRES], key=len, reverse=True))
_SIZE = re.compile(rf"\b([0-9]{{1,5}}(?:[.,][0-9]{{1,3}})?) ?({_UNITS})\b")
# With a hyphen or a digit in it: a SKU, its beginning, a GTIN; or a word like roll-on.
_CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+|[a-z]+[0-9][a-z0-9]*|[0-9]{8,14}")
_PART = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that was asked for. `query` is a tsquery in English words, `code` one of bare tokens."""

    text: str
    query: str = ""
    code: str = ""

    @property
    def is_word(self) -> bool:
        """Whether nobody has said yet what it means: the catalogue is asked."""
        return not self.query and not self.code


def read(text: str) -> list[Term]:
    """Return the terms of a search; an empty list if nothing in it can be searched for."""
    plain = plain_words(text)
    sizes = [
        Term(f"{found[1]} {found[2]}", code=_size(found[1], found[2])) for found in _SIZE.finditer(plain)
    ]
    parts = _PART.findall(_SIZE.sub(" ", plain))
    return [*sizes, *_terms(parts)][:MAX_TERMS]


def plain_words(text: str) -> str:
    """Return text in lower case, without accents; what is inside a word (women’s) does not split it."""
    bare = unicodedata.normalize("NFKD", text)
    letters = "".join(mark for mark in bare if not unicodedata.combining(mark))
    return re.sub(r"['’`]", "", letters.casefold())


def _size(number: str, unit: str) -> str:
    amount = Decimal(number.replace(",", "."))
    if unit in GRAMS:
        return f"size{int(amount * GRAMS[unit])}g"
    return f"size{int(amount * MILLILITRES[unit])}ml"


def _terms(parts: list[str]) -> Iterator[Term]:
    """Longer sayings first: "foot bath" is not a foot and a bath."""
    known, place = synonyms.sayings() if parts else {}, 0
    longest = max((len(saying.split()) for saying in known), default=0)
    while place < len(parts):
        length = next((n for n in range(longest, 0, -1) if _saying(parts, place, n) in known), 0)
        if length:
            saying = _saying(parts, place, length)
            yield Term(saying, query=known[saying])
        else:
            yield _term(parts[place])
        place += max(length, 1)


def _saying(parts: list[str], place: int, length: int) -> str:
    """Return so many words from a place on, spelt as sayings are; "" where there are not so many."""
    chosen = parts[place : place + length]
    return " ".join(chosen).replace("-", " ") if len(chosen) == length else ""


def _term(part: str) -> Term:
    if not _CODE.fullmatch(part):
        return Term(part)
    words = " & ".join(part.split("-")) if "-" in part else ""
    return Term(part, query=words, code=f"{part.replace('-', '')}:*")
