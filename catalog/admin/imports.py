"""Files in the admin: bring one, see what it would change, apply it; and buttons that write files."""

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from catalog import sheets
from catalog.models import ImportJob
from catalog.tasks import run_import
from shop.admin import (
    Question,
    ReadOnlyAdmin,
    ShopAdmin,
    Table,
    act,
    counted,
    key_of,
    register,
    time_column,
)
from shop.clock import reading
from shop.wake import wake

Kind, Status = ImportJob.Kind, ImportJob.Status
# Who may bring a file of a kind: whoever may make such a change by hand.
PERMISSIONS: dict[str, tuple[str, ...]] = {
    Kind.PRODUCTS: ("catalog.add_product", "catalog.change_product"),
    Kind.VARIANTS: ("catalog.add_variant", "catalog.change_variant"),
    Kind.PRICES: ("catalog.add_price", "catalog.change_price"),
    Kind.COUNTS: ("catalog.add_stockmovement",),
    Kind.LOTS: ("catalog.add_lot",),
}
LABELS = {
    Status.CHECKING: "info",
    Status.READY: "success",
    Status.REFUSED: "danger",
    Status.APPLYING: "info",
    Status.APPLIED: "success",
    Status.FAILED: "danger",
}
# A file up to this size is checked while staff wait; a larger one by a worker.
AT_ONCE_BYTES = 128 * 1024
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def kinds_for(user: Any) -> list[str]:
    """Return the kinds of files that somebody may bring."""
    return [kind for kind, needed in PERMISSIONS.items() if user.has_perms(needed)]


