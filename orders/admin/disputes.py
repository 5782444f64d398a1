"""Disputes and early fraud warnings: until when, and what to do next."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from orders import advice
from orders.admin import looks
from orders.models import Dispute, FraudWarning
from shop.admin import ReadOnlyAdmin, money_column, register, time_column


class OpenFilter(admin.SimpleListFilter):
    title = "open"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", "open"), ("no", "closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Dispute]) -> QuerySet[Dispute]:
        if self.value() in {"yes", "no"}:
            return queryset.filter(closed_at__isnull=self.value() == "yes")
        return queryset


@register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    list_display = (
        "order",
        "amount_column",
        "reason_words",
        "status_badge",
        "deadline",
        "opened",
        "next_step",
    )
    list_filter = (OpenFilter, "currency")
    list_select_related = ("payment__order",)
    search_prefixes = {
        "payment__order__reference__startswith": str.upper,
        "stripe_dispute_id__startswith": str,
    }
    search_help_text = "The beginning of an order's reference or of a dispute's id at Stripe"
    fields = (
        "order", "stripe_dispute_id", "amount_column", "reason_words", "status_badge", "deadline",
        "next_step", "opened", "closed",
    )  # fmt: skip
    readonly_fields = (
        "order", "amount_column", "reason_words", "status_badge", "deadline", "next_step", "opened", "closed",
    )  # fmt: skip

    amount_column = money_column("amount", "amount")
    deadline = time_column("evidence_due_at", "answer until")
    opened = time_column("opened_at", "opened")
    closed = time_column("closed_at", "closed")

    @admin.display(description="order")
    def order(self, dispute: Dispute) -> str:
        return dispute.payment.order.reference

    @admin.display(description="the bank's reason", ordering="reason")
    def reason_words(self, dispute: Dispute) -> str:
        return looks.words(dispute.reason)

    @display(description="status", ordering="status", label=looks.DISPUTE)
    def status_badge(self, dispute: Dispute) -> tuple[str, str]:
        return dispute.status, looks.words(dispute.status)

    @admin.display(description="what to do next")
    def next_step(self, dispute: Dispute) -> str:
        return advice.for_dispute(dispute)


@register(FraudWarning)
class FraudWarningAdmin(ReadOnlyAdmin):
    list_display = ("order", "type_words", "is_actionable", "raised", "waits", "next_step")
    list_filter = ("is_actionable",)
    list_select_related = ("payment__order",)
    search_prefixes = {
        "payment__order__reference__startswith": str.upper,
        "stripe_warning_id__startswith": str,
    }
    search_help_text = "The beginning of an order's reference or of a warning's id at Stripe"
    fields = ("order", "stripe_warning_id", "type_words", "is_actionable", "raised", "waits", "next_step")
    readonly_fields = ("order", "type_words", "raised", "waits", "next_step")

    raised = time_column("raised_at", "raised")

    @admin.display(description="order")
    def order(self, warning: FraudWarning) -> str:
        return warning.payment.order.reference

    @admin.display(description="type", ordering="fraud_type")
    def type_words(self, warning: FraudWarning) -> str:
        return looks.words(warning.fraud_type)

    @admin.display(description="order waits for a review", boolean=True)
    def waits(self, warning: FraudWarning) -> bool:
        return bool(warning.payment.order.review_reason)

    @admin.display(description="what to do next")
    def next_step(self, warning: FraudWarning) -> str:
        return advice.for_warning(warning)
