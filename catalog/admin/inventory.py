"""Stock in the admin: counts and history are read; what staff do goes through verbs."""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldBooleanSwitchWidget

from catalog import inventory
from catalog.admin import stock_tables
from catalog.admin.imports import SheetButtons
from catalog.admin.stock_buttons import LevelButtons, LotButtons, PromiseButtons, facts
from catalog.admin.stocktake import StocktakePage
from catalog.models import ImportJob, Lot, Price, RawLot, StockLevel, StockMovement, StockReservation
from shop.admin import (
    ReadOnlyAdmin,
    ShopAdmin,
    Table,
    badges,
    counted,
    date_column,
    on_day,
    register,
    run_verb,
    time_column,
)
from shop.clock import reading
from shop.exceptions import ShopError
from shop.money import format_money

Kind = StockMovement.Kind


class VerbForm(forms.ModelForm):
    """A form whose saving is one verb call.

    The verb runs in `clean`, inside a savepoint of the admin's transaction, so that a refusal lands beside
    its field. The token names the submission: sent twice, it books once.
    """

    token = forms.CharField(widget=forms.HiddenInput, initial=lambda: uuid4().hex, max_length=32)
    actor: Any = None
    made: Any = None

    def _get_validation_exclusions(self) -> set[str]:
        """Leave the record's rules to the verb and the database: a known lot may take more units."""
        return {field.name for field in self._meta.model._meta.get_fields()}

    def perform(self, data: dict[str, Any]) -> Any:
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            with transaction.atomic():
                self.made = self.perform(data)
        except ShopError as refusal:
            self.add_error(
                next((name for name in refusal.fields if name in self.fields), None), refusal.detail
            )
        return data


class ReceiveLotForm(VerbForm):
    quantity = forms.IntegerField(min_value=1, widget=UnfoldAdminIntegerFieldWidget)
    release_now = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="On sale at once; otherwise it waits in quarantine.",
    )

    class Meta:
        model = Lot
        fields = ("variant", "code", "packed_on", "best_before_on", "supplier_lot", "raw_lots", "note")
        help_texts: ClassVar = {"code": "A lot that is here already takes the units in addition."}

    def perform(self, data: dict[str, Any]) -> Lot:
        names = (
            "variant",
            "code",
            "quantity",
            "packed_on",
            "best_before_on",
            "supplier_lot",
            "raw_lots",
            "note",
        )
        return inventory.receive_lot(
            **{name: data[name] for name in names},
            release=data["release_now"],
            actor=self.actor,
            cause=f"receive:{data['token']}",
            at=reading.now(),
        )


class MovementForm(VerbForm):
    """Damage, samples, stocktakes, corrections, and goods without lots that came in."""

    kind = forms.ChoiceField(
        choices=[
            (Kind.COUNTED, "Counted: the number found on the shelf"),
            (Kind.DAMAGED, "Damaged: units that leave"),
            (Kind.SAMPLE, "Sample: units that leave"),
            (Kind.CORRECTED, "Corrected: signed difference"),
            (Kind.RECEIVED, "Received (goods without lots)"),
        ]
    )
    units = forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget)

    class Meta:
        model = StockMovement
        fields = ("variant", "lot", "reason")

    def perform(self, data: dict[str, Any]) -> StockMovement | None:
        variant, units, cause = data["variant"], data["units"], f"staff:{data['token']}"
        facts = {"cause": cause, "at": reading.now(), "actor": self.actor, "reason": data["reason"]}
        if data["kind"] == Kind.RECEIVED:
            inventory.receive_count(variant, units, **facts)
        elif data["kind"] == Kind.COUNTED:
            inventory.count(variant=variant, lot=data["lot"], counted=units, **facts)
        else:
            leaving = data["kind"] in (Kind.DAMAGED, Kind.SAMPLE)
            quantity = -abs(units) if leaving else units
            inventory.adjust(variant=variant, lot=data["lot"], kind=data["kind"], quantity=quantity, **facts)
        made = StockMovement.objects.filter(cause=cause).first()
        if made is None:
            self.add_error("units", "That is what the books say: nothing to write.")
        return made


class VerbAdmin(ReadOnlyAdmin):
    """A read-only record that staff may add to through a form that calls a verb."""

    add_form: type[VerbForm]
    add_fields: tuple[str, ...]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return ShopAdmin.has_add_permission(self, request)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if change or obj is not None:
            return super().get_form(request, obj, change, **kwargs)
        made = super().get_form(request, obj, change, **{**kwargs, "form": self.add_form})
        made.actor = request.user
        return made

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [field.name for field in self.model._meta.fields] if obj else self.add_fields

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The verb has written the record already; the admin only needs to know which."""
        obj.pk = form.made.pk
        obj.refresh_from_db()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The verb has written what belongs to it."""


