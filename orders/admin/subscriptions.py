"""Subscriptions and refills in the admin: read, and a few buttons that call verbs."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin
from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from orders.admin import desk, looks, outlook_words, refill_history
from orders.admin.bulk_changes import BulkActions
from orders.admin.subscription_buttons import SubscriptionButtons
from orders.models import (
    BillingCycle,
    PriceRise,
    Refill,
    RefillBreaker,
    RefillExtra,
    RefillItem,
    SavedCard,
    Subscription,
)
from orders.subscriptions import breaker, bulk, giving_back, outlook
from orders.subscriptions.outlook import Outlook
from shop.admin import (
    InlineReadOnly,
    ReadOnlyAdmin,
    Table,
    badges,
    money_column,
    on_day,
    register,
    run_verb,
    time_column,
    when,
)
from shop.clock import reading
from shop.money import format_money


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
class SubscriptionAdmin(SubscriptionButtons, BulkActions, ReadOnlyAdmin):
    list_display = (
        "reference",
        "customer",
        "item",
        "interval",
        "price",
        "status_badge",
        "next_due",
        "card",
    )
    list_filter = ("status", "currency", "interval_unit", "is_test")
    search_prefixes = {
        "reference__startswith": str.upper,
        "customer__email__istartswith": str,
        "variant__sku": str.upper,
    }
    search_help_text = "The beginning of a reference or of an e-mail address, or a whole SKU"
    list_select_related = ("customer", "variant", "card")
    readonly_fields = (
        "what",
        "interval",
        "price",
        "status_badge",
        "why",
        "ship_to",
        "begun",
        "paid",
        "ended",
        "origin",
        "dates",
        "charge",
        "hindrances",
    )

    price = money_column("unit_price", "a piece")
    begun = time_column("created_at", "begun")
    paid = time_column("last_paid_at", "paid last")
    ended = time_column("cancelled_at", "cancelled")

    def get_fieldsets(self, request: HttpRequest, obj: Subscription | None = None) -> Any:
        """Facts that a subscription does not have take no room."""
        ended = ("ended",) if obj and obj.cancelled_at else ()
        why = ("why",) if obj and obj.status_reason else ()
        return (
            ("What comes", {"fields": (("what", "price"), ("interval", "status_badge"), *why)}),
            ("What is next", {"fields": ("dates", "charge", "hindrances")}),
            ("Whose", {"fields": (("customer", "card"), ("ship_to", "origin"))}),
            ("So far", {"fields": (("begun", "paid"), *ended)}),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        open_cycles = BillingCycle.objects.filter(status=BillingCycle.Status.OPEN)
        rows: QuerySet[Subscription] = super().get_queryset(request)
        return rows.prefetch_related(Prefetch("cycles", queryset=open_cycles, to_attr="open_cycles"))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Subscription | None:
        """Return the record with what its page shows, asked for once a page."""
        if not hasattr(request, "subscription_shown"):
            found = super().get_object(request, object_id, from_field)
            if found is not None:
                related = ("customer", "variant__product", "card", "started_by__order")
                prefetch_related_objects([found], *related)
            request.subscription_shown = found  # type: ignore[attr-defined]
        shown: Subscription | None = request.subscription_shown  # type: ignore[attr-defined]
        return shown

    def get_tables(self, request: HttpRequest, obj: Subscription) -> Sequence[Table]:
        before = _moment(request.GET.get("before", ""))
        entries, older = refill_history.page_of(obj, before=before)
        rows = [entry.cells() for entry in entries]
        if older is not None:
            address = f"?{urlencode({'before': older.isoformat()})}"
            rows.append((desk.link(address, "Older"), "", "", ""))
        title = "History, newest first" if before is None else f"History before {when(before)}"
        return [Table(title, ("when", "kind", "what", "who"), rows)]

    @admin.display(description="item", ordering="variant__sku")
    def item(self, row: Subscription) -> str:
        return looks.units(row.quantity, row.variant.sku)

    @admin.display(description="what")
    def what(self, row: Subscription) -> str:
        return f"{row.quantity} × {bulk.name_of(row.variant)}"

    @admin.display(description="interval")
    def interval(self, row: Subscription) -> str:
        return looks.interval(row.interval_count, row.interval_unit)

    @admin.display(description="status", ordering="status")
    def status_badge(self, row: Subscription) -> SafeString:
        labels = [(row.status, looks.SUBSCRIPTION[row.status])]
        return badges(*labels, *([("test", "warning")] if row.is_test else []))

    @admin.display(description="why")
    def why(self, row: Subscription) -> str:
        return row.status_reason

    @admin.display(description="next due")
    def next_due(self, row: Any) -> str:
        return on_day(row.open_cycles[0].due_on) if row.open_cycles else "–"

    @admin.display(description="ship to")
    def ship_to(self, row: Subscription) -> SafeString | str:
        return looks.address(row.shipping_address)

    @admin.display(description="begun by order")
    def origin(self, row: Subscription) -> SafeString:
        order = row.started_by.order
        return desk.link(reverse("admin:orders_order_change", args=[order.pk]), order.reference)

    @admin.display(description="next dates")
    def dates(self, row: Subscription) -> str:
        return ", ".join(map(on_day, _outlook(row).dates)) or "none"

    @admin.display(description="next charge")
    def charge(self, row: Subscription) -> SafeString | str:
        return outlook_words.charge(row, _outlook(row))

    @admin.display(description="to know")
    def hindrances(self, row: Subscription) -> SafeString | str:
        notes = _outlook(row).notes
        return format_html_join("", "{}<br>", ((note,) for note in notes)) if notes else "Goes out as it is."


def _outlook(row: Any) -> Outlook:
    """Return the outlook of a record, asked for once a page."""
    if not hasattr(row, "outlook_kept"):
        row.outlook_kept = outlook.of(row, at=reading.now())
    kept: Outlook = row.outlook_kept
    return kept


def _moment(text: str) -> datetime | None:
    """Return the moment that an "Older" link names; None for anything else that an address may say."""
    try:
        found = parse_datetime(text.replace(" ", "+"))
        # Moments that lie on no day of the shop's calendar, in the years 1 and 9999, cannot be shown either.
        zone = ZoneInfo(settings.SHOP_TIME_ZONE)
        return found.astimezone(zone) if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def due_tomorrow(at: datetime) -> QuerySet[Refill]:
    """Refills that are going to be charged on the shop's next day."""
    zone = ZoneInfo(settings.SHOP_TIME_ZONE)
    begins = datetime.combine(at.astimezone(zone).date() + timedelta(days=1), time.min, zone)
    return Refill.objects.filter(
        status__in=[Refill.Status.PLANNED, Refill.Status.BACKORDERED, Refill.Status.DUNNING],
        next_attempt_at__gte=begins,
        next_attempt_at__lt=begins + timedelta(days=1),
    )


