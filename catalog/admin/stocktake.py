"""The stocktake sheet: every shelf and lot of some SKUs on one page; only what differs is booked."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from catalog import inventory
from catalog.admin.stock_buttons import StockButtons, with_broken
from catalog.models import Variant
from shop.admin import counted, site
from shop.clock import reading
from shop.exceptions import ShopError

MOST = 1_000_000


class StocktakeForm(forms.Form):
    """What was found, place by place; a place left empty was not counted."""

    token = forms.CharField(widget=forms.HiddenInput, initial=lambda: uuid4().hex, max_length=32)
    reason = forms.CharField(max_length=200, initial="stocktake", widget=UnfoldAdminTextInputWidget)

    def __init__(self, data: Any = None, *, places: Sequence[inventory.Place]) -> None:
        super().__init__(data)
        self.places = places
        for place in places:
            widget = UnfoldAdminIntegerFieldWidget(
                attrs={"inputmode": "numeric", "aria-label": f"Counted: {place.variant.sku}"}
            )
            self.fields[f"counted-{place.key}"] = forms.IntegerField(
                required=False, min_value=0, max_value=MOST, widget=widget
            )
            self.fields[f"expected-{place.key}"] = forms.IntegerField(
                initial=place.expected, widget=forms.HiddenInput
            )

    def rows(self) -> list[tuple[inventory.Place, forms.BoundField, forms.BoundField]]:
        """Return each place with its two fields."""
        return [(place, self[f"counted-{place.key}"], self[f"expected-{place.key}"]) for place in self.places]

    def found(self) -> list[inventory.Found]:
        """Return the places that were counted."""
        return [
            inventory.Found(place, self.cleaned_data[f"expected-{place.key}"], number)
            for place in self.places
            if (number := self.cleaned_data[f"counted-{place.key}"]) is not None
        ]

    def count_again(self, refusal: ShopError) -> None:
        """Show a refusal beside its places, with what is there now and their numbers emptied."""
        anew: dict[str, str] = {}
        for place in self.places:
            if place.key in refusal.fields:
                anew |= {f"counted-{place.key}": "", f"expected-{place.key}": str(place.expected)}
                self.add_error(f"counted-{place.key}", refusal.fields[place.key])
        self.data = {name: self.data.get(name) for name in self.data} | anew


class StocktakePage(StockButtons):
    """Adds the sheet, and the way in, to the list of stock."""

    actions_list: tuple[str, ...] = ("stocktake", "receive")

    @action(description="Stocktake", icon="checklist", url_path="stocktake", permissions=["stock"])
    def stocktake(self, request: HttpRequest) -> HttpResponse:
        search = request.GET.get("q", "").strip()
        form = StocktakeForm(request.POST or None, places=_places(search))
        if request.method == "POST" and form.is_valid():
            found = form.found()
            if not found:
                messages.warning(request, "Nothing was counted: fill in at least one number.")
            elif _book(request, form, found):
                return redirect("admin:catalog_stocklevel_changelist")
        context = {
            **site.each_context(request),
            "title": "Stocktake",
            "opts": self.opts,
            "form": form,
            "search": search,
        }
        return TemplateResponse(request, "catalog/admin/stocktake.html", context)

    @action(description="Receive a lot", icon="add_circle", url_path="receive", permissions=["stock"])
    def receive(self, request: HttpRequest) -> HttpResponse:
        return redirect(reverse("admin:catalog_lot_add"))


def _book(request: HttpRequest, form: StocktakeForm, found: Sequence[inventory.Found]) -> bool:
    """Book a stocktake and tell staff what came of it; return whether it was booked."""
    facts = {"cause": f"count:{form.cleaned_data['token']}", "reason": form.cleaned_data["reason"]}
    try:
        with transaction.atomic():
            taken, differed = inventory.book_stocktake(found, actor=request.user, at=reading.now(), **facts)
    except ShopError as refusal:
        form.places = _places(request.GET.get("q", "").strip())
        form.count_again(refusal)
        messages.error(request, refusal.detail)
        return False
    agreed = len(found) - differed
    words = f"{counted(differed, 'difference')} booked; {agreed} as expected."
    messages.success(request, with_broken(words, taken))
    return True


def _places(search: str) -> list[inventory.Place]:
    named = Q(sku__icontains=search) | Q(product__name__icontains=search) | Q(lots__code__iexact=search)
    found = Variant.objects.filter(archived_at__isnull=True)
    return inventory.places(
        found.filter(pk__in=Variant.objects.filter(named).values("pk")) if search else found
    )
