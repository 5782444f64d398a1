"""The admin site, and the base classes and pages that every part of it is built on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache, update_wrapper
from operator import attrgetter
from typing import Any, ClassVar, cast
from zoneinfo import ZoneInfo

from allauth.mfa.utils import is_mfa_enabled
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.checks import ModelAdminChecks
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, ValidationError
from django.core.paginator import Paginator
from django.db import connection, models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from unfold.admin import ModelAdmin, TabularInline
from unfold.sites import UnfoldAdminSite
from unfold.widgets import UnfoldAdminTextInputWidget

from shop import second_factor
from shop.characters import one_line
from shop.exceptions import ShopError
from shop.money import format_money


class ShopAdminSite(UnfoldAdminSite):
    """The staff's side of the shop."""

    site_title = "Shop"
    index_title = "Today"
    # found by name: the pages themselves belong to the roof
    index_template = "backoffice/index.html"
    door_template = "storefront/account/staff_door.html"

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff only, and only with a second factor where the settings ask for one."""
        return super().has_permission(request) and second_factor.is_enough(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send strangers to the shop's one login, whose guesses are counted; tell others what they lack."""
        goes_to = _own_path(request.GET.get("next", "")) or reverse("admin:index")
        if not request.user.is_authenticated:
            return redirect_to_login(goes_to)
        if self.has_permission(request):
            return redirect(goes_to)
        is_staff = super().has_permission(request)
        has_app = is_staff and is_mfa_enabled(request.user, types=["totp"])
        context = {"is_staff": is_staff, "has_app": has_app, "goes_to": goes_to}
        return TemplateResponse(request, self.door_template, context, status=403)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The account's own page counts tries at the present password."""
        return redirect("account_change_password")

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """Let every page show, and every form take, times of the shop's own zone."""

        def in_the_shops_zone(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            with timezone.override(ZoneInfo(settings.SHOP_TIME_ZONE)):
                answer = view(request, *args, **kwargs)
                # A page that is drawn later would be drawn in another zone.
                return answer.render() if hasattr(answer, "render") else answer

        return super().admin_view(update_wrapper(in_the_shops_zone, view), cacheable)


def _own_path(url: str) -> str:
    return url if url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None) else ""


site = ShopAdminSite(name="admin")


def register(*records: type[models.Model]) -> Callable[[type[ModelAdmin]], type[ModelAdmin]]:
    """Register an admin class on the shop's site."""
    return admin.register(*records, site=site)


class EstimatingPaginator(Paginator):
    """Counts exactly up to a limit. A longer list without filters shows PostgreSQL's estimate of its table,
    a longer list with filters ends at the limit: nobody pages that far, and counting a million rows is slow.
    """

    EXACT_UP_TO = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by()[: self.EXACT_UP_TO + 1].count()
        if counted <= self.EXACT_UP_TO:
            return counted
        if rows.query.where:
            return self.EXACT_UP_TO
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)",
                [rows.model._meta.db_table],
            )
            return max(cursor.fetchone()[0], counted)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that belong to a record, shown under it."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]