class DueFilter(admin.SimpleListFilter):
    title = "due"
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("tomorrow", "tomorrow")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Refill]) -> QuerySet[Refill]:
        if self.value() != "tomorrow":
            return queryset
        return queryset.filter(pk__in=due_tomorrow(reading.now()).values("pk"))


class StumbleFilter(admin.SimpleListFilter):
    title = "our own errors"
    parameter_name = "stumbles"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", "since yesterday")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Refill]) -> QuerySet[Refill]:
        if self.value() != "yes":
            return queryset
        return queryset.filter(pk__in=giving_back.stumbling(at=reading.now()).values("pk"))


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
    list_filter = (DueFilter, StumbleFilter, "status", "currency")
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


@register(RefillExtra)
class RefillExtraAdmin(ReadOnlyAdmin):
    list_display = ("reference", "subscription", "item", "price", "status", "refill", "added", "ended")
    list_filter = ("status",)
    search_prefixes = {"reference__startswith": str.upper, "subscription__reference__startswith": str.upper}
    search_help_text = "The beginning of its reference, or of its subscription's"
    list_select_related = ("subscription", "variant", "refill")
    exclude = ("unit_price",)
    readonly_fields = ("price",)

    price = money_column("unit_price", "a piece", currency="subscription__currency")
    added = time_column("added_at", "added")
    ended = time_column("ended_at", "charged or taken out")

    @admin.display(description="item")
    def item(self, row: RefillExtra) -> str:
        return looks.units(row.quantity, row.variant.sku)


@register(PriceRise)
class PriceRiseAdmin(ReadOnlyAdmin):
    list_display = ("subscription", "old", "new", "applies", "status", "told", "decided_by", "decided")
    list_filter = ("status",)
    search_prefixes = {"subscription__reference__startswith": str.upper}
    search_help_text = "The beginning of a subscription's reference"
    list_select_related = ("subscription", "notice", "decided_by")
    exclude = ("old_price", "new_price")
    readonly_fields = ("old", "new", "told")

    old = money_column("old_price", "from", currency="subscription__currency")
    new = money_column("new_price", "to", currency="subscription__currency")
    applies = time_column("applies_at", "applies")
    decided = time_column("decided_at", "decided")

    @admin.display(description="owner told")
    def told(self, row: PriceRise) -> str:
        return when(row.notice.sent_at) if row.notice is not None else "not yet"


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
