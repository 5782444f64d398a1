"""Strict checks of parameters and `expand[]` paths against Stripe's own description (`parameters.json`).

The table is cut from Stripe's OpenAPI file (MIT, Copyright Stripe, Inc.); methods other than
cards are not described.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from . import errors

DESCRIPTION: dict[str, Any] = json.loads((Path(__file__).parent / "parameters.json").read_text("utf-8"))
API_VERSION: str = DESCRIPTION["source"]["overlay"]["version"]
OLDER_VERSION: str = DESCRIPTION["source"]["version"]
EVENT_TYPES: frozenset[str] = frozenset(DESCRIPTION["event_types"])
VERSION_SHAPE = re.compile(r"^\d{4}-\d{2}-\d{2}(\.[a-z]+)?$")
MAX_KEYS, MAX_KEY, MAX_VALUE = 50, 40, 500


@dataclass(frozen=True)
class Version:
    """The API version of one request."""

    name: str

    @property
    def is_current(self) -> bool:
        """Whether what the pinned version removed is gone for this request."""
        return self.name[:10] >= API_VERSION[:10]


def version(header: str | None) -> Version:
    """Return the version a request asks for; without a header, the account's.

    :raises ApiError: 400 for a header that is no version.
    """
    if not header:
        return Version(API_VERSION)
    if not VERSION_SHAPE.match(header):
        raise errors.ApiError(400, f"Invalid Stripe API version: {header}", executed=False)
    return Version(header)


def check(operation: str, params: dict[str, Any], at: Version) -> dict[str, Any]:
    """Return the parameters with integers and booleans as such.

    :raises ApiError: 400 in Stripe's words for unknown, missing, mistyped, empty, overlong or removed ones.
    """
    clean = _hash(DESCRIPTION["operations"][operation]["params"], params, "", at)
    assert isinstance(clean, dict)
    if isinstance(clean.get("metadata"), dict):
        _check_metadata(clean["metadata"])
    return clean


def _check_metadata(metadata: dict[str, str]) -> None:
    if len(metadata) > MAX_KEYS:
        raise errors.bad_parameter("metadata", f"You can have at most {MAX_KEYS} metadata keys.")
    for key, value in metadata.items():
        if len(key) > MAX_KEY:
            text = f"Metadata keys must be at most {MAX_KEY} characters; {key!r} has {len(key)}."
            raise errors.bad_parameter("metadata", text)
        if len(value) > MAX_VALUE:
            text = f"Metadata values can have up to {MAX_VALUE} characters; '{key}' has {len(value)}."
            raise errors.bad_parameter(f"metadata[{key}]", text)


def _hash(schema: dict[str, Any], value: Any, where: str, at: Version) -> dict[str, Any]:
    if value == "":
        raise _empty(where)
    if not isinstance(value, dict):
        raise errors.bad_parameter(where, "Invalid object")
    known, others = schema.get("properties"), schema.get("additionalProperties")
    if known is None and others is None:
        return value
    for name in schema.get("required", ()):
        if name not in value:
            param = f"{where}[{name}]" if where else name
            raise errors.bad_parameter(param, f"Missing required param: {param}.", "parameter_missing")
    clean = {}
    for name, item in value.items():
        param = f"{where}[{name}]" if where else name
        inner = (known or {}).get(name, others)
        if inner is None:
            raise _unknown(param, name, known or {})
        clean[name] = _value(inner, item, param, at)
    return clean


def _unknown(param: str, name: str, known: dict[str, Any]) -> errors.ApiError:
    near = difflib.get_close_matches(name, list(known), 1, 0.7)
    hint = f". Did you mean {near[0]}?" if near else ""
    return errors.bad_parameter(param, f"Received unknown parameter: {param}{hint}", "parameter_unknown")


def _empty(where: str) -> errors.ApiError:
    text = (
        f"You passed an empty string for '{where}'. We assume empty values are an attempt to "
        f"unset a parameter; "
        f"however '{where}' cannot be unset. You should remove '{where}' from your request or supply a "
        "non-empty value."
    )
    return errors.bad_parameter(where, text, "parameter_invalid_empty")


def _value(schema: dict[str, Any], value: Any, where: str, at: Version) -> Any:
    if schema.get("x-gone") and at.is_current:
        code = f"{where}_no_longer_supported" if where == "payment_method_types" else "parameter_unknown"
        text = f"`{where}` is no longer supported in version {API_VERSION}."
        if where == "payment_method_types":
            text += " Use `automatic_payment_methods` or `allowed_payment_method_types` instead."
        raise errors.bad_parameter(where, text, code)
    if schema.get("x-new") and not at.is_current:
        raise _unknown(where, where, {})
    if "anyOf" in schema:
        return _any_of(schema["anyOf"], value, where, at)
    if schema.get("type") == "object" or "properties" in schema:
        return _hash(schema, value, where, at)
    if schema.get("type") == "array":
        return _array(schema, value, where, at)
    if isinstance(value, dict):
        raise errors.bad_parameter(where, f"Invalid {schema.get('type', 'string')}: expected a single value")
    return _scalar(schema, value, where)


def _any_of(choices: list[dict[str, Any]], value: Any, where: str, at: Version) -> Any:
    failures: dict[bool, errors.ApiError] = {}
    for choice in choices:
        try:
            return _value(choice, value, where, at)
        except errors.ApiError as error:
            failures.setdefault(_kind(choice) == _shape(value), error)
    # The complaint about the choice of the same shape is the one that helps.
    raise failures.get(True) or failures[False]


def _kind(schema: dict[str, Any]) -> str:
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    kind = schema.get("type", "string")
    return kind if kind in ("array", "object") else "scalar"


def _shape(value: Any) -> str:
    if not isinstance(value, dict):
        return "scalar"
    return "array" if value and all(name.isdigit() for name in value) else "object"


def _array(schema: dict[str, Any], value: Any, where: str, at: Version) -> list[Any]:
    if _shape(value) != "array":
        raise errors.bad_parameter(where, "Invalid array")
    items = schema.get("items") or {}
    return [_value(items, value[name], f"{where}[{name}]", at) for name in sorted(value, key=int)]


def _scalar(schema: dict[str, Any], value: str, where: str) -> Any:
    kind, allowed = schema.get("type"), schema.get("enum")
    if kind == "boolean":
        if value not in ("true", "false"):
            raise errors.bad_parameter(where, f"Invalid boolean: {value}")
        return value == "true"
    if allowed is not None:
        if value not in allowed and not schema.get("x-stripeBypassValidation"):
            name = where.rsplit("[", 1)[-1].rstrip("]")
            raise errors.bad_parameter(where, f"Invalid {name}: must be one of {_either(allowed)}")
        return value
    if value == "" and not where.startswith("metadata[") and "[metadata][" not in where:
        raise _empty(where)
    if kind == "integer":
        if not re.fullmatch(r"-?\d{1,18}", value):
            raise errors.bad_parameter(where, f"Invalid integer: {value}", "parameter_invalid_integer")
        return int(value)
    if len(value) > schema.get("maxLength", 5000):
        text = f"Invalid string: {value[:40]}...; must be at most {schema.get('maxLength', 5000)} characters"
        raise errors.bad_parameter(where, text, "parameter_invalid_string_too_long")
    return value


def _either(names: list[Any]) -> str:
    texts = [str(name) for name in names[:12]]
    return texts[0] if len(texts) == 1 else ", ".join(texts[:-1]) + " or " + texts[-1]


@lru_cache(maxsize=4096)
def check_expand(operation: str, path: str) -> None:
    """Check one `expand[]` path against what the operation returns.

    :raises ApiError: 400 when a property cannot be expanded, or lies deeper than four levels.
    """
    levels = path.split(".")
    kinds = list(DESCRIPTION["operations"][operation]["returns"])
    if kinds and kinds[0].startswith("[]"):
        kinds = [kind[2:] for kind in kinds]
        if levels.pop(0) != "data" or not levels:
            raise errors.bad_parameter("expand", f"This property cannot be expanded ({path}).")
    if len(levels) > 4:
        raise errors.bad_parameter("expand", "You cannot expand more than 4 levels of a property.")
    for level in levels:
        found = _below(kinds, level)
        if found is None:
            raise errors.bad_parameter("expand", f"This property cannot be expanded ({path}).")
        kinds = found


def _below(kinds: list[str], level: str) -> list[str] | None:
    found: list[str] = []
    known = False
    for kind in kinds:
        if kind.startswith("[]") and level == "data":
            found.append(kind[2:])
            known = True
            continue
        field = DESCRIPTION["expandable"].get(kind, {}).get(level)
        if field is not None:
            found += field.get("x") or field.get("via") or []
            known = True
    return found if known else None
