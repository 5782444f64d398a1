"""Cursor pages: {"next", "previous", "results"}, 24 a page."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from shop.exceptions import InvalidInput


class CursorPages(CursorPagination):
    """Pages that stay right while rows come and go."""

    page_size = 24
    page_size_query_param = "page_size"
    max_page_size = 100
    ordering = "id"

    def ordered_by(self, *fields: str) -> "CursorPages":
        """Page in this order; the last field is unique, so that no row is skipped or shown twice."""
        self.ordering = fields  # type: ignore[assignment]
        return self

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        size = request.query_params.get(self.page_size_query_param)
        if size is not None and not (size.isascii() and size.isdigit() and 1 <= int(size[:6]) <= 100):
            raise InvalidInput("page_size is 1 to 100.", fields={"page_size": ["A whole number, 1 to 100."]})
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, ValueError, ValidationError, DataError) as error:
            raise InvalidInput(
                "This cursor does not belong to this list. Start without one.",
                fields={"cursor": ["Not a cursor of this list."]},
            ) from error


class PageOut(serializers.Serializer):
    """One page of a list; `next` and `previous` lead to its neighbours."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


PAGE_PARAMETERS = ("cursor", "page_size")
