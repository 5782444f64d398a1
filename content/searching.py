"""Finding articles: all words, else those that they were meant to be, else some of them."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector
from django.db.models import Case, F, IntegerField, Max, Q, QuerySet, Value, When
from django.db.models.functions import Cast

from catalog import search as shelves
from content import reading
from content.models import Article, Topic

MAX_WORDS = 8
CONFIG = "english"
# Of matches in body, (nothing), summary, title.
WEIGHTS = [0.1, 0.1, 0.4, 1.0]
# Whole numbers, so that a page can begin exactly where the last one ended.
STEPS = 1000

# Of shorter words too many are alike.
SHORTEST_MISSPELT = 4

_WORD = re.compile(r"[^\W_]+")


def matching(wanted: shelves.Understood, at: datetime) -> "QuerySet[Any]":
    """Return the live articles that fit a search, annotated with `relevance` (larger is better).

    One query, to learn how well anything fits; the list itself can then go by the index.
    """
    words = _words(wanted.text)
    articles = reading.live_articles(at)
    if not words:
        return articles.none().annotate(relevance=Value(0))
    # The beginnings of words count too: somebody may still be typing.
    each = " | ".join(f"{word}:*" for word in words)
    rank = SearchRank(F("search"), _query(each), weights=WEIGHTS)
    return articles.filter(_strictest(words, _words(wanted.corrected), at)).annotate(
        relevance=Cast(rank * STEPS, IntegerField())
    )


def _strictest(words: Sequence[str], corrected: Sequence[str], at: datetime) -> Q:
    """Return the strictest condition that some article meets: all words, those that were meant, any word."""
    every = _all_of(words)
    meant = _meant_by(words, corrected if len(corrected) == len(words) else words)
    found = Article.objects.live(at).filter(every | meant).order_by()
    best = found.aggregate(best=Max(Case(When(every, then=1), default=0)))["best"]
    if best is None:
        return Q(search=_query(" | ".join(f"{word}:*" for word in words)))
    return every if best else meant


def _words(text: str) -> list[str]:
    return _WORD.findall(re.sub(r"['’`]", "", text[: shelves.MAX_LENGTH].casefold()))[:MAX_WORDS]


def _query(query: str) -> SearchQuery:
    return SearchQuery(query, config=CONFIG, search_type="raw")


def _all_of(words: Sequence[str]) -> Q:
    """Return the condition that an article, or the name of one of its topics, holds all words."""
    query = _query(" & ".join(f"{word}:*" for word in words))
    named = Topic.objects.annotate(words=SearchVector("name", config=CONFIG)).filter(words=query)
    in_words = Article.objects.filter(search=query).order_by().values("pk")
    under_topic = Article.topics.through.objects.filter(topic__in=named).values("article")
    return Q(pk__in=in_words.union(under_topic))


def _meant_by(words: Sequence[str], meant: Sequence[str]) -> Q:
    """Return the condition that an article holds each word as the catalogue spells it, or one like it."""
    return reduce(and_, [_like(word, other) for word, other in zip(words, meant, strict=True)])


def _like(word: str, meant: str) -> Q:
    held = Q(search=_query(f"{word}:* | {meant}:*"))
    if len(word) < SHORTEST_MISSPELT:
        return held
    return held | Q(title__trigram_word_similar=word) | Q(summary__trigram_word_similar=word)