class BringForm(forms.ModelForm):
    """A file and what is in it."""

    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.xlsx"}),
        help_text="CSV in UTF-8, or XLSX (its first sheet). An export has the right columns. Nothing is "
        "written before you have seen what would change.",
    )
    actor: Any = None
    kinds: Sequence[str] = ()

    class Meta:
        model = ImportJob
        fields = ("kind",)
        widgets = {"kind": UnfoldAdminSelectWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind: Any = self.fields["kind"]
        kind.choices = [(value, Kind(value).label.capitalize()) for value in self.kinds]
        kind.label = "What is in it"
        asked = self.initial.get("kind")
        shown = [value for value in self.kinds if asked in (None, value)]
        kind.help_text = format_html_join(mark_safe("<br>"), "{}", ((_columns_of(one),) for one in shown))

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > sheets.MAX_BYTES:
            raise forms.ValidationError(f"At most {sheets.MAX_BYTES // 1024 // 1024} MB. Split the file.")
        if not file.name.lower().endswith((".csv", ".xlsx")):
            raise forms.ValidationError("Bring a .csv or an .xlsx file.")
        return file


def _columns_of(kind: str) -> str:
    needed = sheets.REQUIRED[kind]
    names = ", ".join(f"{name} (needed)" if name in needed else name for name in sheets.names_of(kind))
    return f"{Kind(kind).label.capitalize()}, columns: {names}."


@register(ImportJob)
class ImportJobAdmin(ReadOnlyAdmin):
    list_display = ("file_name", "kind", "status_badge", "new", "changed", "errors_found", "by", "brought")
    list_filter = ("kind", "status")
    list_select_related = ("requested_by",)
    search_fields = ("file_name",)
    fields = (
        "kind", "file_name", "status_badge", "result", "requested_by", "brought", "applied_by", "applied",
    )  # fmt: skip
    readonly_fields = ("status_badge", "result", "brought", "applied")
    change_form_before_template = "catalog/admin/import_state.html"
    actions_detail = ("apply_import", "download_file")

    brought = time_column("created_at", "brought")
    applied = time_column("applied_at", "applied")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[ImportJob]":
        """Show the imports of the kinds that somebody may bring, without their files."""
        return super().get_queryset(request).filter(kind__in=kinds_for(request.user)).defer("content")

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return bool(kinds_for(request.user))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ("kind", "file")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:
            return super().get_form(request, obj, change, **kwargs)
        made = ShopAdmin.get_form(self, request, obj, change, **{**kwargs, "form": BringForm})
        made.kinds = kinds_for(request.user)
        return made

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        file = form.cleaned_data["file"]
        job = sheets.bring(
            kind=form.cleaned_data["kind"],
            file_name=file.name,
            content=file.read(),
            at=reading.now(),
            actor=request.user,
        )
        obj.pk = job.pk
        transaction.on_commit(lambda: start(job))

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return redirect("admin:catalog_importjob_change", obj.pk)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        job = kwargs.get("obj")
        context["is_running"] = job is not None and job.status in ImportJob.RUNNING
        context["percent"] = 100 * job.rows_done // job.rows_total if job and job.rows_total else 0
        return super().render_change_form(request, context, *args, **kwargs)

    def get_tables(self, request: HttpRequest, obj: ImportJob) -> Sequence[Table]:
        tables = []
        if obj.errors:
            tables.append(_errors_table(obj))
        if obj.preview:
            tables.append(_preview_table(obj))
        return tables

    @display(description="status", ordering="status", label=LABELS)
    def status_badge(self, job: ImportJob) -> str:
        return job.status

    @display(description="new", ordering="rows_new")
    def new(self, job: ImportJob) -> int:
        return job.rows_new

    @display(description="changed", ordering="rows_changed")
    def changed(self, job: ImportJob) -> int:
        return job.rows_changed

    @display(description="errors", ordering="error_count")
    def errors_found(self, job: ImportJob) -> int:
        return job.error_count

    @display(description="by")
    def by(self, job: ImportJob) -> str:
        return str(job.requested_by or "a command")

    @display(description="rows")
    def result(self, job: ImportJob) -> str:
        return (
            f"{counted(job.rows_done, 'row')}: {job.rows_new} new, {job.rows_changed} changed, "
            f"{job.rows_unchanged} unchanged, {counted(job.error_count, 'error')}"
        )

    def has_apply_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.has_view_permission(request)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """The button is there while there is something to apply."""
        job = self.get_object(request, str(object_id))
        found = super().get_actions_detail(request, object_id)
        if job is not None and job.status == Status.READY and job.rows_new + job.rows_changed:
            return found
        return [button for button in found if not str(button.action_name).endswith("apply_import")]

    @action(description="Apply", icon="check", permissions=["apply"])
    def apply_import(self, request: HttpRequest, object_id: str) -> HttpResponse:
        job = get_object_or_404(self.get_queryset(request), pk=key_of(object_id))
        question = Question(
            f"Apply {job.file_name}",
            f"{job.rows_new} new and {job.rows_changed} changed rows are written, all of them or, should "
            "anything have changed meanwhile, none.",
            "Apply all rows",
        )

        def verb(_: dict[str, Any]) -> str:
            approved = sheets.approve(job, actor=request.user)
            start(approved)
            return "It is being applied; its state stands below."

        return act(self, request, job, question, verb)

    @action(description="The file", icon="download", permissions=["apply"])
    def download_file(self, request: HttpRequest, object_id: str) -> HttpResponse:
        job = get_object_or_404(self.get_queryset(request).defer(None), pk=key_of(object_id))
        answer = HttpResponse(bytes(job.content), content_type="application/octet-stream")
        answer.headers["Content-Disposition"] = f'attachment; filename="import-{job.pk}{_ending(job)}"'
        return answer


def _ending(job: ImportJob) -> str:
    return ".xlsx" if job.file_name.lower().endswith(".xlsx") else ".csv"


def start(job: ImportJob) -> None:
    """Run a small import now, and let a worker run a large one."""
    if job.size <= AT_ONCE_BYTES:
        sheets.run(job.pk, at=reading.now())
    else:
        wake(run_import, job.pk)


def _errors_table(job: ImportJob) -> Table:
    shown = "" if job.error_count == len(job.errors) else f", the first {len(job.errors)} of them"
    title = f"{counted(job.error_count, 'error')}{shown}: nothing was written"
    rows = [(row or "–", column or "–", words) for row, column, words in job.errors]
    return Table(title, ("row", "column", "what is wrong"), rows)


def _preview_table(job: ImportJob) -> Table:
    done = "was changed" if job.status == Status.APPLIED else "would change"
    total = job.rows_new + job.rows_changed
    shown = "" if total == len(job.preview) else f" (the first {len(job.preview)} of {total} rows)"
    rows = [
        (
            row if n == 0 else "",
            key if n == 0 else "",
            outcome if n == 0 else "",
            column,
            before or "–",
            after,
        )
        for row, key, outcome, differences in job.preview
        for n, (column, before, after) in enumerate(differences)
    ]
    return Table(f"What {done}{shown}", ("row", "about", "", "column", "before", "after"), rows)


class SheetButtons(ModelAdmin):
    """Import and export on a list. Put it before the admin class, and name the kind of file."""

    sheet_kind: ClassVar[str]
    actions_list: tuple[str, ...] = ("export_csv", "export_xlsx", "import_file")
    actions: Sequence[str] = ("export_selected",)

    def has_import_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.sheet_kind in kinds_for(request.user)

    @action(description="Export as CSV", icon="download", permissions=["view"])
    def export_csv(self, request: HttpRequest) -> StreamingHttpResponse:
        return _csv(self.sheet_kind)

    @action(description="Export as XLSX", icon="download", permissions=["view"])
    def export_xlsx(self, request: HttpRequest) -> FileResponse:
        kind = self.sheet_kind
        book = sheets.workbook(kind, sheets.rows_of(kind))
        return FileResponse(book, as_attachment=True, filename=f"{kind}.xlsx", content_type=XLSX)

    @action(description="Import a file", icon="upload", permissions=["import"])
    def import_file(self, request: HttpRequest) -> HttpResponse:
        return redirect(f"{reverse('admin:catalog_importjob_add')}?{urlencode({'kind': self.sheet_kind})}")

    @admin.action(description="Export the selected as CSV", permissions=["view"])
    def export_selected(self, request: HttpRequest, queryset: "QuerySet[Any]") -> StreamingHttpResponse:
        return _csv(self.sheet_kind, queryset)


def _csv(kind: str, chosen: "QuerySet[Any] | None" = None) -> StreamingHttpResponse:
    lines = sheets.csv_lines(kind, sheets.rows_of(kind, chosen))
    headers = {"Content-Disposition": f'attachment; filename="{kind}.csv"'}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)
