"""One box: scanned or typed, unit by unit, from the lots that may be sent."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog.models import Lot
from orders import shipments
from orders.admin import desk
from orders.admin.order_buttons import staff
from orders.admin.warehouse import may_see, need_packer, to
from orders.models import Order, OrderLineComponent, Shipment
from shop.admin import Table, on_day
from shop.clock import reading
from shop.exceptions import ShopError

Taken = dict[tuple[int, int | None], int]


class ScanForm(forms.Form):
    """The field under the scanner's beam."""

    scan = forms.CharField(
        label="Scan a barcode, or type a lot and press Enter",
        required=False,
        max_length=64,
        widget=UnfoldAdminTextInputWidget(attrs={"autofocus": True, "autocomplete": "off", **desk.FOCUS}),
    )


class Box:
    """What goes into one parcel: how many of each component, where they may come from, what is in it."""

    def __init__(self, order: Order, limits: Mapping[int, int]) -> None:
        self.order = order
        self.at = reading.now()
        self.parts = [part for part in shipments.parts_of(order) if limits.get(part.pk)]
        self.limits = limits
        self.shelf = shipments.places({part.variant_id for part in self.parts}, at=self.at)
        self.taken: Taken = defaultdict(int)

    @property
    def is_full(self) -> bool:
        return all(self.left(part) <= 0 for part in self.parts)

    def left(self, part: OrderLineComponent) -> int:
        """Return how many units of a component are still to be put in."""
        return self.limits[part.pk] - sum(n for (pk, _), n in self.taken.items() if pk == part.pk)

    def read(self, typed: Mapping[str, str]) -> None:
        """Take over the numbers of the form. What is no number counts as none; the verb looks at the rest."""
        for part in self.parts:
            for place in self.shelf.get(part.variant_id, ()):
                lot_id = place.lot.pk if place.lot else None
                number = typed.get(shipments.take_field(part.pk, lot_id), "")
                if number.isascii() and number.isdigit() and len(number) < 6:
                    self.taken[part.pk, lot_id] = int(number)

    def fill(self) -> None:
        """Put in what is left, from the earliest-expiring lots."""
        for part in self.parts:
            shelf = {part.variant_id: [p for p in self._free(part) if p.free > 0]}
            for take in shipments.fefo(part, max(0, self.left(part)), shelf):
                self.taken[take.component_id, take.lot_id] += take.quantity

    def scan(self, code: str) -> str:
        """Put in the unit that was scanned, by its GTIN, SKU or lot; return what is wrong, or nothing."""
        by_lot = [
            (part, place)
            for part in self.parts
            for place in self._free(part)
            if place.lot is not None and place.lot.code.upper() == code.upper()
        ]
        by_goods = [(part, place) for part in self.parts if _is(part, code) for place in self._free(part)]
        fitting = by_lot or by_goods
        for part, place in fitting:
            if place.free > 0 and self.left(part) > 0:
                self.taken[part.pk, place.lot.pk if place.lot else None] += 1
                return ""
        if any(self.left(part) > 0 for part, _ in fitting):
            return f"{code}: no more units of it are free."
        if fitting:
            return f"{code}: all of it is in the parcel already."
        return self._why_not(code)

    def takes(self) -> list[shipments.Take]:
        return [shipments.Take(pk, lot_id, n) for (pk, lot_id), n in self.taken.items() if n]

    def _free(self, part: OrderLineComponent) -> list[shipments.Place]:
        """Return the places of a component, less what this box takes from each."""
        found = []
        for place in self.shelf.get(part.variant_id, ()):
            lot_id = place.lot.pk if place.lot else None
            mine = sum(
                n
                for (pk, lot), n in self.taken.items()
                if lot == lot_id and any(o.pk == pk and o.variant_id == part.variant_id for o in self.parts)
            )
            found.append(shipments.Place(place.variant, place.lot, place.free - mine))
        return found

    def _why_not(self, code: str) -> str:
        for part in self.parts:
            lot = Lot.objects.filter(variant_id=part.variant_id, code__iexact=code).first()
            if lot is not None:
                why = shipments.why_not_lot(part, lot, at=self.at)
                return why or f"Lot {lot.code} has no units free."
        return f"{code} is not in this order."


@may_see
def pack(request: HttpRequest, order_id: int) -> HttpResponse:
    """Pack one order, or a part of it."""
    need_packer(request)
    order = get_object_or_404(shipments.with_parts(Order.objects.all()), pk=order_id)
    limits = {part.pk: part.to_pack for part in shipments.parts_of(order)}

    def verb(takes: Sequence[shipments.Take]) -> Shipment:
        return shipments.pack(order, takes, actor=staff(request), at=reading.now())

    intro = "Scan each unit, or fill in the earliest-expiring lots. Fewer units make a part of the order."
    return _packing(request, Box(order, limits), f"Pack order {order.reference}", intro, verb)


