"""Money asked for, money that moved, and what Stripe told us."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from orders import advice, reconciler, tasks
from orders.admin import looks, order_tables
from orders.models import Order, Payment, PaymentAttempt, StripeRefund, WebhookEvent
from shop.admin import ReadOnlyAdmin, Table, counted, money_column, register, time_column, when
from shop.clock import reading


def declined_payments(at: datetime) -> QuerySet[Payment]:
    """Return the payments of orders that still wait, whose last card was declined."""
    waiting = Payment.objects.filter(order__status=Order.Status.PENDING, succeeded_at__isnull=True)
    return waiting.exclude(last_decline_code="")


class DeclinedFilter(admin.SimpleListFilter):
    title = "declined"
    parameter_name = "declined"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("waiting", "and still waiting")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Payment]) -> QuerySet[Payment]:
        declined = declined_payments(reading.now())
        return queryset.filter(pk__in=declined.values("pk")) if self.value() == "waiting" else queryset


@register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = (
        "order", "created", "amount_column", "received_column", "refunded_column", "intent_status",
        "last_decline_code", "succeeded",
    )  # fmt: skip
    list_filter = (DeclinedFilter, "intent_status", "currency", "order__is_test")
    list_select_related = ("order",)
    search_prefixes = {
        "order__reference__startswith": str.upper,
        "stripe_payment_intent_id__startswith": str,
    }
    search_help_text = "The beginning of an order's reference or of a PaymentIntent's id"
    fields = (
        "order", "next_step", "stripe_payment_intent_id", "intent_status", "amount_column", "received_column",
        "refunded_column", "lost_column", "saves_card", "last_decline_code", "created", "succeeded",
        "checked",
    )  # fmt: skip
    readonly_fields = (
        "next_step", "amount_column", "received_column", "refunded_column", "lost_column", "created",
        "succeeded", "checked",
    )  # fmt: skip

    amount_column = money_column("amount", "asked")
    received_column = money_column("amount_received", "received")
    refunded_column = money_column("amount_refunded", "refunded")
    lost_column = money_column("amount_lost", "lost to disputes")
    created = time_column("created_at", "opened")
    succeeded = time_column("succeeded_at", "succeeded")
    checked = time_column("checked_at", "read at Stripe")

    def get_tables(self, request: HttpRequest, obj: Payment) -> Sequence[Table]:
        return [order_tables.attempts(obj)]

    @admin.display(description="what to do next")
    def next_step(self, payment: Payment) -> str:
        return advice.for_payment(payment)


@register(PaymentAttempt)
class PaymentAttemptAdmin(ReadOnlyAdmin):
    list_display = ("order", "number", "call", "outcome_badge", "decline_code", "started", "finished")
    list_filter = ("outcome", "kind")
    list_select_related = ("payment__order",)
    search_prefixes = {"payment__order__reference__startswith": str.upper, "idempotency_key__startswith": str}
    search_help_text = "The beginning of an order's reference or of an idempotency key"
    fields = (
        "order", "number", "call", "outcome_badge", "error_code", "decline_code", "message",
        "idempotency_key", "started", "finished",
    )  # fmt: skip
    readonly_fields = ("order", "call", "outcome_badge", "started", "finished")

    started = time_column("started_at", "started")
    finished = time_column("finished_at", "answered")

    @admin.display(description="order")
    def order(self, attempt: PaymentAttempt) -> str:
        return attempt.payment.order.reference

    @admin.display(description="call", ordering="kind")
    def call(self, attempt: PaymentAttempt) -> str:
        return looks.words(attempt.kind)

    @display(description="outcome", ordering="outcome", label=looks.OUTCOME)
    def outcome_badge(self, attempt: PaymentAttempt) -> str:
        return attempt.outcome


@register(StripeRefund)
class StripeRefundAdmin(ReadOnlyAdmin):
    list_display = (
        "order",
        "amount_column",
        "status_badge",
        "reason",
        "requested_by",
        "requested",
        "settled",
    )
    list_filter = ("status", "currency")
    list_select_related = ("payment__order", "requested_by")
    search_prefixes = {
        "payment__order__reference__startswith": str.upper,
        "stripe_refund_id__startswith": str,
    }
    search_help_text = "The beginning of an order's reference or of a refund's id at Stripe"
    fields = (
        "order", "amount_column", "shipping_column", "status_badge", "reason", "failure_reason",
        "requested_by", "requested", "settled", "stripe_refund_id", "idempotency_key",
    )  # fmt: skip
    readonly_fields = ("order", "amount_column", "shipping_column", "status_badge", "requested", "settled")

    amount_column = money_column("amount", "amount")
    shipping_column = money_column("shipping_amount", "of it shipping")
    requested = time_column("requested_at", "asked")
    settled = time_column("settled_at", "settled")

    def get_tables(self, request: HttpRequest, obj: StripeRefund) -> Sequence[Table]:
        found = obj.lines.select_related("order_line")
        rows = [(part.order_line.sku, part.order_line.product_name, part.quantity) for part in found]
        return [Table("Units paid back", ("SKU", "product", "units"), rows)] if rows else []

    @admin.display(description="order")
    def order(self, refund: StripeRefund) -> str:
        return refund.payment.order.reference

    @display(description="status", ordering="status", label=looks.REFUND)
    def status_badge(self, refund: StripeRefund) -> str:
        return refund.status


class WorkedOffFilter(admin.SimpleListFilter):
    title = "worked off"
    parameter_name = "done"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", "yes"), ("no", "waits"), ("failed", "failed before")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> QuerySet[WebhookEvent]:
        if self.value() == "failed":
            return queryset.exclude(last_error="")
        if self.value() in {"yes", "no"}:
            return queryset.filter(processed_at__isnull=self.value() == "no")
        return queryset


@register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = ("event_id", "type", "object_id", "received", "attempts", "processed", "last_error")
    list_filter = (WorkedOffFilter,)
    search_prefixes = {"event_id__startswith": str}
    search_help_text = "The beginning of an event's id"
    fields = (
        "event_id", "type", "object_id", "about", "received", "attempts", "next_attempt", "processed",
        "last_error",
    )  # fmt: skip
    readonly_fields = ("about", "received", "next_attempt", "processed")
    actions = ("work_off_again",)

    received = time_column("received_at", "received")
    processed = time_column("processed_at", "worked off")

    @admin.display(description="next try")
    def next_attempt(self, event: WebhookEvent) -> str:
        return "–" if event.processed_at else when(event.next_attempt_at)

    @admin.display(description="what it told")
    def about(self, event: WebhookEvent) -> str:
        known = {looks.words(key): value for key, value in event.payload.items() if value not in (None, "")}
        return ", ".join(f"{key}: {value}" for key, value in known.items())

    @admin.action(description="Work off again", permissions=["view"])
    def work_off_again(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        count = reconciler.take_up_again(ids, at=reading.now())
        for event_pk in ids:
            tasks.wake(tasks.process_webhook_event, event_pk)
        self.message_user(
            request, f"{counted(count, 'event')} to work off again: what counts is read from Stripe."
        )
