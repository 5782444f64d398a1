"""Deny by default: a view opens itself by naming its permission."""

from typing import Any

from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request


class DenyAll(BasePermission):
    """The default of a view that has not said who may use it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return False


class Public(AllowAny):
    """Anybody may: said aloud, so that a reader sees it was meant."""
