"""One API request from its headers to its answer: key, version, idempotency, checks, the verb, expansion."""

from __future__ import annotations

import base64
import json
import re
import sys
import time
import traceback
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from . import errors, form, idempotency, listing, parameters, routes
from .attempts import SETTINGS
from .context import Context, new_id
from .store import Store

KEY = re.compile(r"^(sk|rk|pk)_test_\w+$")
LIVE_KEY = re.compile(r"^(sk|rk|pk)_live_")


@dataclass
class Request:
    """What came over the wire."""

    method: str
    path: str
    query: str
    headers: Message
    body: str


@dataclass
class Answer:
    """What goes back."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


class Api:
    """Stripe's API over one store."""

    def __init__(self, store: Store, keys: idempotency.Keys, public_url: str) -> None:
        self.store = store
        self.keys = keys
        self.public_url = public_url

    def handle(self, request: Request) -> Answer:
        """Answer a request under /v1; nothing escapes as an exception."""
        ctx = Context(self.store, self.public_url, request_id=new_id("req", 14))
        headers = {"Request-Id": ctx.request_id or "", "Stripe-Version": ctx.version.name}
        try:
            answer = self._checked(ctx, request)
        except errors.ApiError as error:
            answer = Answer(error.status, json.dumps(error.body))
        headers["Stripe-Version"] = ctx.version.name
        if ctx.idempotency_key:
            headers["Idempotency-Key"] = ctx.idempotency_key
        answer.headers = {**headers, **answer.headers}
        return answer

    def _checked(self, ctx: Context, request: Request) -> Answer:
        ctx.publishable = _is_publishable(request.headers)
        found = routes.find(request.method, request.path)
        if found is None:
            raise errors.unknown_url(request.method, request.path)
        operation, ids = found
        if ctx.publishable and operation not in routes.PUBLISHABLE:
            text = "This API call cannot be made with a publishable API key. Please use a secret API key."
            raise errors.unauthorized(text, "secret_key_required")
        ctx.version = parameters.version(request.headers.get("Stripe-Version"))
        params = form.decode(request.body if request.method == "POST" else request.query)
        key = request.headers.get("Idempotency-Key")
        if request.method != "POST" or not key:
            return self._execute(ctx, operation, ids, params, None)
        return self._once(ctx, key, request.path, operation, ids, params)

    def _once(
        self, ctx: Context, key: str, path: str, operation: str, ids: tuple[str, ...], params: dict[str, Any]
    ) -> Answer:
        ctx.idempotency_key = key
        claim, kept = self.keys.claim(key, path, params)
        if kept is not None:
            original = {"Idempotent-Replayed": "true", "Original-Request": kept["request"]}
            return Answer(kept["status"], kept["body"], original)
        try:
            return self._execute(ctx, operation, ids, params, claim)
        finally:
            self.keys.release(key)

    def _execute(
        self,
        ctx: Context,
        operation: str,
        ids: tuple[str, ...],
        params: dict[str, Any],
        claim: idempotency.Claim | None,
    ) -> Answer:
        self._wait()
        with self.store.unit():
            status, body, executed = self._attempt(ctx, operation, ids, params)
            text = json.dumps(body)
            if claim is not None and executed:
                self.keys.keep(claim, status, text, ctx.request_id or "")
        return Answer(status, text)

    def _wait(self) -> None:
        """A test may ask for slow answers, to have two requests with one key in flight."""
        with self.store.lock:
            seconds = (self.store.get(SETTINGS) or {}).get("latency_seconds", 0)
        if seconds:
            time.sleep(seconds)

    def _attempt(
        self, ctx: Context, operation: str, ids: tuple[str, ...], params: dict[str, Any]
    ) -> tuple[int, dict[str, Any], bool]:
        try:
            return 200, _carry_out(ctx, operation, ids, params), True
        except errors.ApiError as error:
            if not error.commits:
                self.store.discard()
            return error.status, error.body, error.executed
        except Exception:
            self.store.discard()
            traceback.print_exc(file=sys.stderr)
            failure = errors.ApiError(500, "devstripe failed; see its log.", type="api_error")
            return 500, failure.body, True


def _carry_out(ctx: Context, operation: str, ids: tuple[str, ...], params: dict[str, Any]) -> Any:
    # Only the browser may describe a card inside a confirmation, and Stripe's description leaves that out.
    described = params.pop("payment_method_data", None) if ctx.publishable else None
    clean = parameters.check(operation, params, ctx.version)
    if described is not None:
        clean["payment_method_data"] = described
    paths = clean.pop("expand", [])
    for path in paths:
        parameters.check_expand(operation, path)
    answer = routes.ROUTES[operation](ctx, clean, *ids)
    if paths:
        listing.expand(ctx, answer, paths)
    return answer


def _is_publishable(headers: Message) -> bool:
    """Return whether the request's key is a publishable one.

    :raises ApiError: 401 without a test key; live keys are refused.
    """
    key = _key(headers.get("Authorization") or "")
    if not key:
        raise errors.unauthorized(
            "You did not provide an API key. You need to provide your API key in the "
            "Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    if LIVE_KEY.match(key):
        raise errors.unauthorized("This is devstripe, a test double: it never takes a live key.")
    if not KEY.match(key):
        raise errors.unauthorized(f"Invalid API Key provided: {key[:4]}{'*' * 8}{key[-4:]}")
    return key.startswith("pk_")


def _key(header: str) -> str:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode("utf-8").partition(":")[0]
        except ValueError:
            return ""
    return ""
