"""Stripe's form encoding: `a[b][0]=x` and `a[]=x` to nested dicts of strings.

Lists stay dicts keyed "0", "1", …: only the description of a parameter says which of the two it is.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from . import errors

KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")


def decode(text: str) -> dict[str, Any]:
    """Return the parameters of a query string or a form body; every leaf is a string.

    :raises ApiError: 400 for broken brackets, a key given twice, or a key that is both value and container.
    """
    root: dict[str, Any] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        match = KEY.match(key)
        if not match:
            raise errors.bad_parameter(key, f"Invalid request: the key {key!r} has unbalanced brackets")
        _put(root, [match.group(1), *re.findall(r"\[([^\[\]]*)\]", match.group(2))], key, value)
    return root


def _put(root: dict[str, Any], path: list[str], key: str, value: str) -> None:
    node = root
    for part in path[:-1]:
        node = node.setdefault(part or str(len(node)), {})
        if not isinstance(node, dict):
            raise errors.bad_parameter(key, f"Invalid request: {key!r} is both a value and a container")
    last = path[-1] or str(len(node))
    if last in node:
        raise errors.bad_parameter(key, f"Invalid request: {key!r} was given twice")
    node[last] = value
