"""The admin site and the base classes that every admin page of the shop is built on."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import ModelAdmin, TabularInline
from unfold.sites import UnfoldAdminSite

from shop.exceptions import ShopError
from shop.money import format_money


class ShopAdminSite(UnfoldAdminSite):
    """The staff's side of the shop."""

    site_title = "Shop"
    index_title = "Shop"


site = ShopAdminSite(name="admin")


def register(*records: type[models.Model]) -> Callable[[type[ModelAdmin]], type[ModelAdmin]]:
    """Register an admin class on the shop's site."""
    return admin.register(*records, site=site)


class ShopAdmin(ModelAdmin):
    """Base of every admin page: lists stay within their query budget and show people, not raw units."""

    list_per_page = 50
    show_full_result_count = False
    compressed_fields = True
    warn_unsaved_form = True


class ReadOnlyAdmin(ShopAdmin):
    """History and records that only verbs may write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class InlineReadOnly(TabularInline):
    """Rows under a record, shown and not edited."""

    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


def money_column(field: str, label: str, *, currency: str = "currency") -> Callable[[Any, Any], str]:
    """Return a list column that shows a minor-unit field with its currency, sortable by the field."""

    def column(self: Any, row: Any) -> str:
        amount = getattr(row, field)
        return "–" if amount is None else format_money(amount, getattr(row, currency))

    column.short_description = label  # type: ignore[attr-defined]
    column.admin_order_field = field  # type: ignore[attr-defined]
    return column


def run_verb(request: HttpRequest, verb: Callable[[], Any], success: str) -> bool:
    """Run a verb behind a button and tell staff what came of it; return whether it worked."""
    try:
        verb()
    except ShopError as refusal:
        messages.error(request, refusal.detail)
        return False
    messages.success(request, success)
    return True


def back_to(request: HttpRequest, fallback: str) -> HttpResponse:
    """Return to the page that the button was on."""
    referer = request.headers.get("Referer", "")
    same_host = referer.startswith(f"{request.scheme}://{request.get_host()}/")
    return redirect(referer if same_host else fallback)
