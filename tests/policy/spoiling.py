"""Malformed requests, made from a good one: always the same, and each wrong in one way."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.policy.callers import Request

BIG = 10**30
# No field of any operation takes one of these; a field that is a boolean takes True.
NEVER_VALID = [
    BIG, -BIG, 2**63, -1, 0.5, 1e308, True, [], [[]], [1, "a"], {}, {"a": {"b": []}}, "\x00", "a\x07b",
    "\ud800", "\u200b\u2060\u202e", "x" * 5000,
]  # fmt: skip
DEEP = b'{"a":' * 40 + b"1" + b"}" * 40
RAW = [
    b"{", b"\xff\xfe{}", b"\xc3\x28", b"\xef\xbb\xbf{}", b"nul", b'"\\ud800"', b'{"a":1,"a":2}', b"[" * 5000,
    DEEP, b"1" * 6000, b"-", b'{"quantity":NaN}', b'{"quantity":-Infinity}', b"\x00", b"1e99999", b"[]", b"3",
    b"null", b'"text"', b'{"\\u0000":1}', b'{"__proto__":{"is_staff":true}}', b'{"is_staff":true}',
    b'{"a":"' + b"x" * 300_000 + b'"}', b"x" * 300_000,
]  # fmt: skip
TYPES = [
    "/", ";", "text/plain", "application/xml", "multipart/form-data; boundary=x", "multipart/form-data",
    "application/x-www-form-urlencoded", "application/json5",
]  # fmt: skip
IDS = [
    "..%2f..%2f..%2fetc%2fpasswd", "..", "%00", "%ff", "%ED%A0%80", "%0d%0aX-Evil:%201", "x" * 3000, "-1",
    "9" * 40, "1e9", "null", "'%20OR%201=1--", "%E2%80%AE", "%D9%A1", "0x10", "*",
]  # fmt: skip
QUERIES = [
    "cursor=%00", "cursor=x", "cursor=" + "A" * 5000, "cursor=%FF", "page_size=-1", "page_size=0",
    "page_size=1e9", "page_size=" + "9" * 40, "page_size=%D9%A1", "ordering=;--", "ordering=password",
    "currency=GB%00", "currency=XXX", "status=eaten", "q=" + "x" * 5000, "q=%00", "q=%ED%A0%80", "user=1",
    "email__contains=a", "in_stock=maybe", "format=xml", "page_size=1&page_size=2", "a[]=1", "%00=1",
]  # fmt: skip
CURSORS = ["p=abc", "p=-1", "p=" + "9" * 40, "o=-1", "o=" + "9" * 25, "r=1&p=x", "p=0001-01-01"]
HEADERS = {
    "Accept": ["text/html", "application/xml;q=1", "*/*;q=abc", "x" * 300],
    "Authorization": [
        "OrderToken \x00",
        "OrderToken a:b:c",
        "OrderToken " + "x" * 9000,
        "Basic YTpi",
        "Bearer",
    ],
    "X-Session-Token": ["x" * 5000, "'; --", "é"],
    "Content-Length": ["-1", "abc"],
    "Range": ["bytes=0-999999999999999999999"],
    "X-HTTP-Method-Override": ["DELETE"],
    "Origin": ["https://evil.example", "null"],
    "X-Forwarded-For": ["'", "::1%eth0", "1" * 500],
}
KEYS = ["x" * 256, "é", "a b\tc", "\x00"]


@dataclass(frozen=True, slots=True)
class Spoilt:
    """One malformed request. `is_hopeless`: nothing but a refusal will do, and nothing may be written."""

    method: str
    path: str
    raw: bytes
    why: str
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    is_hopeless: bool = True


def spoil(good: Request, template: str) -> Iterator[Spoilt]:
    """Yield every malformed request that comes of a good one; `template` is its path in the document."""
    raw = b"" if good.body is None else json.dumps(good.body).encode()
    yield from _spoilt_paths(good, raw, template)
    if good.method == "GET":
        yield from _spoilt_queries(good)
    elif good.method != "DELETE" or good.body is not None:
        yield from _spoilt_bodies(good)
    for name, values in HEADERS.items():
        for value in values:
            headers = {**good.headers, name: value}
            yield Spoilt(
                good.method, good.path, raw, f"{name}: {value[:40]}", headers=headers, is_hopeless=False
            )


def _spoilt_paths(good: Request, raw: bytes, template: str) -> Iterator[Spoilt]:
    names, sent = template.split("/")[3:], good.path.split("/")
    for place, name in enumerate(names):
        if not name.startswith("{") or name == "{client}":
            continue
        for bad in IDS:
            path = "/".join([*sent[:place], bad, *sent[place + 1 :]])
            yield Spoilt(good.method, path, raw, f"{name} = {bad[:40]}", headers=good.headers)


def _spoilt_queries(good: Request) -> Iterator[Spoilt]:
    path = good.path.partition("?")[0]
    joint = "&" if "?" in good.path else "?"
    made = [f"cursor={base64.b64encode(text.encode()).decode().replace('=', '%3D')}" for text in CURSORS]
    for query in [*QUERIES, *made]:
        start = path if re.match(r"q=", query) else good.path
        yield Spoilt(
            "GET",
            f"{start}{'?' if start == path else joint}{query}",
            b"",
            query[:60],
            headers=good.headers,
            is_hopeless=False,
        )


def _spoilt_bodies(good: Request) -> Iterator[Spoilt]:
    for raw in RAW:
        yield Spoilt(good.method, good.path, raw, f"body {raw[:30]!r}", headers=good.headers)
    whole = json.dumps(good.body or {}).encode()
    for kind in TYPES:
        yield Spoilt(good.method, good.path, whole, kind, content_type=kind, headers=good.headers)
    for spoilt, why in _spoilt_values(good.body or {}):
        yield Spoilt(good.method, good.path, json.dumps(spoilt).encode(), why, headers=good.headers)
    strange = {**(good.body or {}), "is_staff": True}
    yield Spoilt(good.method, good.path, json.dumps(strange).encode(), "one field more", headers=good.headers)
    for key in KEYS:
        headers = {**good.headers, "Idempotency-Key": key}
        yield Spoilt(good.method, good.path, whole, f"key {key[:20]!r}", headers=headers, is_hopeless=False)


def _spoilt_values(value: Any) -> Iterator[tuple[Any, str]]:
    """Yield a JSON value with each of its parts, at any depth, replaced by each that it must not have."""
    if isinstance(value, dict):
        for name, part in value.items():
            for bad in NEVER_VALID:
                if not (isinstance(part, bool) and bad is True):
                    yield {**value, name: bad}, f"{name} = {str(bad)[:30]!r}"
            yield from (({**value, name: inner}, f"{name}.{why}") for inner, why in _spoilt_values(part))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from (
                ([*value[:place], inner, *value[place + 1 :]], f"{place}.{why}")
                for inner, why in _spoilt_values(part)
            )
