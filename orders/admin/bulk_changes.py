"""Many subscriptions at once: chosen on the list, said what, shown what would come of it, done, watched."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget

from catalog.models import Variant
from orders import tasks
from orders.admin import desk
from orders.admin.refill_forms import DaysForm, UntilForm, WhyForm, day_input
from orders.models import BulkChange, BulkChangeRow, Subscription
from orders.subscriptions import bulk
from shop.accounts.models import User
from shop.admin import Question, ReadOnlyAdmin, Table, act, badges, counted, key_of, register, time_column
from shop.clock import reading
from shop.exceptions import ShopError
from shop.money import exponent, format_money, to_minor

Kind, Outcome = BulkChange.Kind, BulkChangeRow.Outcome
STATUS = {"draft": "info", "checked": "warning", "asked": "warning", "done": "success", "dropped": "danger"}
OUTCOME = {"chosen": "info", "will": "warning", "left_out": "default", "done": "success", "refused": "danger"}
SHOWN = 50


class SwapForm(forms.Form):
    sku = forms.ChoiceField(label="Instead", widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = Variant.objects.sellable().filter(is_subscribable=True).select_related("product")
        field = self.fields["sku"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (row.sku, bulk.name_of(row)) for row in found.order_by("product__name", "net_content")
        ]


class RepriceForm(forms.Form):
    currency = forms.ChoiceField(widget=UnfoldAdminSelectWidget())
    price = forms.DecimalField(
        label="A piece costs", min_value=0, max_digits=9, widget=UnfoldAdminDecimalFieldWidget()
    )
    applies_on = forms.DateField(
        label="From", help_text="7 to 30 days ahead: owners are told first.", widget=day_input()
    )

    def __init__(self, *args: Any, change: BulkChange, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Subscription.objects.filter(bulk_changes__change=change)
        found = rows.order_by("currency").values_list("currency", flat=True).distinct()
        field = self.fields["currency"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(currency, currency) for currency in found]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        price, currency = given.get("price"), given.get("currency")
        if price is not None and currency:
            if price <= 0 or -price.as_tuple().exponent > exponent(currency):
                self.add_error("price", f"More than nothing, to {exponent(currency)} decimals.")
            else:
                given["unit_price"] = to_minor(price, currency)
        return given


def _form(change: BulkChange, data: Any) -> forms.Form:
    """Return what has to be said for a kind; nothing for those that need no more words."""
    if change.kind == Kind.REPRICE:
        return RepriceForm(data, change=change)
    shapes: dict[str, type[forms.Form]] = {
        Kind.PAUSE: UntilForm, Kind.SHIFT: DaysForm, Kind.SWAP: SwapForm, Kind.CANCEL: WhyForm,
    }  # fmt: skip
    return shapes.get(change.kind, forms.Form)(data)


def _wanted(given: dict[str, Any]) -> dict[str, Any]:
    """Return what was typed as it is kept: days as words, moments in the shop's own morning."""
    wanted = {key: value for key, value in given.items() if key not in {"price", "applies_on"}}
    if isinstance(wanted.get("until"), date):
        wanted["until"] = wanted["until"].isoformat()
    if given.get("applies_on"):
        morning = datetime.combine(given["applies_on"], time(9), ZoneInfo(settings.SHOP_TIME_ZONE))
        wanted["applies_at"] = morning.isoformat()
    return wanted


def said(change: BulkChange) -> str:
    """Return what is wanted in words."""
    wanted = change.wanted
    if change.status == BulkChange.Status.DRAFT:
        return "not said yet"
    if not wanted:
        # Nothing more to say, or stopped before it was said.
        return "–"
    if change.kind == Kind.PAUSE:
        return f"until {wanted['until']}" if wanted.get("until") else "until taken up again"
    if change.kind == Kind.SHIFT:
        return f"{wanted['days']:+d} days"
    if change.kind == Kind.REPRICE:
        price = format_money(wanted["unit_price"], wanted["currency"])
        return f"{price} a piece from {wanted['applies_at'][:10]}"
    return str(wanted.get("sku") or wanted.get("reason") or "–")


