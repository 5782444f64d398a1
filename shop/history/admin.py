"""Who changed which price, product or role, when, and from what to what."""

from collections.abc import Iterable, Sequence
from typing import Any

import pghistory.core
from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from shop.admin import ReadOnlyAdmin, register, time_column
from shop.history.models import Change

SUBJECTS = {
    "history.TrackedPrice": "Price",
    "history.TrackedProduct": "Product",
    "history.TrackedVariant": "Variant",
    "history.TrackedCategory": "Category",
    "history.TrackedBundleComponent": "Bundle",
    "history.TrackedUser": "Account",
    "history.TrackedUserRole": "Role of an account",
    "history.TrackedUserPermission": "Permission of an account",
    "history.TrackedRole": "Role",
    "history.TrackedRolePermission": "Permission of a role",
    "history.TrackedRefundLimit": "Refund limit",
}
NAMED_BY = {
    "permission_id": ("auth.Permission", "codename"),
    "group_id": ("auth.Group", "name"),
    "user_id": ("accounts.User", "email"),
    "variant_id": ("catalog.Variant", "sku"),
}


class SubjectFilter(admin.SimpleListFilter):
    title = "subject"
    parameter_name = "subject"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return SUBJECTS.items()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Change]) -> QuerySet[Change]:
        return queryset.filter(pgh_obj_model=self.value()) if self.value() else queryset


@register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ("changed", "who", "what", "change")
    list_display_links = None
    list_filter = (SubjectFilter, "pgh_label")
    changed = time_column("pgh_created_at", "when")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Change]:
        rows = Change.objects.across(*pghistory.core.event_models())
        return rows.order_by("-pgh_created_at", "-pgh_id")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list's rows, each with the names of what it links to."""
        page = super().get_changelist_instance(request)
        page.result_list = list(page.result_list)
        names = _names_in(page.result_list)
        for row in page.result_list:
            row.names = names
        return page

    @admin.display(description="who")
    def who(self, change: Change) -> str:
        """Nobody signed in: a command, a task or a migration did it."""
        names = getattr(change, "names", {})
        return names.get(("user_id", _actor(change)), "the system")

    @admin.display(description="what")
    def what(self, change: Change) -> str:
        name = SUBJECTS.get(change.pgh_obj_model, change.pgh_obj_model)
        return f"{name} {change.pgh_obj_id or ''} {change.pgh_label}".replace("  ", " ")

    @admin.display(description="change")
    def change(self, change: Change) -> SafeString:
        """What a field was and what it became; of a new or removed row, all of it."""
        if change.pgh_label == "changed":
            pairs = [(name, *two) for name, two in (change.pgh_diff or {}).items()]
            return format_html_join("", "<div><b>{}</b> {} → {}</div>", _shown(pairs))
        return format_html_join("", "<div><b>{}</b> {}</div>", _shown(_facts(change)))


def _facts(change: Change) -> list[tuple[Any, ...]]:
    """Return what a row holds, without what is empty; links by name where they name a person or a right."""
    names = getattr(change, "names", {})
    held = {k: v for k, v in change.pgh_data.items() if k != "id" and v not in (None, "", [], {})}
    return [(k, names.get((k, v), v) if k in NAMED_BY else v) for k, v in held.items()]


def _actor(change: Change) -> int | None:
    """Return who was signed in when it happened, by key."""
    found: int | None = (change.pgh_context or {}).get("user")
    return found


def _names_in(rows: Sequence[Change]) -> dict[tuple[str, Any], str]:
    """Return what links are called, {(column, key): name}: one query for each kind of link."""
    found: dict[tuple[str, Any], str] = {}
    data = [row.pgh_data for row in rows] + [{"user_id": _actor(row)} for row in rows]
    for column, (label, field) in NAMED_BY.items():
        keys = {row[column] for row in data if row.get(column) is not None}
        if keys:
            named = apps.get_model(label)._default_manager.filter(pk__in=keys).values_list("pk", field)
            found.update({(column, pk): name for pk, name in named})
    return found


def _shown(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    return [tuple(str(part)[:120] for part in row) for row in rows]
