"""Lists: filters, the cursor, and `expand[]`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from . import errors
from .context import Context, public
from .store import Obj

COMPARE: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda created, bound: created > bound,
    "gte": lambda created, bound: created >= bound,
    "lt": lambda created, bound: created < bound,
    "lte": lambda created, bound: created <= bound,
}
EXPANDS_TO_LIST = {("charge", "refunds"), ("checkout.session", "line_items")}


def page(
    ctx: Context,
    kind: str,
    params: dict[str, Any],
    *,
    url: str,
    fields: tuple[str, ...] = (),
    where: Callable[[Obj], bool] = lambda obj: True,
) -> Obj:
    """Return one page of a kind, newest first, as Stripe's list object.

    `fields` are the parameters compared with the object's field of the same name.
    :raises ApiError: 400 for a limit outside 1..100 or an unknown cursor.
    """
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise errors.bad_parameter(
            "limit", "This value must be between 1 and 100.", "parameter_invalid_integer"
        )
    wanted = {name: params[name] for name in fields if name in params}
    created = params.get("created", {})
    bounds = created if isinstance(created, dict) else {"gte": created, "lte": created}

    def matches(obj: Obj) -> bool:
        return (
            all(obj.get(name) == value for name, value in wanted.items())
            and all(COMPARE[name](obj["created"], bound) for name, bound in bounds.items())
            and where(obj)
        )

    found = (obj for obj in ctx.store.newest(kind) if not obj.get("deleted") and matches(obj))
    rows, more = _cut(ctx, kind, found, params, limit)
    return {"object": "list", "data": [public(row) for row in rows], "has_more": more, "url": url}


def _cut(
    ctx: Context, kind: str, found: Iterable[Obj], params: dict[str, Any], limit: int
) -> tuple[list[Obj], bool]:
    after, before = params.get("starting_after"), params.get("ending_before")
    for name, id in (("starting_after", after), ("ending_before", before)):
        if id is not None:
            ctx.find(kind, id, name, status=400)
    if after is not None:
        found = itertools.islice(itertools.dropwhile(lambda obj: obj["id"] != after, found), 1, None)
    if before is not None:
        newer = list(itertools.takewhile(lambda obj: obj["id"] != before, found))
        return newer[-limit:], len(newer) > limit
    rows = list(itertools.islice(found, limit + 1))
    return rows[:limit], len(rows) > limit


def expand(ctx: Context, answer: Any, paths: list[str]) -> None:
    """Replace ids by the objects they name, in place, along each path."""
    for path in paths:
        _expand(ctx, answer, path.split("."))


def _expand(ctx: Context, node: Any, levels: list[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _expand(ctx, item, levels)
        return
    if not levels or not isinstance(node, dict):
        return
    name = levels[0]
    if (node.get("object"), name) in EXPANDS_TO_LIST and name not in node:
        node[name] = _sublist(ctx, node, name)
    value = node.get(name)
    if isinstance(value, str):
        target = ctx.store.get(value)
        if target is not None:
            node[name] = public(target)
    _expand(ctx, node.get(name), levels[1:])


def _sublist(ctx: Context, node: Obj, name: str) -> Obj:
    if name == "refunds":
        url = f"/v1/charges/{node['id']}/refunds"
        return page(ctx, "refund", {}, url=url, where=lambda refund: refund["charge"] == node["id"])
    session = ctx.find("checkout.session", node["id"])
    return line_items(session)


def line_items(session: Obj) -> Obj:
    """Return what a Checkout Session sells."""
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return {"object": "list", "data": session["_line_items"], "has_more": False, "url": url}