class ShopAdmin(ModelAdmin):
    """Base of every admin page: lists stay within their query budget and show people, not raw units."""

    # Unfold's own check asks the database for permissions, which are not there before the first migrate.
    checks_class = ModelAdminChecks
    list_per_page = 50
    # An address typed without its scheme is one of the web as it is now.
    formfield_overrides: ClassVar[dict[Any, dict[str, Any]]] = {models.URLField: {"assume_scheme": "https"}}
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = EstimatingPaginator
    compressed_fields = True
    warn_unsaved_form = True
    change_form_outer_after_template = "shop/admin/tables.html"
    # How a search finds its rows: {lookup: how the term is spelt there}. Each must have an index of its own.
    search_prefixes: ClassVar[Mapping[str, Callable[[str], str]]] = {}
    # A term that finds more than this in one of its ways is too wide to read: type more of it.
    FOUND_AT_MOST: ClassVar[int] = 500

    def get_tables(self, request: HttpRequest, obj: Any) -> Sequence[Table]:
        """Return the tables to show under a record."""
        return ()

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = kwargs.get("obj")
        context["tables"] = self.get_tables(request, obj) if obj is not None else ()
        return super().render_change_form(request, context, *args, **kwargs)

    def response_action(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse | None:
        """Refuse chosen rows that no row can be named by: Django would fail on them in the action."""
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(key)
        except ValidationError as error:
            raise BadRequest("Rows are chosen by their keys.") from error
        answer: HttpResponse | None = super().response_action(request, queryset)
        return answer

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        return tuple(self.search_prefixes) or super().get_search_fields(request)

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """Find by one index scan for each way, up to a limit: an OR over joins would read whole tables."""
        term = one_line(search_term)
        if not self.search_prefixes or not term:
            return super().get_search_results(request, queryset, search_term)
        rows = self.model._default_manager.order_by()
        ways = [
            rows.filter(**{lookup: spell(term)}).values_list("pk", flat=True)
            for lookup, spell in self.search_prefixes.items()
        ]
        ways += self.other_ways_to_find(term)
        found = [way[: self.FOUND_AT_MOST] for way in ways]
        # Asked for first: joined in, the planner takes them for many and walks the whole table by its key.
        newest = sorted(found[0].union(*found[1:]), reverse=True)[: self.FOUND_AT_MOST]
        return queryset.filter(pk__in=newest), False

    def other_ways_to_find(self, term: str) -> list[models.QuerySet[Any, Any]]:
        """Return more querysets of primary keys that a term may mean, each by an index of its own."""
        return []


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
        if amount is None:
            return "–"
        return format_money(amount, attrgetter(currency.replace("__", "."))(row))

    column.short_description = label  # type: ignore[attr-defined]
    column.admin_order_field = field  # type: ignore[attr-defined]
    return column


def time_column(field: str, label: str) -> Callable[[Any, Any], str]:
    """Return a list column that shows a moment as `when` writes it, sortable by the field."""

    def column(self: Any, row: Any) -> str:
        return when(getattr(row, field))

    column.short_description = label  # type: ignore[attr-defined]
    column.admin_order_field = field  # type: ignore[attr-defined]
    return column


def date_column(field: str, label: str) -> Callable[[Any, Any], str]:
    """Return a list column that shows a date as `on_day` writes it, sortable by the field."""

    def column(self: Any, row: Any) -> str:
        return on_day(getattr(row, field))

    column.short_description = label  # type: ignore[attr-defined]
    column.admin_order_field = field  # type: ignore[attr-defined]
    return column


def key_of(text: str) -> int:
    """Return the primary key that an address names; 0, which no row has, for anything else.

    "²" is a digit to Python's `isdigit`, and no number; thousands of digits are more than `int` takes.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def on_day(value: date | None) -> str:
    """Return a date as staff read it, never broken over lines."""
    return "–" if value is None else date_format(value, "j M Y").replace(" ", "\N{NO-BREAK SPACE}")


def counted(count: int, noun: str, *, many: str = "") -> str:
    """Return a number with its noun: 1 expired hold, 2 expired holds."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"


def when(moment: datetime | None) -> str:
    """Return a moment as staff read it: in the shop's own zone, which is named; never broken over lines."""
    if moment is None:
        return "–"
    local = timezone.localtime(moment, ZoneInfo(settings.SHOP_TIME_ZONE))
    return date_format(local, "j M Y, H:i T").replace(" ", "\N{NO-BREAK SPACE}")


def badges(*labels: tuple[str, str]) -> SafeString:
    """Return (text, kind) pairs as badges; kinds are info, success, warning and danger."""
    shown = [_badge(text, kind) for text, kind in labels]
    return mark_safe(" ".join(shown))  # noqa: S308 - each part was escaped by its template


@lru_cache(maxsize=512)
def _badge(text: str, kind: str) -> str:
    """Draw each badge once: a list of orders shows two hundred, of a dozen kinds."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": kind})


class ReasonForm(forms.Form):
    """Why: kept on the record's timeline."""

    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget())


@dataclass(frozen=True, slots=True)
class Question:
    """What a button asks before it acts."""

    title: str
    explanation: str
    button: str
    is_dangerous: bool = False


def act(
    model_admin: ModelAdmin,
    request: HttpRequest,
    record: models.Model,
    question: Question,
    verb: Callable[[dict[str, Any]], str],
    *,
    form: forms.Form | None = None,
    page: str = "",
) -> HttpResponse:
    """Ask first (GET), then run a verb on a record (POST), say what came of it and show the record again,
    or `page` where the record is gone.

    `verb` is given the form's cleaned data and returns the words for staff. A refusal is shown beside the
    question, and nothing of what was typed is lost.
    """
    meta = model_admin.opts
    page = page or reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[record.pk])
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            messages.success(request, verb(form.cleaned_data if form is not None else {}))
            return redirect(page)
        except ShopError as refusal:
            _show_refusal(request, refusal, form)
    context = {
        **site.each_context(request),
        "title": question.title,
        "subtitle": str(record),
        "question": question,
        "form": form,
        "opts": meta,
        "object": record,
        "page": page,
    }
    return TemplateResponse(request, "shop/admin/ask.html", context)


def _show_refusal(request: HttpRequest, refusal: ShopError, form: forms.Form | None) -> None:
    """Show a refusal beside the fields that it names, else above them all."""
    named = set(refusal.fields) & set(form.fields if form else ())
    for name in named:
        cast(forms.Form, form).add_error(name, refusal.fields[name])
    if not named:
        messages.error(request, refusal.detail)


def run_verb(request: HttpRequest, verb: Callable[[], Any], success: str) -> bool:
    """Run a verb behind a button and tell staff what came of it; return whether it worked."""
    try:
        verb()
    except ShopError as refusal:
        messages.error(request, refusal.detail)
        return False
    messages.success(request, success)
    return True
