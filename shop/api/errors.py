"""Every refusal of the API as RFC 9457 `application/problem+json`. Only this module knows HTTP statuses."""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response

from shop import exceptions as ours

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"

STATUS_OF: list[tuple[type[ours.ShopError], int]] = [
    (ours.InvalidInput, 400),
    (ours.Forbidden, 403),
    (ours.NotFound, 404),
    (ours.Conflict, 409),
    (ours.Stale, 412),
    (ours.Unprocessable, 422),
    (ours.TooManyRequests, 429),
    (ours.Unavailable, 503),
]

DRF_CODES: list[tuple[type[Exception], int, str, str]] = [
    (drf.ParseError, 400, "malformed", "The body cannot be read"),
    (drf.NotAuthenticated, 401, "not_authenticated", "Sign in first"),
    (drf.AuthenticationFailed, 401, "not_authenticated", "Sign in first"),
    (drf.PermissionDenied, 403, "forbidden", "Not allowed"),
    (PermissionDenied, 403, "forbidden", "Not allowed"),
    (drf.NotFound, 404, "not_found", "Not found"),
    (Http404, 404, "not_found", "Not found"),
    (drf.MethodNotAllowed, 405, "method_not_allowed", "This address does not take that method"),
    (drf.NotAcceptable, 406, "not_acceptable", "Only application/json is spoken here"),
    (drf.UnsupportedMediaType, 415, "unsupported_media_type", "Send application/json"),
    (drf.Throttled, 429, "rate_limited", "Too many requests"),
    (RequestDataTooBig, 413, "too_large", "The body is too large"),
    (SuspiciousOperation, 400, "invalid", "The request is not valid"),
]


def problem(
    status: int,
    code: str,
    title: str,
    detail: str = "",
    errors: Mapping[str, Any] | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """Return the members of one problem document."""
    body: dict[str, Any] = {"type": f"urn:problem:{code}", "title": title, "status": status, "code": code}
    body["detail"] = detail or title
    if errors:
        body["errors"] = errors
    return {**body, **extra}


def problem_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception of a view into a problem document; unknown ones stay a 500 for Django."""
    if isinstance(exc, ours.ShopError):
        body = of_shop_error(exc)
    elif isinstance(exc, drf.ValidationError):
        body = _of_validation_error(exc)
    elif isinstance(exc, OperationalError) and _is_contention(exc):
        body = problem(503, "busy", "Busy", "Another request holds these rows. Try again.", retry_after=1)
    else:
        found = _of_framework_error(exc)
        if found is None:
            return None
        body = found
    response = Response(body, status=body["status"], content_type=CONTENT_TYPE)
    if "retry_after" in body:
        response["Retry-After"] = str(body["retry_after"])
    return response


def of_shop_error(exc: ours.ShopError) -> dict[str, Any]:
    """Return the problem document of one of our own refusals."""
    status = next((status for family, status in STATUS_OF if isinstance(exc, family)), 400)
    return problem(status, exc.problem_code, exc.title, exc.detail, exc.fields, **exc.extra)


def _of_framework_error(exc: Exception) -> dict[str, Any] | None:
    for family, status, code, title in DRF_CODES:
        if isinstance(exc, family):
            detail = str(getattr(exc, "detail", "") or "")
            body = problem(status, code, title, detail)
            wait = getattr(exc, "wait", None)
            if wait is not None:
                body["retry_after"] = max(1, int(wait))
            return body
    return None


def _of_validation_error(exc: drf.ValidationError) -> dict[str, Any]:
    errors = exc.detail if isinstance(exc.detail, dict) else {"body": exc.detail}
    codes = set(_flatten(exc.get_codes()))
    code = codes.pop() if len(codes) == 1 and codes <= {"unknown_field", "unknown_parameter"} else "invalid"
    names = ", ".join(sorted(str(name) for name in errors))
    return problem(400, code, "The request is not valid", f"Check: {names}.", errors)


def _flatten(codes: Any) -> list[str]:
    if isinstance(codes, dict):
        return [code for value in codes.values() for code in _flatten(value)]
    if isinstance(codes, list):
        return [code for value in codes for code in _flatten(value)]
    return [str(codes)]


def _is_contention(exc: OperationalError) -> bool:
    """Lock timeout, deadlock or serialisation failure: nothing is wrong but the moment."""
    return getattr(exc.__cause__, "sqlstate", None) in {"55P03", "40P01", "40001"}


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """Answer an address that no route knows."""
    return JsonResponse(problem(404, "not_found", "Not found"), status=404, content_type=CONTENT_TYPE)


def server_error(request: HttpRequest) -> JsonResponse:
    """Answer when our own code failed."""
    body = problem(500, "internal", "Something failed on our side", "It has been logged. Try again later.")
    return JsonResponse(body, status=500, content_type=CONTENT_TYPE)
