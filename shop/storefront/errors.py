"""Answers where an address leads nowhere or our own code fails: problems for programs, pages for people."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from shop.api import errors as api_errors

FOR_PROGRAMS = ("/api/", "/webhooks/")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer an address that leads nowhere, or a signed link that is not valid (any more)."""
    if request.path_info.startswith(FOR_PROGRAMS):
        return api_errors.not_found(request, exception)
    is_link = request.path_info.startswith(("/o/", "/pay/", "/r/"))
    return render(request, "storefront/not_found.html", {"is_link": is_link}, status=404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django refuses before a view sees it: a body beyond its size, a host that is not ours."""
    if request.path_info.startswith(FOR_PROGRAMS):
        body = api_errors.problem(400, "invalid", "The request is not valid")
        return JsonResponse(body, status=400, content_type=api_errors.CONTENT_TYPE)
    return HttpResponse("This request is not valid.", status=400, content_type="text/plain")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer when our own code failed. Asks neither the database nor a context processor for anything."""
    if request.path_info.startswith(FOR_PROGRAMS):
        return api_errors.server_error(request)
    page = render_to_string("storefront/server_error.html", {"shop_name": settings.SHOP_NAME})
    return HttpResponse(page, status=500)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that came without its token: an old page, or cookies are off."""
    if request.path_info.startswith(FOR_PROGRAMS):
        body = api_errors.problem(403, "csrf_failed", "Send the CSRF token as X-CSRFToken")
        return JsonResponse(body, status=403, content_type=api_errors.CONTENT_TYPE)
    return render(request, "storefront/csrf_failed.html", status=403)
