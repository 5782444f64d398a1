"""The two reports on refills as pages, and as files for a spreadsheet."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from catalog import inventory
from catalog.models import StockLevel
from orders.models import Subscription
from shop import sheets
from shop.admin import Table, badges, on_day, site
from shop.backoffice.refills import charts, counting, demand, figures
from shop.backoffice.refills.demand import Need
from shop.clock import reading

CHARTS_SHOWN = 24


def _report(record: Any) -> Callable[..., Callable[..., HttpResponseBase]]:
    """A page for those who may see a record."""

    def guard(view: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @require_safe
        def guarded(request: HttpRequest) -> HttpResponseBase:
            if not site._registry[record].has_view_permission(request):
                raise PermissionDenied
            return view(request)

        return site.admin_view(guarded)

    return guard


@_report(Subscription)
def figures_page(request: HttpRequest) -> HttpResponseBase:
    """What refills are worth a month, who came and who went, and why."""
    at, is_test = reading.now(), _shows_tests(request)
    counted = counting.refills(at=at, is_test=is_test)
    report = counted.found
    if request.GET.get("format") == "csv":
        return _csv("refills-by-month", _month_rows(report.months))
    context = {
        "title": "Refills: value and churn",
        "counted_at": counted.at,
        "values": report.values,
        "formula": figures.FORMULA,
        "tables": [_months_table(report.months), _reasons_table(report.reasons)],
    }
    return _show(request, "backoffice/refills_figures.html", context, is_test=is_test)


@_report(StockLevel)
def demand_page(request: HttpRequest) -> HttpResponseBase:
    """What refills will take from the shelves in the next eight weeks."""
    at, is_test = reading.now(), _shows_tests(request)
    today, counted = inventory.shop_date(at), counting.needs(at=at, is_test=is_test)
    needs = counted.found
    if request.GET.get("format") == "csv":
        return _csv("refill-demand", _demand_rows(needs, today))
    context = {
        "title": "Refills: what they will take",
        "counted_at": counted.at,
        "cards": [{"need": need, "chart": charts.chart(need)} for need in needs[:CHARTS_SHOWN]],
        "left_out": max(0, len(needs) - CHARTS_SHOWN),
        "tables": [_demand_table(needs, today)] if needs else [],
    }
    return _show(request, "backoffice/refills_demand.html", context, is_test=is_test)


def _show(request: HttpRequest, template: str, context: dict[str, Any], *, is_test: bool) -> HttpResponse:
    shown = {**site.each_context(request), **context, "is_test": is_test}
    return TemplateResponse(request, template, {**shown, "has_tests": _has_tests()})


def _shows_tests(request: HttpRequest) -> bool:
    """Test orders are left out; a shop that has nothing else may look at them alone."""
    return request.GET.get("orders") == "test"


def _has_tests() -> bool:
    return Subscription.objects.filter(is_test=True).exists()


def _csv(name: str, rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(sheets.lines(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _months_table(months: Sequence[figures.Month]) -> Table:
    rows = [
        (
            date_format(month.begins_on, "F Y"),
            f"{month.at_start:,}",
            f"{month.begun:,}",
            f"{month.cancelled:,}",
            f"{month.at_end:,}",
            "–" if month.churn is None else f"{month.churn} %",
        )
        for month in reversed(months)
    ]
    headers = ("month", "at its start", "new", "cancelled", "at its end", "churn")
    return Table("New and cancelled, by month", headers, rows)


def _month_rows(months: Sequence[figures.Month]) -> Iterable[Sequence[object]]:
    yield "month", "at_start", "new", "cancelled", "at_end", "churn_percent"
    for month in months:
        first = month.begins_on.isoformat()
        yield first, month.at_start, month.begun, month.cancelled, month.at_end, month.churn


def _reasons_table(found: Sequence[tuple[str, int]]) -> Table:
    return Table("Why they were cancelled, in these twelve months", ("reason", "times"), found)


def _demand_table(needs: Sequence[Need], today: Any) -> Table:
    weeks = [date_format(day, "j M") for day in demand.week_starts(today)]
    headers = ("SKU", "available", "needed", "too small from", "order by", "lead time", *weeks)
    rows = [
        (
            format_html('<span class="whitespace-nowrap">{}</span>', need.variant.sku),
            need.available,
            need.total,
            _out(need),
            badges(("order now", "danger")) if need.is_late else on_day(need.order_by),
            f"{need.variant.lead_time_days}\N{NO-BREAK SPACE}days",
            *need.weeks,
        )
        for need in needs
    ]
    return Table("The same in numbers, by the week that begins on", headers, rows)


def _out(need: Need) -> str:
    if need.out_on is None:
        return "lasts"
    return f"{on_day(need.out_on)} ({need.days_left}\N{NO-BREAK SPACE}days)"


def _demand_rows(needs: Sequence[Need], today: Any) -> Iterable[Sequence[object]]:
    weeks = [f"week_from_{day.isoformat()}" for day in demand.week_starts(today)]
    yield "sku", "available", *weeks, "total", "too_small_from", "days_left", "lead_time_days", "order_by"
    for need in needs:
        yield (
            sheets.safe(need.variant.sku), need.available, *need.weeks, need.total, need.out_on,
            need.days_left, need.variant.lead_time_days, need.order_by,
        )  # fmt: skip
