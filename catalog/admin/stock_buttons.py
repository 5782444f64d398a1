"""The buttons of a warehouse day: on a lot, on a SKU's stock, on a promise. Each asks first, then acts."""

from functools import partial
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import urlencode
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from catalog import inventory
from catalog.models import Lot, StockLevel, StockMovement, StockReservation
from shop.admin import Question, ReasonForm, act, counted, key_of, run_verb
from shop.clock import reading

Kind = StockMovement.Kind
Status = Lot.Status


def facts(request: HttpRequest, step: str) -> dict[str, Any]:
    """Return who does a step, when, and a cause of its own."""
    return {"actor": request.user, "cause": f"{step}:{uuid4().hex}", "at": reading.now()}


def with_broken(words: str, taken: inventory.Taken) -> str:
    """Return the words for a step, and what it did to promises."""
    lost = []
    if taken.short:
        lost.append(f"{counted(len(taken.short), 'paid order')} now short: see Stock reservations, short")
    if taken.holds:
        lost.append(f"{counted(len(taken.holds), 'hold')} of customers who were paying let go")
    return f"{words} {'; '.join(lost)}." if lost else words


class TakeOutForm(forms.Form):
    """Units that leave by hand, and why. The token names the submission: sent twice, it books once."""

    quantity = forms.IntegerField(min_value=1, label="Units", widget=UnfoldAdminIntegerFieldWidget)
    kind = forms.ChoiceField(
        choices=[(Kind.DAMAGED, "Damaged or destroyed"), (Kind.SAMPLE, "Sample")],
        widget=UnfoldAdminSelectWidget,
    )
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)
    waiting = forms.BooleanField(
        required=False,
        label="From the units that wait, not from the shelf",
        widget=UnfoldBooleanSwitchWidget,
    )
    token = forms.CharField(widget=forms.HiddenInput, initial=lambda: uuid4().hex, max_length=32)

    def __init__(self, *args: Any, may_wait: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_wait:
            del self.fields["waiting"]


class StockButtons(ModelAdmin):
    """Whoever may change lots may press the buttons; the rows themselves are read-only."""

    def has_stock_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("catalog.change_lot")


class LotButtons(StockButtons):
    """What staff may do to a lot. A button is there only while its verb could succeed."""

    actions_detail = ("release", "count_lot", "take_out", "quarantine")

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        lot = self.get_object(request, str(object_id))
        if lot is None:
            return []
        possible = {f"catalog_lot_{name}" for name in _possible(lot)}
        found = super().get_actions_detail(request, object_id)
        return [button for button in found if button.action_name in possible]

    @action(description="Release for sale", icon="check_circle", permissions=["stock"])
    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        lot = _lot(object_id)

        def verb(_: dict[str, Any]) -> str:
            with transaction.atomic():
                now = inventory.release_lot(lot, **facts(request, "release"))
            return f"{lot.code}: {counted(now.on_hand, 'unit')} on sale."

        waiting = counted(lot.physical - lot.on_hand, "unit")
        question = Question(
            "Release for sale", f"{waiting} of {lot.code} ({lot.variant.sku}) can be sold at once.", "Release"
        )
        return act(self, request, lot, question, verb)

    @action(description="Quarantine", icon="front_hand", variant=ActionVariant.DANGER, permissions=["stock"])
    def quarantine(self, request: HttpRequest, object_id: str) -> HttpResponse:
        lot = _lot(object_id)

        def verb(given: dict[str, Any]) -> str:
            with transaction.atomic():
                taken = inventory.quarantine(lot, reason=given["reason"], **facts(request, "quarantine"))
            return with_broken(f"{lot.code} is off sale.", taken)

        question = Question(
            "Put into quarantine",
            f"{counted(lot.on_hand, 'unit')} of {lot.code} leave the shelf until they are released again. "
            "Where they were promised, customers who are still paying lose them first, then the newest paid "
            "orders.",
            "Quarantine",
            is_dangerous=True,
        )
        return act(self, request, lot, question, verb, form=ReasonForm(request.POST or None))

    @action(description="Take out", icon="remove_circle", permissions=["stock"])
    def take_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        lot = _lot(object_id)
        apart = lot.status == Status.RELEASED and lot.physical > lot.on_hand
        form = TakeOutForm(request.POST or None, may_wait=apart)

        def verb(given: dict[str, Any]) -> str:
            cause = {**facts(request, "staff"), "cause": f"staff:{given['token']}"}
            with transaction.atomic():
                taken = inventory.adjust(
                    variant=lot.variant, lot=lot, kind=given["kind"], quantity=-given["quantity"],
                    reason=given["reason"], waiting=given.get("waiting", False), **cause,
                )  # fmt: skip
            return with_broken(f"{counted(given['quantity'], 'unit')} of {lot.code} taken out.", taken)

        waiting = f", {lot.physical - lot.on_hand} waiting" if lot.physical > lot.on_hand else ""
        question = Question(
            "Take units out",
            f"{lot.code} ({lot.variant.sku}): {lot.on_hand} on sale{waiting}. What is taken out leaves the "
            "building.",
            "Take out",
        )
        return act(self, request, lot, question, verb, form=form)

    @action(description="Count", icon="checklist", permissions=["stock"])
    def count_lot(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(stocktake_of(_lot(object_id).variant.sku))


class LevelButtons(StockButtons):
    """What staff may do from a SKU's stock."""

    actions_detail = ("count_sku", "receive_sku")

    @action(description="Count", icon="checklist", permissions=["stock"])
    def count_sku(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(stocktake_of(_level(object_id).variant.sku))

    @action(description="Receive", icon="add_circle", permissions=["stock"])
    def receive_sku(self, request: HttpRequest, object_id: str) -> HttpResponse:
        variant = _level(object_id).variant
        if variant.is_lot_tracked:
            return redirect(f"{reverse('admin:catalog_lot_add')}?variant={variant.pk}")
        given = urlencode({"variant": str(variant.pk), "kind": str(Kind.RECEIVED)})
        return redirect(f"{reverse('admin:catalog_stockmovement_add')}?{given}")


class PromiseButtons(StockButtons):
    """What staff may do for an order whose stock was taken away."""

    actions_detail = ("find_stock",)
    actions = ("find_stock_for",)

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        row = self.get_object(request, str(object_id))
        is_short = row is not None and row.status == StockReservation.Status.SHORT
        return super().get_actions_detail(request, object_id) if is_short else []

    @admin.action(description="Find other stock for what is short", permissions=["stock"])
    def find_stock_for(self, request: HttpRequest, queryset: "QuerySet[StockReservation]") -> None:
        short = queryset.filter(status=StockReservation.Status.SHORT).order_by("pk")
        references = list(dict.fromkeys(short.values_list("reference", flat=True)))
        if not references:
            messages.warning(request, "None of these is short.")
        for reference in references:
            run_verb(request, partial(find_other_stock, reference), f"{reference} has its stock again.")

    @action(description="Find other stock", icon="search", permissions=["stock"])
    def find_stock(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = get_object_or_404(StockReservation.objects.select_related("variant"), pk=key_of(object_id))
        question = Question(
            "Find other stock",
            f"All that {row.reference} is short of is promised to it anew, from what is free now. Nothing "
            "happens if that is not enough: then receive or release stock first, or refund the order.",
            "Find stock",
        )
        return act(self, request, row, question, lambda _: find_other_stock(row.reference))


def find_other_stock(reference: str) -> str:
    """Allocate anew what a reference is short of, and return the words for staff.

    :raises NotEnoughStock: if what is free does not cover all of it; nothing has changed then.
    """
    if not inventory.cover_shortage(reference, at=reading.now()):
        raise inventory.NotEnoughStock(f"{reference} is still short: not enough is free.")
    return f"{reference} has its stock again."


def stocktake_of(search: str) -> str:
    """Return the address of the stocktake sheet of some SKUs."""
    return f"{reverse('admin:catalog_stocklevel_stocktake')}?{urlencode({'q': search})}"


def _possible(lot: Lot) -> list[str]:
    waits = lot.physical > lot.on_hand
    can_sell = lot.status in (Status.QUARANTINE, Status.RELEASED)
    steps = {
        "release": can_sell and waits,
        "count_lot": lot.physical > 0,
        "take_out": lot.physical > 0,
        "quarantine": lot.status == Status.RELEASED,
    }
    return [name for name, is_possible in steps.items() if is_possible]


def _lot(object_id: str) -> Lot:
    return get_object_or_404(Lot.objects.select_related("variant"), pk=key_of(object_id))


def _level(object_id: str) -> StockLevel:
    return get_object_or_404(StockLevel.objects.select_related("variant"), pk=key_of(object_id))
