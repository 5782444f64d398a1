"""The strict input layer: what passes here is JSON of sane size, depth and characters."""

import json
import re
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from shop.exceptions import InvalidInput

# C0 controls but for tab, line feed and carriage return; DEL; C1 controls; lone surrogates.
FORBIDDEN_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

# A whole string, or one bracket. Possessive, and a string without an end takes the rest: linear on any input.
_TOKENS = re.compile(r'"(?:[^"\\]|\\(?:.|\Z))*+(?:"|\Z)|[\[\]{}]', re.DOTALL)


class TooLarge(InvalidInput):
    code = "too_large"
    title = "The body is too large"


class StrictJSONParser(BaseParser):
    """Parses JSON; refuses oversize, deep nesting, NaN, duplicate names and control characters."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        raw = stream.read(settings.API_MAX_BODY_BYTES + 1)
        if len(raw) > settings.API_MAX_BODY_BYTES:
            raise TooLarge(f"At most {settings.API_MAX_BODY_BYTES // 1024} KiB.")
        return parse_strict(raw)


def parse_strict(raw: bytes) -> Any:
    """Return the value of a JSON text.

    :raises ParseError: if it is not JSON in UTF-8, or breaks one of the limits.
    """
    try:
        text = raw.decode("utf-8")
        _check_depth(text)
        value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"This is not valid JSON: {str(error)[:200]}") from error
    _check_characters(value, "body")
    return value


def _check_depth(text: str) -> None:
    depth = 0
    for part in _TOKENS.finditer(text):
        mark = part.group()
        depth += (mark in "[{") - (mark in "]}")
        if depth > settings.API_MAX_JSON_DEPTH:
            raise ValueError(f"nested deeper than {settings.API_MAX_JSON_DEPTH} levels")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return found


def _check_characters(value: Any, where: str) -> None:
    if isinstance(value, str):
        if FORBIDDEN_CHARACTERS.search(value):
            raise InvalidInput(
                "Text must not hold control characters.",
                code="forbidden_character",
                fields={where: ["This text holds a control character."]},
            )
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_characters(key, where)
            _check_characters(item, key if where == "body" else f"{where}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_characters(item, f"{where}.{index}")