@may_see
def pack_again(request: HttpRequest, shipment_id: int) -> HttpResponse:
    """Pack the goods of a lost parcel once more."""
    need_packer(request)
    lost = get_object_or_404(Shipment, pk=shipment_id)
    order = get_object_or_404(shipments.with_parts(Order.objects.all()), pk=lost.order_id)
    limits: dict[int, int] = defaultdict(int)
    for line in lost.lines.all():
        limits[line.component_id] += line.quantity

    def verb(takes: Sequence[shipments.Take]) -> Shipment:
        return shipments.pack_again(lost, takes, actor=staff(request), at=reading.now())

    intro = "The goods are taken from stock anew and the customer pays nothing."
    return _packing(request, Box(order, limits), f"Send lost parcel {lost.reference} again", intro, verb)


def _packing(
    request: HttpRequest,
    box: Box,
    title: str,
    intro: str,
    verb: Callable[[Sequence[shipments.Take]], Shipment],
) -> HttpResponse:
    """Show a box (GET); put units in, or close it (POST)."""
    form = ScanForm()
    errors: Mapping[str, list[str]] = {}
    if request.method == "POST":
        box.read(request.POST)
        action = request.POST.get("action")
        if action == "pack":
            try:
                shipment = verb(box.takes())
                messages.success(request, f"Parcel {shipment.reference} is packed: write that on the box.")
                return redirect(to("dispatch", parcel=shipment.reference))
            except ShopError as refusal:
                messages.error(request, refusal.detail)
                errors = refusal.fields
        elif action == "fill":
            box.fill()
        else:
            form = _scanned(request, box)
    return desk.show(request, Shipment, _desk(box, form, title, intro, errors))


def _scanned(request: HttpRequest, box: Box) -> ScanForm:
    typed = ScanForm(request.POST)
    code = typed.cleaned_data["scan"].strip() if typed.is_valid() else ""
    if not typed.is_valid() or not code:
        return typed
    wrong = box.scan(code)
    if not wrong:
        return ScanForm()
    typed.add_error("scan", wrong)
    return typed


def _desk(box: Box, form: ScanForm, title: str, intro: str, errors: Mapping[str, list[str]]) -> desk.Desk:
    if box.is_full:
        # The next thing that Enter does is to close the box.
        for name in ("autofocus", *desk.FOCUS):
            form.fields["scan"].widget.attrs.pop(name, None)
    rows = [row for part in box.parts for row in _rows(box, part, errors)]
    goods = sum(box.limits[part.pk] for part in box.parts)
    inside = sum(box.taken.values())
    return desk.Desk(
        title,
        f"{intro} In the parcel: {inside} of {goods}.",
        [Table("", ("goods", "to pack", "lot", "best before", "free", "into the parcel"), rows)],
        [
            desk.Button("Put in what was scanned", "scan"),
            desk.Button("Fill in the earliest lots", "fill"),
            desk.Button("Close the parcel", "pack", is_main=True, has_focus=box.is_full),
        ],
        [
            desk.Link("The order", reverse("admin:orders_order_change", args=[box.order.pk])),
            desk.Link("To pick", to("to_pick")),
        ],
        form=form if rows else None,
        empty="Nothing of this order is left to pack.",
    )


def _rows(box: Box, part: OrderLineComponent, errors: Mapping[str, list[str]]) -> list[Sequence[Any]]:
    name = f"{part.sku}: {part.variant.product.name}, {part.variant.name}"
    left = max(0, box.left(part))
    wanted = (
        f"{box.limits[part.pk]}" if left == box.limits[part.pk] else f"{box.limits[part.pk]}, {left} left"
    )
    wanted = wanted if left else f"{box.limits[part.pk]}, all in"
    places = box.shelf.get(part.variant_id, [])
    if not places:
        return [(name, wanted, desk.complaint(["none on the shelf that may be sold"]), "–", 0, "–")]
    rows: list[Sequence[Any]] = []
    for place in places:
        lot_id = place.lot.pk if place.lot else None
        field = shipments.take_field(part.pk, lot_id)
        label = f"Units of {part.sku} from {place.lot.code if place.lot else 'the shelf'}"
        number = desk.number_input(
            field, box.taken.get((part.pk, lot_id), 0), most=box.limits[part.pk], label=label
        )
        lot = place.lot
        code = lot.code if lot else "no lot"
        rows.append(
            (
                name,
                wanted,
                code,
                on_day(lot.best_before_on) if lot else "–",
                place.free,
                desk.with_complaint(number, errors.get(field, ())),
            )
        )
        name, wanted = "", ""
    return rows


def _is(part: OrderLineComponent, code: str) -> bool:
    """Scanners send a GTIN of 13 digits with or without a zero in front."""
    gtin = part.variant.gtin or ""
    same_gtin = bool(gtin) and code.isdigit() and code.lstrip("0") == gtin.lstrip("0")
    return same_gtin or code.upper() == part.sku.upper()
