"""Addresses of the API: every one answers with and without a trailing slash, and is documented once."""

from django.urls import URLPattern, path
from rest_framework.views import APIView


def endpoint(route: str, view: type[APIView], name: str) -> list[URLPattern]:
    """Return the two patterns of an address; the one with the slash stays out of the OpenAPI document."""
    return [path(route, view.as_view(), name=name), path(f"{route}/", view.as_view(schema=None))]
