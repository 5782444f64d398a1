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
        bad = [name for name, value in request.GET.items() if "\x00" in name or "\x00" in str(value)]
        if "\x00" in path or bad:
            return _bad_character(bad)
        if path.startswith(("/api/", "/webhooks/")) and path.endswith("/"):
            request.path_info = path.rstrip("/")
            request.path = request.path.rstrip("/")
        return self.get_response(request)


def _bad_character(parameters: list[str]) -> HttpResponse:
    errors = {name.replace("\x00", "")[:100]: ["This text holds a control character."] for name in parameters}
    body = problem(400, "forbidden_character", "The address holds a control character", errors=errors)
    return JsonResponse(body, status=400, content_type=CONTENT_TYPE)
