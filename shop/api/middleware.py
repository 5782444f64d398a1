"""Small courtesies of the API towards its clients."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.cache import patch_vary_headers

from shop.api.errors import CONTENT_TYPE, problem


class OptionalTrailingSlash:
    """Takes API addresses with or without a slash at the end, and refuses a NUL before it reaches a query."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        bad = [name for name, value in request.GET.items() if "\x00" in name or "\x00" in str(value)]
        if "\x00" in path or bad:
            return _bad_character(bad)
        if path.startswith(("/api/", "/webhooks/")) and path.endswith("/"):
            request.path_info = path.rstrip("/")
            request.path = request.path.rstrip("/")
        return self.get_response(request)


class OtherOrigins:
    """CORS by allow-list: the origins of the settings may read the API with a token, never with cookies.

    Source: https://fetch.spec.whatwg.org/#http-cors-protocol
    """

    METHODS = "GET, POST, PATCH, DELETE"
    SENT = "Authorization, Content-Type, Idempotency-Key, If-Match, X-Session-Token"
    SHOWN = "Content-Disposition, ETag, Idempotent-Replayed, Retry-After"

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith("/api/"):
            return self.get_response(request)
        origin = request.headers.get("Origin", "")
        is_known = origin in settings.CORS_ALLOWED_ORIGINS
        asks_first = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        answer = HttpResponse(status=204) if asks_first and is_known else self.get_response(request)
        patch_vary_headers(answer, ["Origin"])
        if is_known:
            answer["Access-Control-Allow-Origin"] = origin
            answer["Access-Control-Expose-Headers"] = self.SHOWN
        if asks_first and is_known:
            answer["Access-Control-Allow-Methods"] = self.METHODS
            answer["Access-Control-Allow-Headers"] = self.SENT
            answer["Access-Control-Max-Age"] = "600"
        return answer


def _bad_character(parameters: list[str]) -> HttpResponse:
    errors = {name.replace("\x00", "")[:100]: ["This text holds a control character."] for name in parameters}
    body = problem(400, "forbidden_character", "The address holds a control character", errors=errors)
    return JsonResponse(body, status=400, content_type=CONTENT_TYPE)
