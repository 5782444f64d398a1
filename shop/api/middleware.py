"""Small courtesies of the API towards its clients."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from shop.api.errors import CONTENT_TYPE, problem


class OptionalTrailingSlash:
    """Takes API addresses with or without a slash at the end, and refuses a NUL before it reaches a query."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if "\x00" in path or "%00" in request.META.get("QUERY_STRING", ""):
            return _bad_character()
        if path.startswith(("/api/", "/webhooks/")) and path.endswith("/"):
            request.path_info = path.rstrip("/")
            request.path = request.path.rstrip("/")
        return self.get_response(request)


def _bad_character() -> HttpResponse:
    body = problem(400, "forbidden_character", "The address holds a control character")
    return JsonResponse(body, status=400, content_type=CONTENT_TYPE)
