"""Puts a name on what staff change in the admin."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from pghistory.middleware import HistoryMiddleware


class NamedChanges(HistoryMiddleware):
    """Only writes of the admin: nowhere else does a person change a price, a product or a role, and the till
    shall not pay for it.
    """

    get_response: Callable[[HttpRequest], HttpResponseBase]

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method == "POST" and request.path_info.startswith(reverse("admin:index")):
            return super().__call__(request)
        return self.get_response(request)
