"""The strict input layer: its work grows with the body and no faster, whatever the body is."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from django.conf import settings
from rest_framework.exceptions import ParseError

from shop.api import parsers

WORST: dict[str, Callable[[int], str]] = {
    "quotes without an end": lambda n: '"' * n,
    "escapes without an end": lambda n: '"' + "\\" * n,
    "escaped quotes": lambda n: '\\"' * n,
    "a quote, then escaped quotes": lambda n: '"' + '\\"' * n,
    "one long string": lambda n: '"' + "x" * n,
    "strings and escapes": lambda n: '"\\' * n,
    "brackets": lambda n: "[" * n,
    "brackets in a string": lambda n: '"' + "[{" * n,
}


@pytest.mark.parametrize("body", WORST.values(), ids=WORST)
def test_no_character_is_read_twice(body: Callable[[int], str]) -> None:
    """A match begins where the one before ended, and a quote always begins one: nothing is tried again."""
    for size in (1, 2, 1000, 10_001):
        text = body(size)

        spans = [found.span() for found in parsers._TOKENS.finditer(text)]

        assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
        assert sum(end - begin for begin, end in spans) <= len(text)
        skipped = set(range(len(text))) - {place for begin, end in spans for place in range(begin, end)}
        assert not {text[place] for place in skipped} & set('"[]{}'), "a failed try would be made again"


def test_the_repeat_in_the_pattern_gives_nothing_back() -> None:
    assert "*+" in parsers._TOKENS.pattern
    assert not parsers._TOKENS.pattern.replace("*+", "").count("*")


def test_any_text_is_cut_as_a_reader_would_cut_it() -> None:
    dice = random.Random(20261123)
    for _ in range(2000):
        text = "".join(dice.choices('"\\[]{}x\n', k=dice.randrange(24)))

        assert [found.group() for found in parsers._TOKENS.finditer(text)] == _read(text), text


def _read(text: str) -> list[str]:
    """Cut a text into strings and brackets, character by character."""
    tokens, place = [], 0
    while place < len(text):
        begin, place = place, place + 1
        if text[begin] == '"':
            while place < len(text) and text[place] != '"':
                place += 2 if text[place] == "\\" else 1
            place = min(place + 1, len(text))
            tokens.append(text[begin:place])
        elif text[begin] in "[]{}":
            tokens.append(text[begin])
    return tokens


@pytest.mark.parametrize("body", WORST.values(), ids=WORST)
def test_the_worst_bodies_are_refused_at_full_size(body: Callable[[int], str]) -> None:
    text = body(settings.API_MAX_BODY_BYTES)[: settings.API_MAX_BODY_BYTES]

    with pytest.raises(ParseError):
        parsers.parse_strict(text.encode())


def test_brackets_inside_strings_are_no_depth() -> None:
    text = '{"a": "' + "[{" * 1000 + '", "b": [1]}'

    assert parsers.parse_strict(text.encode()) == {"a": "[{" * 1000, "b": [1]}


@pytest.mark.parametrize(("levels", "accepted"), [(32, True), (33, False)])
def test_depth_has_a_limit(levels: int, accepted: bool) -> None:
    text = ("[" * levels + "]" * levels).encode()

    if accepted:
        assert parsers.parse_strict(text) is not None
    else:
        with pytest.raises(ParseError):
            parsers.parse_strict(text)
