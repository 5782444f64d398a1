"""Finding products: what do the words mean here, how well does anything fit, then a condition for any list.

All terms must fit, by name, size, scent, shelf or summary. If no product fits so, descriptions count too
("no lavender in it" is a poor reason to show something), and then those that fit some of the terms.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_, or_
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import connection
from django.db.models import Case, F, FloatField, IntegerField, Max, QuerySet, Value, When
from django.db.models.functions import Cast

from catalog.models import Product, SearchEntry
from catalog.search.reading import Term, read

MAX_LENGTH = 100
# Of matches in description and ingredients, summary, scent and shelf, name and SKU.
WEIGHTS = [0.01, 0.03, 0.4, 1.0]
# Whole numbers, so that a page can begin exactly where the last one ended; few of them, so that a word more
# in a summary does not outweigh the order of the shelf.
STEPS = 40

_WORD = re.compile(r"[a-z0-9]+")

# Is it a word without meaning; do products use it; which words begin with it; which is spelt most alike?
_ASK = """
SELECT numnode(plainto_tsquery('english', given.word)) = 0,
       EXISTS (SELECT 1 FROM catalog_search_entry WHERE vector @@ plainto_tsquery('english', given.word)),
       ARRAY(SELECT word FROM catalog_search_word WHERE length(given.word) > 2
             AND word LIKE given.word || '%%' ORDER BY length(word), word LIMIT 5),
       (SELECT word FROM catalog_search_word WHERE length(given.word) > 3 AND word %% given.word
        ORDER BY similarity(word, given.word) DESC, word LIMIT 1)
FROM unnest(%s::text[]) WITH ORDINALITY AS given(word, place) ORDER BY place
"""


@dataclass(frozen=True, slots=True)
class Understood:
    """What a search means here. `corrected` is how it would be spelt, "" where it was spelt well."""

    text: str
    terms: tuple[Term, ...]
    corrected: str


def understand(text: str) -> Understood:
    """Return what somebody means by a search. One query, none if it holds no plain words."""
    terms = read(text[:MAX_LENGTH])
    words = [term.text for term in terms if term.is_word]
    answers = iter(_ask(words)) if words else iter(())
    read_back = [_resolved(term, next(answers)) if term.is_word else (term, term.text) for term in terms]
    found = [(term, spelt) for term, spelt in read_back if term is not None]
    spelling = " ".join(spelt for _, spelt in found)
    as_typed = " ".join(term.text for term, _ in found)
    return Understood(
        text=text.strip(),
        terms=tuple(term for term, _ in found),
        corrected=spelling if spelling != as_typed else "",
    )


def matching(products: "QuerySet[Product]", wanted: Understood) -> "QuerySet[Any]":
    """Return the products that fit, annotated with `relevance` (larger is better); nothing for no terms.

    One query, to learn how well anything fits; the list itself can then go by the index.
    """
    if not wanted.terms:
        return products.none().annotate(relevance=Value(0))
    # How near words stand to one another says little in texts so short: each counts by itself.
    each = [_query(replace(term, query=term.query.replace("&", "|"))) for term in wanted.terms]
    rank = SearchRank(F("search__vector"), reduce(or_, each), weights=WEIGHTS)
    scored = Cast(Cast(rank, FloatField()) * STEPS, IntegerField())
    return products.filter(search__vector=_condition(wanted.terms)).annotate(relevance=scored)


def _condition(terms: Sequence[Term]) -> Any:
    """Return the strictest of three conditions that some product meets."""
    plainly = reduce(and_, [_query(term, where=":ABC") for term in terms])
    anywhere = reduce(and_, [_query(term) for term in terms])
    entries = SearchEntry.objects.filter(vector=anywhere, product__is_published=True)
    best = entries.aggregate(best=Max(Case(When(vector=plainly, then=1), default=0)))["best"]
    if best is None:
        return reduce(or_, [_query(term) for term in terms])
    return plainly if best else anywhere


def _ask(words: Sequence[str]) -> list[tuple[bool, bool, list[str], str | None]]:
    with connection.cursor() as cursor:
        cursor.execute(_ASK, [list(words)])
        return cursor.fetchall()


def _resolved(term: Term, answer: tuple[bool, bool, list[str], str | None]) -> tuple[Term | None, str]:
    """Return a word as a query, and how it is spelt here; (None, "") for one that means nothing."""
    is_empty, is_known, beginnings, nearest = answer
    if is_empty:
        return None, ""
    if is_known:
        return Term(term.text, query=term.text), term.text
    if beginnings:
        return Term(term.text, query=" | ".join(beginnings)), term.text
    if nearest:
        return Term(term.text, query=nearest), nearest
    return Term(term.text, query=term.text), term.text


def _query(term: Term, *, where: str = "") -> Any:
    """Return a term as a condition; `where` narrows its words to the places of these weights."""
    words = _WORD.sub(rf"\g<0>{where}", term.query)
    queries = [
        SearchQuery(text, config=config, search_type="raw")
        for text, config in ((words, "english"), (term.code, "simple"))
        if text
    ]
    return reduce(or_, queries)
