"""Subscriptions and refills in the admin: read, and a few buttons that call verbs."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest

from orders.admin import looks
from orders.models import BillingCycle, Refill, RefillBreaker, RefillItem, SavedCard, Subscription
from orders.subscriptions import breaker, changes
from shop.admin import InlineReadOnly, ReadOnlyAdmin, money_column, on_day, register, run_verb, time_column
from shop.clock import reading
from shop.money import format_money


class CycleInline(InlineReadOnly):
    model = BillingCycle
    fields = ("index", "due_on", "due_at", "status", "refill", "closed_at")
    ordering = ("-index",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BillingCycle]:
        return super().get_queryset(request).select_related("refill")


class CycleOfRefillInline(InlineReadOnly):
    model = BillingCycle
    fields = ("subscription", "index", "due_on", "status", "closed_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[BillingCycle]:
        return super().get_queryset(request).select_related("subscription")


class ItemInline(InlineReadOnly):
    model = RefillItem
    fields = ("variant", "quantity", "price")
    readonly_fields = ("price",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RefillItem]:
        return super().get_queryset(request).select_related("variant", "refill")

    @admin.display(description="a piece")
    def price(self, row: RefillItem) -> str:
        return format_money(row.unit_price, row.refill.currency)


@register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ("reference", "customer", "item", "interval", "price", "status", "next_due", "card")
    list_filter = ("status", "currency", "interval_unit")
    search_prefixes = {
        "reference__startswith": str.upper,
        "customer__email__istartswith": str,
        "variant__sku": str.upper,
    }
    search_help_text = "The beginning of a reference or of an e-mail address, or a whole SKU"
    list_select_related = ("customer", "variant", "card")
    inlines = (CycleInline,)
    actions = ("pause", "resume", "skip", "cancel")
    exclude = ("unit_price",)
    readonly_fields = ("price",)

    price = money_column("unit_price", "a piece")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        open_cycles = BillingCycle.objects.filter(status=BillingCycle.Status.OPEN)
        rows: QuerySet[Subscription] = super().get_queryset(request)
        return rows.prefetch_related(Prefetch("cycles", queryset=open_cycles, to_attr="open_cycles"))

    @admin.display(description="item", ordering="variant__sku")
    def item(self, row: Subscription) -> str:
        return f"{row.quantity} × {row.variant.sku}"

    @admin.display(description="interval")
    def interval(self, row: Subscription) -> str:
        return looks.interval(row.interval_count, row.interval_unit)

    @admin.display(description="next due")
    def next_due(self, row: Any) -> str:
        return on_day(row.open_cycles[0].due_on) if row.open_cycles else "–"

    @admin.action(description="Pause", permissions=["steer"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        _each(
            request,
            queryset,
            lambda row: changes.pause(row, until=None, reason="Paused by staff.", at=reading.now()),
            "is paused",
        )

    @admin.action(description="Resume, also after a dispute", permissions=["steer"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        _each(
            request,
            queryset,
            lambda row: changes.resume(row, by_staff=True, at=reading.now()),
            "goes on",
        )

    @admin.action(description="Skip the next refill", permissions=["steer"])
    def skip(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        _each(
            request, queryset, lambda row: changes.skip(row, at=reading.now()), "leaves out its next refill"
        )

    @admin.action(description="Cancel for good", permissions=["steer"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        _each(
            request,
            queryset,
            lambda row: changes.cancel(row, reason="Cancelled by staff.", at=reading.now()),
            "is cancelled",
        )

    def has_steer_permission(self, request: HttpRequest) -> bool:
        """The rows are read-only; whoever may change subscriptions may press the buttons."""
        return request.user.has_perm("orders.change_subscription")


@register(Refill)
class RefillAdmin(ReadOnlyAdmin):
    list_display = (
        "reference",
        "customer",
        "total",
        "status",
        "due",
        "next_attempt",
        "order",
        "paid",
    )
    list_filter = ("status", "currency")
    search_prefixes = {
        "reference__startswith": str.upper,
        "customer__email__istartswith": str,
        "order__reference__startswith": str.upper,
    }
    search_help_text = "The beginning of a reference, the refill's or its order's, or of an e-mail address"
    list_select_related = ("customer", "order")
    inlines = (ItemInline, CycleOfRefillInline)
    exclude = ("quoted_total",)
    readonly_fields = ("total",)

    total = money_column("quoted_total", "at most")
    due = time_column("due_at", "due")
    next_attempt = time_column("next_attempt_at", "next try")
    paid = time_column("paid_at", "paid")


@register(SavedCard)
class SavedCardAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "customer", "exp_month", "exp_year", "removed")
    search_prefixes = {"customer__email__istartswith": str}
    search_help_text = "The beginning of an e-mail address"
    list_select_related = ("customer",)

    removed = time_column("removed_at", "removed")


@register(RefillBreaker)
class RefillBreakerAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "reason", "tripped", "rests_since")
    actions = ("go_on",)

    tripped = time_column("tripped_at", "opened")
    rests_since = time_column("since", "rests or tries since")

    @admin.action(description="Go on charging refills", permissions=["steer"])
    def go_on(self, request: HttpRequest, queryset: QuerySet[RefillBreaker]) -> None:
        run_verb(
            request,
            lambda: breaker.reset(actor=request.user, at=reading.now()),
            "Refills are charged again.",
        )

    def has_steer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.change_refillbreaker")


def _each(
    request: HttpRequest,
    queryset: QuerySet[Subscription],
    verb: Callable[[Subscription], Subscription],
    done: str,
) -> None:
    for row in queryset:
        run_verb(request, partial(verb, row), f"{row.reference} {done}.")