def in_one_line(sku: str) -> str:
    """Return a SKU that no list breaks at its hyphens."""
    return format_html('<span class="whitespace-nowrap">{}</span>', sku)


class LowFilter(admin.SimpleListFilter):
    title = "level"
    parameter_name = "level"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("low", "at or under the reorder point")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[StockLevel]") -> "QuerySet[StockLevel]":
        low = inventory.low_levels(reading.now())
        return queryset.filter(pk__in=low.values("pk")) if self.value() == "low" else queryset


class EndingFilter(admin.SimpleListFilter):
    title = "end of sale"
    parameter_name = "ends"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("soon", "soon")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Lot]") -> "QuerySet[Lot]":
        ending = inventory.ending_lots(reading.now())
        return queryset.filter(pk__in=ending.values("pk")) if self.value() == "soon" else queryset


class WaitingFilter(admin.SimpleListFilter):
    title = "waits"
    parameter_name = "waits"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("release", "for release")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Lot]") -> "QuerySet[Lot]":
        waiting = inventory.waiting_lots(reading.now())
        return queryset.filter(pk__in=waiting.values("pk")) if self.value() == "release" else queryset


@register(StockLevel)
class StockLevelAdmin(StocktakePage, LevelButtons, SheetButtons, ReadOnlyAdmin):
    sheet_kind = ImportJob.Kind.COUNTS
    actions_list = (*StocktakePage.actions_list, *SheetButtons.actions_list)
    list_filter = (LowFilter,)
    list_display = ("sku", "product", "on_hand", "reserved", "available", "reorder_point", "more")
    list_select_related = ("variant__product",)
    search_fields = ("variant__sku", "variant__product__name")

    def get_tables(self, request: HttpRequest, obj: StockLevel) -> Sequence[Table]:
        return stock_tables.of_level(obj)

    @admin.display(description="SKU", ordering="variant__sku")
    def sku(self, level: StockLevel) -> str:
        return in_one_line(level.variant.sku)

    @admin.display(ordering="variant__product__name")
    def product(self, level: StockLevel) -> str:
        return f"{level.variant.product.name}, {level.variant.name}"

    @admin.display(description="Available")
    def available(self, level: StockLevel) -> int:
        return level.available

    @admin.display(description="Reorder at", ordering="variant__reorder_point")
    def reorder_point(self, level: StockLevel) -> int:
        return level.variant.reorder_point

    @admin.display(description="")
    def more(self, level: StockLevel) -> str:
        pk = level.variant_id
        rows = (
            (reverse("admin:catalog_lot_changelist"), "variant__id__exact", pk, "Lots"),
            (reverse("admin:catalog_stockmovement_changelist"), "variant__id__exact", pk, "Movements"),
            (reverse("admin:catalog_stocklevel_stocktake"), "q", level.variant.sku, "Count"),
        )
        links = format_html_join(" · ", '<a href="{}?{}={}">{}</a>', rows)
        return format_html('<span class="whitespace-nowrap">{}</span>', links)


