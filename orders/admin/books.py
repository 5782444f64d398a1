"""The books: what the nightly comparison found, and what Stripe sent to the bank."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from orders import payouts
from orders.admin import looks
from orders.admin.sending_money import stripe_in_words
from orders.models import Order, Payout, PayoutLine, ReconciliationDifference, ReconciliationRun
from shop import sheets
from shop.admin import (
    Question,
    ReadOnlyAdmin,
    Table,
    act,
    badges,
    key_of,
    money_column,
    register,
    time_column,
    when,
)
from shop.clock import reading
from shop.money import format_money

SEVERITY = {"critical": "danger", "warning": "warning", "notice": "info"}
RUN = {"open": "info", "clean": "success", "different": "danger"}
PAYOUT = {
    "pending": "info",
    "in_transit": "info",
    "paid": "success",
    "failed": "danger",
    "canceled": "warning",
}
# A page shows this many rows of a table; the file and the list of differences have the rest.
SHOWN = 500


def order_link(order: Order | None) -> SafeString | str:
    """Return an order's reference as a link to its page."""
    if order is None:
        return "–"
    address = reverse("admin:orders_order_change", args=[order.pk])
    return format_html('<a class="underline" href="{}">{}</a>', address, order.reference)


def amount_of(row: ReconciliationDifference, amount: int | None) -> str:
    """Return an amount with its currency, or a count without one."""
    if amount is None:
        return "–"
    return format_money(amount, row.currency) if row.currency else str(amount)


@register(ReconciliationRun)
class ReconciliationRunAdmin(ReadOnlyAdmin):
    list_display = ("started", "scope", "status_badge", "finished", "compared_column")
    list_filter = ("status",)
    fields = ("status_badge", "scope", "started", "finished", "compared_column", "last_error")
    readonly_fields = ("status_badge", "scope", "started", "finished", "compared_column")

    started = time_column("started_at", "started")
    finished = time_column("finished_at", "finished")

    def get_tables(self, request: HttpRequest, obj: ReconciliationRun) -> Sequence[Table]:
        headers = (
            "how bad",
            "what",
            "about",
            "order",
            "here",
            "there",
            "in words",
            "what to do",
            "known since",
        )
        found = obj.differences.select_related("order").order_by("severity", "pk")
        rows = [
            (
                badges((row.severity, SEVERITY[row.severity])),
                looks.words(row.kind),
                row.subject,
                order_link(row.order),
                amount_of(row, row.here),
                amount_of(row, row.there),
                row.explanation,
                row.advice,
                when(row.known_since),
            )
            for row in found[:SHOWN]
        ]
        return [Table("Differences", headers, rows)] if rows else []

    @display(description="result", ordering="status", label=RUN)
    def status_badge(self, run: ReconciliationRun) -> str:
        return run.status

    @display(description="compared from")
    def scope(self, run: ReconciliationRun) -> str:
        return "the beginning" if run.since is None else f"{when(run.since)}, and what is open"

    @display(description="compared")
    def compared_column(self, run: ReconciliationRun) -> str:
        return ", ".join(f"{number} {what}" for what, number in run.compared.items()) or "–"


@register(ReconciliationDifference)
class ReconciliationDifferenceAdmin(ReadOnlyAdmin):
    list_display = (
        "severity_badge", "what", "subject", "order_column", "here_column", "there_column", "explanation",
        "known", "run",
    )  # fmt: skip
    list_filter = ("severity", "kind")
    list_select_related = ("order", "run")
    ordering = ("-run", "severity", "pk")
    search_prefixes = {"subject__startswith": str, "order__reference__startswith": str.upper}
    search_help_text = "The beginning of an order's reference or of an id at Stripe"
    fields = (
        "severity_badge", "what", "subject", "order_column", "here_column", "there_column", "explanation",
        "advice", "known", "run",
    )  # fmt: skip
    readonly_fields = ("severity_badge", "what", "order_column", "here_column", "there_column", "known")

    known = time_column("known_since", "known since")

    @display(description="how bad", ordering="severity", label=SEVERITY)
    def severity_badge(self, row: ReconciliationDifference) -> str:
        return row.severity

    @display(description="what", ordering="kind")
    def what(self, row: ReconciliationDifference) -> str:
        return looks.words(row.kind)

    @display(description="order")
    def order_column(self, row: ReconciliationDifference) -> SafeString | str:
        return order_link(row.order)

    @display(description="here")
    def here_column(self, row: ReconciliationDifference) -> str:
        return amount_of(row, row.here)

    @display(description="there")
    def there_column(self, row: ReconciliationDifference) -> str:
        return amount_of(row, row.there)


@register(Payout)
class PayoutAdmin(ReadOnlyAdmin):
    list_display = (
        "stripe_payout_id",
        "arrives_on",
        "amount_column",
        "status_badge",
        "is_complete",
        "synced",
    )
    list_filter = ("status", "currency")
    search_prefixes = {"stripe_payout_id__startswith": str}
    search_help_text = "The beginning of a payout's id"
    fields = (
        "stripe_payout_id", "status_badge", "amount_column", "arrives_on", "is_automatic", "is_complete",
        "failure_code", "failure_message", "created", "synced",
    )  # fmt: skip
    readonly_fields = ("amount_column", "status_badge", "created", "synced")
    actions_detail = ("download_csv", "read_again")

    amount_column = money_column("amount", "amount")
    created = time_column("created_at", "sent")
    synced = time_column("synced_at", "read at Stripe")

    def get_tables(self, request: HttpRequest, obj: Payout) -> Sequence[Table]:
        headers = ("booked", "what", "order", "amount", "fee", "net", "source", "in Stripe's words")
        found = obj.lines.select_related("order").order_by("created_at", "pk")
        rows = [_line(line) for line in found[:SHOWN]]
        return [Table("What is in it", headers, rows)] if rows else []

    @display(description="status", ordering="status", label=PAYOUT)
    def status_badge(self, payout: Payout) -> tuple[str, str]:
        return payout.status, looks.words(payout.status)

    @action(description="CSV for the bookkeeper", icon="download", permissions=["view"])
    def download_csv(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        payout = _payout(object_id)
        answer = StreamingHttpResponse(
            sheets.lines(payouts.rows(payout)), content_type="text/csv; charset=utf-8"
        )
        answer["Content-Disposition"] = f'attachment; filename="{payout.stripe_payout_id}.csv"'
        return answer

    @action(description="Read again at Stripe", icon="sync", permissions=["view"])
    def read_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        payout = _payout(object_id)

        def verb(_: dict[str, Any]) -> str:
            with stripe_in_words():
                found = payouts.sync_one(payout.stripe_payout_id, at=reading.now())
            return f"Stripe says: {looks.words(found.status)}, {found.lines.count()} balance transactions."

        words = "Copy the payout and what is in it from Stripe once more."
        return act(self, request, payout, Question("Read again at Stripe", words, "Read"), verb)


def _line(line: PayoutLine) -> Sequence[Any]:
    def show(amount: int) -> str:
        return format_money(amount, line.currency)

    what = looks.words(line.type)
    sums = (show(line.amount), show(line.fee), show(line.net))
    return (when(line.created_at), what, order_link(line.order), *sums, line.source_id, line.description)


def _payout(object_id: str) -> Payout:
    return get_object_or_404(Payout, pk=key_of(object_id))
