"""Allauth's headless views behind our own door: strict input, limits that count, refusals as problems.

`browser` knows the caller by the session cookie and wants a CSRF token with every write; `app` by
`X-Session-Token`, and needs none: no browser sends that header by itself.
"""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.headless.constants import Client
from allauth.headless.internal.decorators import app_view, browser_view
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from rest_framework.exceptions import (
    MethodNotAllowed,
    NotAuthenticated,
    ParseError,
    UnsupportedMediaType,
)

from shop.accounts import limits
from shop.accounts.api.operations import Call, Operation
from shop.api.errors import CONTENT_TYPE, problem, problem_handler
from shop.api.parsers import TooLarge, parse_strict
from shop.exceptions import InvalidInput, ShopError

View = Callable[..., HttpResponseBase]

TITLES = {
    400: "The request is not valid",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    409: "That is not possible now",
    410: "This session is over",
    429: "Too many requests",
}
CODES = {400: "invalid", 403: "forbidden", 404: "not_found", 409: "conflict", 410: "session_over"}
STEPS = {
    "verify_email": "Confirm your e-mail address first",
    "mfa_authenticate": "Enter the code of your authenticator app",
}
_REFUSED = (ShopError, ParseError, MethodNotAllowed, NotAuthenticated, UnsupportedMediaType)


def view_of(operation: Operation, client: Client) -> View:
    """Return the view that answers for one operation and one kind of client."""
    inner = _guarded(operation, operation.view.as_view(client=client))
    known = app_view(inner) if client == Client.APP else browser_view(inner)

    @wraps(known)
    def answer(request: HttpRequest) -> HttpResponseBase:
        try:
            call = _call_of(operation, request)
            try:
                found = known(request)
            except ImmediateHttpResponse as early:
                found = early.response
        except _REFUSED as refusal:
            return _of_refusal(refusal)
        return _in_our_words(call, found)

    return answer


def _guarded(operation: Operation, inner: View) -> View:
    @wraps(inner)
    def guarded(request: HttpRequest) -> HttpResponseBase:
        call = _call_of(operation, request)
        if not call.is_open and not request.user.is_authenticated:
            # Before the library looks: some of its operations also serve those who have yet to sign in.
            raise NotAuthenticated
        body = _body_of(call, request)
        limits.spend_for(call.limit, request, email=str(body.get("email", "")))
        try:
            return inner(request)
        except IntegrityError:
            # Two sign-ups with one address at once: this time it is known, and the answer the same.
            return inner(request)

    return guarded


def _call_of(operation: Operation, request: HttpRequest) -> Call:
    call = operation.calls.get("GET" if request.method == "HEAD" else request.method or "")
    if call is None:
        raise MethodNotAllowed(request.method or "")
    return call


def _body_of(call: Call, request: HttpRequest) -> Mapping[str, Any]:
    """Return the JSON body, which holds exactly the fields of the call, each of its type.

    :raises InvalidInput: naming each field that is missing, unknown or wrong.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit() and len(length) < 12):
        raise ParseError("Content-Length is no number.")
    if int(length) > settings.API_MAX_BODY_BYTES:
        raise TooLarge(f"At most {settings.API_MAX_BODY_BYTES // 1024} KiB.")
    # Before the body is touched: the check for the CSRF token has read a form's body away.
    if int(length) and request.content_type != "application/json":
        raise UnsupportedMediaType(request.content_type or "")
    raw = request.body
    body = parse_strict(raw) if raw else {}
    if not isinstance(body, dict):
        raise ParseError("Send a JSON object.")
    unknown = {str(name)[:100]: ["This field is not known here."] for name in set(body) - set(call.body)}
    if unknown:
        raise InvalidInput("Check the fields.", code="unknown_field", fields=unknown)
    wrong = {name: [said] for name, shape in call.body.items() if (said := _wrong(body.get(name), shape))}
    if wrong:
        raise InvalidInput(f"Check: {', '.join(sorted(wrong))}.", fields=wrong)
    return body


def _wrong(value: Any, shape: Mapping[str, Any]) -> str:
    """Return what is wrong with a value, "" if nothing is."""
    if value is None:
        return "This field is required."
    if shape["type"] == "array":
        is_list = isinstance(value, list) and all(type(item) is int for item in value)
        return "" if is_list and 0 < len(value) <= shape["maxItems"] else "A list of 1 to 100 numbers."
    if not isinstance(value, str):
        return "A text."
    if not value.strip():
        return "This field may not be blank."
    if len(value) > shape["maxLength"]:
        return f"At most {shape['maxLength']} characters."
    if shape.get("format") == "email":
        try:
            validate_email(value)
        except ValidationError:
            return "Enter a valid e-mail address."
    return ""


def _in_our_words(call: Call, found: HttpResponseBase) -> HttpResponseBase:
    """Return an answer of allauth as it is, or as the problem that it tells."""
    if not isinstance(found, HttpResponse):
        return found
    status = call.done.get(found.status_code, found.status_code)
    said = _json_of(found)
    if status == 204:
        return _keeping(found, HttpResponse(status=204))
    if status < 400:
        return _keeping(found, JsonResponse({**said, "status": status}, status=status))
    return _keeping(found, _problem(status, said))


def _problem(status: int, said: Mapping[str, Any]) -> JsonResponse:
    errors: dict[str, list[str]] = {}
    for error in said.get("errors", ()):
        errors.setdefault(error.get("param", "body"), []).append(error["message"])
    data, meta = said.get("data") or {}, said.get("meta") or {}
    code, title = _named(status, data, meta)
    extra = {"flows": data["flows"]} if "flows" in data else {}
    if meta:
        extra["meta"] = meta
    detail = f"Check: {', '.join(sorted(errors))}." if errors else ""
    body = problem(status, code, title, detail, errors, **extra)
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)


def _named(status: int, data: Mapping[str, Any], meta: Mapping[str, Any]) -> tuple[str, str]:
    if status != 401:
        return CODES.get(status, "refused"), TITLES.get(status, "That was refused")
    pending = next((flow["id"] for flow in data.get("flows", ()) if flow.get("is_pending")), "")
    if pending:
        return pending, STEPS.get(pending, "One more step is left")
    if meta.get("is_authenticated"):
        return "reauthentication_required", "Prove again who you are"
    return "not_authenticated", TITLES[401]


def _json_of(found: HttpResponse) -> dict[str, Any]:
    try:
        said = json.loads(found.content or b"{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _keeping(old: HttpResponse, new: HttpResponse) -> HttpResponse:
    """Return a new answer with the cookies and the caching rules of the old one."""
    new.cookies = old.cookies
    new["Cache-Control"] = old.get("Cache-Control", "no-store")
    return new


def _of_refusal(refusal: Exception) -> HttpResponse:
    found = problem_handler(refusal, {})
    assert found is not None  # each of _REFUSED is known there
    answer = JsonResponse(found.data, status=found.status_code, content_type=CONTENT_TYPE)
    if "Retry-After" in found:
        answer["Retry-After"] = found["Retry-After"]
    answer["Cache-Control"] = "no-store"
    return answer