@register(Lot)
class LotAdmin(LotButtons, SheetButtons, VerbAdmin):
    sheet_kind = ImportJob.Kind.LOTS
    add_form = ReceiveLotForm
    add_fields = (
        "variant", "code", "quantity", "best_before_on", "packed_on", "supplier_lot", "raw_lots", "note",
        "release_now", "token",
    )  # fmt: skip
    list_display = (
        "code", "sku", "status_badge", "on_sale", "waiting", "best_before", "sold_until", "value",
        "supplier_lot",
    )  # fmt: skip
    list_filter = ("status", WaitingFilter, EndingFilter)
    list_select_related = ("variant",)
    search_fields = ("code", "supplier_lot", "raw_lots__code", "raw_lots__supplier_lot", "variant__sku")
    autocomplete_fields = ("variant", "raw_lots")
    actions = ("release_lots", "quarantine_lots", "export_selected")

    best_before = date_column("best_before_on", "best before")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Lot]":
        now = reading.now()
        holds = Q(starts_at__lte=now) & (Q(ends_at__isnull=True) | Q(ends_at__gt=now))
        prices = Price.objects.filter(
            holds, variant=OuterRef("variant"), currency=settings.DEFAULT_CURRENCY, kind=Price.Kind.LIST
        )
        return super().get_queryset(request).annotate(list_price=Subquery(prices.values("amount")[:1]))

    def get_tables(self, request: HttpRequest, obj: Lot) -> Sequence[Table]:
        return stock_tables.of_lot(obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Say how the lot stands: it may have been here before, and what came may wait for its release."""
        super().save_model(request, obj, form, change)
        sells_later = obj.physical > obj.on_hand and obj.status in (
            Lot.Status.QUARANTINE,
            Lot.Status.RELEASED,
        )
        rest = " Release it to sell the rest." if sells_later else ""
        status = stock_tables.words(obj.status)
        stands = (
            f"{obj.code} is {status}: {counted(obj.physical, 'unit')} in the building, {obj.on_hand} on sale."
        )
        messages.info(request, stands + rest)

    @admin.display(description="status", ordering="status")
    def status_badge(self, lot: Lot) -> str:
        return badges((stock_tables.words(lot.status), stock_tables.LOT_STATUS[lot.status]))

    @admin.display(description="SKU", ordering="variant__sku")
    def sku(self, lot: Lot) -> str:
        return in_one_line(lot.variant.sku)

    @admin.display(description="on sale", ordering="on_hand")
    def on_sale(self, lot: Lot) -> int:
        return lot.on_hand

    @admin.display(description="waiting")
    def waiting(self, lot: Lot) -> str:
        return str(lot.physical - lot.on_hand or "–")

    @admin.display(description="sold until", ordering="best_before_on")
    def sold_until(self, lot: Lot) -> str:
        last_day = inventory.last_sale_day(lot)
        if last_day is None or lot.status not in (Lot.Status.RELEASED, Lot.Status.QUARANTINE):
            return "–"
        left = (last_day - inventory.shop_date(reading.now())).days
        return (
            f"{on_day(last_day)} ({counted(left, 'day')} left)" if left >= 0 else f"{on_day(last_day)} (over)"
        )

    @admin.display(description="value at list price")
    def value(self, lot: Lot) -> str:
        price: int | None = getattr(lot, "list_price", None)
        return "–" if price is None else format_money(price * lot.physical, settings.DEFAULT_CURRENCY)

    @admin.action(description="Release for sale", permissions=["stock"])
    def release_lots(self, request: HttpRequest, queryset: "QuerySet[Lot]") -> None:
        for lot in queryset.select_related(None):
            verb = partial(inventory.release_lot, lot, **facts(request, "release"))
            run_verb(request, verb, f"{lot.code}: on sale.")

    @admin.action(description="Put into quarantine", permissions=["stock"])
    def quarantine_lots(self, request: HttpRequest, queryset: "QuerySet[Lot]") -> None:
        for lot in queryset.select_related(None):
            verb = partial(inventory.quarantine, lot, **facts(request, "quarantine"))
            run_verb(request, verb, f"{lot.code}: off sale.")


@register(RawLot)
class RawLotAdmin(ShopAdmin):
    list_display = (
        "code",
        "item",
        "supplier_lot",
        "quantity",
        "unit",
        "status",
        "has_certificate",
        "received",
    )
    list_filter = ("status", "item")
    search_fields = ("code", "supplier_lot")

    received = date_column("received_on", "received")


@register(StockMovement)
class StockMovementAdmin(VerbAdmin):
    add_form = MovementForm
    add_fields = ("variant", "lot", "kind", "units", "reason", "token")
    list_display = ("moment", "variant", "lot", "kind", "sellable", "in_building", "reason", "actor", "cause")
    list_filter = ("kind",)
    list_select_related = ("variant", "lot", "actor")
    search_fields = ("variant__sku", "lot__code", "cause")
    autocomplete_fields = ("variant", "lot")

    moment = time_column("at", "when")

    @admin.display(description="Sellable ±", ordering="quantity")
    def sellable(self, movement: StockMovement) -> str:
        return f"{movement.quantity:+d}" if movement.quantity else "–"

    @admin.display(description="In the building ±", ordering="physical")
    def in_building(self, movement: StockMovement) -> str:
        return f"{movement.physical:+d}" if movement.physical else "–"


@register(StockReservation)
class StockReservationAdmin(PromiseButtons, ReadOnlyAdmin):
    list_display = ("reference", "variant", "quantity", "consumed", "status_badge", "expires", "created")
    list_filter = ("status",)
    list_select_related = ("variant",)
    search_fields = ("reference", "variant__sku")

    expires = time_column("expires_at", "held until")
    created = time_column("created_at", "since")

    @admin.display(description="status", ordering="status")
    def status_badge(self, row: StockReservation) -> str:
        return badges((row.status, stock_tables.PROMISE_STATUS.get(row.status, "info")))