class BulkActions(ModelAdmin):
    """The buttons over chosen rows of the list of subscriptions: each begins a bulk change."""

    actions = (
        "bulk_pause", "bulk_resume", "bulk_skip", "bulk_shift", "bulk_swap", "bulk_reprice", "bulk_cancel",
    )  # fmt: skip

    def has_steer_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """The rows are read-only; whoever may change subscriptions may press the buttons."""
        return request.user.has_perm("orders.change_subscription")

    def has_reprice_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.add_pricerise")

    @admin.action(description="Pause …", permissions=["steer"])
    def bulk_pause(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> HttpResponse | None:
        return _begin(request, Kind.PAUSE, queryset)

    @admin.action(description="Resume, also after a dispute …", permissions=["steer"])
    def bulk_resume(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> HttpResponse | None:
        return _begin(request, Kind.RESUME, queryset)

    @admin.action(description="Skip the next refill …", permissions=["steer"])
    def bulk_skip(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> HttpResponse | None:
        return _begin(request, Kind.SKIP, queryset)

    @admin.action(description="Shift by days …", permissions=["steer"])
    def bulk_shift(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> HttpResponse | None:
        return _begin(request, Kind.SHIFT, queryset)

    @admin.action(description="Swap for another size or scent …", permissions=["steer"])
    def bulk_swap(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> HttpResponse | None:
        return _begin(request, Kind.SWAP, queryset)

    @admin.action(description="Change the price, with notices …", permissions=["reprice"])
    def bulk_reprice(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> HttpResponse | None:
        return _begin(request, Kind.REPRICE, queryset)

    @admin.action(description="Cancel for good …", permissions=["steer"])
    def bulk_cancel(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> HttpResponse | None:
        return _begin(request, Kind.CANCEL, queryset)


def _begin(request: HttpRequest, kind: str, queryset: QuerySet[Subscription]) -> HttpResponse | None:
    """Keep what was chosen, and ask what exactly is to happen; with nothing to say, look at once."""
    actor, at = cast(User, request.user), reading.now()
    try:
        change = bulk.draft(kind, queryset, actor=actor, at=at)
        if kind in {Kind.RESUME, Kind.SKIP}:
            bulk.check(change, {}, at=at)
            return redirect("admin:orders_bulkchange_change", change.pk)
    except ShopError as refusal:
        messages.error(request, refusal.detail)
        return None
    return redirect("admin:orders_bulkchange_say_what", change.pk)


@register(BulkChange)
class BulkChangeAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "what", "status_badge", "asked_by", "asked", "ended")
    list_filter = ("kind", "status")
    list_select_related = ("asked_by",)
    fields = (("kind", "what"), ("status_badge", "progress"), "asked_by", ("asked", "ended"))
    readonly_fields = ("what", "status_badge", "progress", "asked", "ended")
    actions_detail = ("say_what", "say_yes", "look_again", "stop_it")
    list_before_template = "orders/admin/bulk_change_start.html"

    asked = time_column("asked_at", "said yes")
    ended = time_column("ended_at", "ended")

    def has_steer_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("orders.change_subscription")

    @admin.display(description="what")
    def what(self, row: BulkChange) -> str:
        return said(row)

    @admin.display(description="status")
    def status_badge(self, row: BulkChange) -> SafeString:
        return badges((row.get_status_display(), STATUS[row.status]))

    @admin.display(description="so far")
    def progress(self, row: BulkChange) -> str:
        found = bulk.counts(row)
        labels = dict(Outcome.choices)
        return ", ".join(f"{found[key]:,} {labels[key]}" for key in labels if found.get(key)) or "none"

    def get_tables(self, request: HttpRequest, obj: BulkChange) -> Sequence[Table]:
        """What happens to how many, which are left out and why, and the first of each."""
        will = [Outcome.WILL, Outcome.DONE]
        left_out = [Outcome.LEFT_OUT, Outcome.REFUSED]
        tables = [
            _reasons("Left out or refused, and why", obj, left_out),
            _first("Will be changed, or is done", obj, will),
            _first("Left out or refused", obj, left_out),
        ]
        return [table for table in tables if table.rows]

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        row = self.get_object(request, str(object_id))
        can = {f"orders_bulkchange_{name}" for name in _possible(row)} if row is not None else set()
        found = super().get_actions_detail(request, object_id)
        return [button for button in found if button.action_name in can]

    @action(description="Say what", icon="edit", permissions=["steer"])
    def say_what(self, request: HttpRequest, object_id: str) -> HttpResponse:
        change = self._change(request, object_id)
        form = _form(change, request.POST or None)

        def verb(given: dict[str, Any]) -> str:
            found = bulk.counts(bulk.check(change, _wanted(given), at=reading.now()))
            return f"Nothing has happened yet: {found.get(Outcome.WILL, 0):,} would be changed. Look first."

        chosen = counted(change.rows.count(), "subscription")
        question = Question(
            f"{change.get_kind_display()}: {chosen}",
            "Nothing happens yet: the next page shows what would come of it for each of them.",
            "Show what would happen",
        )
        return act(self, request, change, question, verb, form=form)

    @action(description="Do it", icon="check", permissions=["steer"], variant=ActionVariant.PRIMARY)
    def say_yes(self, request: HttpRequest, object_id: str) -> HttpResponse:
        change = self._change(request, object_id)
        count = bulk.counts(change).get(Outcome.WILL, 0)
        form = _YesForm(request.POST or None, initial={"expected": count})

        def verb(given: dict[str, Any]) -> str:
            actor = cast(User, request.user)
            bulk.ask(change, expected=given["expected"], actor=actor, at=reading.now())
            tasks.wake(tasks.work_off_bulk_changes)
            return "Workers are at it. This page shows how far they are."

        words = f"{said(change)}. Owners get a mail about it; what stands against it by then is left out."
        question = Question(
            f"{change.get_kind_display()}: {counted(count, 'subscription')}",
            words,
            f"Do it to {count:,}",
            is_dangerous=change.kind == Kind.CANCEL,
        )
        return act(self, request, change, question, verb, form=form)

    @action(description="How far is it?", icon="refresh", permissions=["steer"])
    def look_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        change = self._change(request, object_id)
        return redirect("admin:orders_bulkchange_change", change.pk)

    @action(description="Stop", icon="block", variant=ActionVariant.DANGER, permissions=["steer"])
    def stop_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        change = self._change(request, object_id)

        def verb(_: dict[str, Any]) -> str:
            bulk.drop(change, at=reading.now())
            return "Stopped. What was done stays done."

        question = Question(
            "Stop it", "What was done stays done; the others stay as they are.", "Stop", is_dangerous=True
        )
        return act(self, request, change, question, verb)

    def _change(self, request: HttpRequest, object_id: str) -> BulkChange:
        """Return the change; prices are only for those who may decide them."""
        change = get_object_or_404(BulkChange, pk=key_of(object_id))
        if change.kind == Kind.REPRICE and not request.user.has_perm("orders.add_pricerise"):
            raise Http404
        return change


class _YesForm(forms.Form):
    expected = forms.IntegerField(widget=forms.HiddenInput)


@register(BulkChangeRow)
class BulkChangeRowAdmin(ReadOnlyAdmin):
    list_display = ("subscription", "outcome_badge", "words", "done", "change")
    list_filter = ("outcome",)
    list_select_related = ("subscription", "change")
    search_prefixes = {"subscription__reference__startswith": str.upper}
    search_help_text = "The beginning of a subscription's reference"

    done = time_column("done_at", "done")

    @admin.display(description="outcome", ordering="outcome")
    def outcome_badge(self, row: BulkChangeRow) -> SafeString:
        return badges((row.get_outcome_display(), OUTCOME[row.outcome]))


def _possible(row: BulkChange) -> set[str]:
    Status = BulkChange.Status
    needs_words = row.kind not in {Kind.RESUME, Kind.SKIP}
    by_status = {
        Status.DRAFT: {"say_what", "stop_it"} if needs_words else {"stop_it"},
        Status.CHECKED: {"say_yes", "stop_it"} | ({"say_what"} if needs_words else set()),
        Status.ASKED: {"look_again", "stop_it"},
    }
    return by_status.get(Status(row.status), set())


def _reasons(title: str, change: BulkChange, outcomes: Sequence[str]) -> Table:
    return Table(title, ("why", "how many"), list(bulk.reasons(change, outcomes)))


def _first(title: str, change: BulkChange, outcomes: Sequence[str]) -> Table:
    """The first of them, with a way to all."""
    found = change.rows.filter(outcome__in=outcomes).select_related("subscription__customer")
    rows: list[tuple[object, ...]] = [
        (
            desk.link(
                reverse("admin:orders_subscription_change", args=[row.subscription_id]),
                row.subscription.reference,
            ),
            row.subscription.customer.email,
            badges((row.get_outcome_display(), OUTCOME[row.outcome])),
            row.words,
        )
        for row in found.order_by("pk")[:SHOWN]
    ]
    if len(rows) == SHOWN:
        query = urlencode({"change__id__exact": change.pk, "outcome__in": ",".join(outcomes)})
        address = f"{reverse('admin:orders_bulkchangerow_changelist')}?{query}"
        rows.append((desk.link(address, "All of them"), "", "", ""))
    return Table(title, ("subscription", "customer", "outcome", "what"), rows)
