"""The warehouse's day, page by page: what is ready, the pick list, the box, the van."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from orders import customs, shipments
from orders.admin import desk, looks
from orders.admin.books import order_link
from orders.admin.order_buttons import staff
from orders.admin.parcel_forms import CarrierForm, TrackingFileForm
from orders.models import Order, Shipment
from orders.shipments import carrier_file
from shop import sheets
from shop.admin import Table, badges, counted, key_of, on_day, when
from shop.clock import reading
from shop.exceptions import ShopError

# As many parcels as one person carries through a round, and a page shows.
AT_ONCE = 50
may_see = permission_required("orders.view_shipment", raise_exception=True)


def may_pack(request: HttpRequest) -> bool:
    """Whoever may change parcels may pack, dispatch and open them."""
    return request.user.has_perm("orders.change_shipment")


def need_packer(request: HttpRequest) -> None:
    """:raises PermissionDenied: unless this person may pack."""
    if not may_pack(request):
        raise PermissionDenied


def to(page: str, *args: Any, **query: Any) -> str:
    """Return the address of a page of the warehouse."""
    address = reverse(f"admin:warehouse_{page}", args=args)
    return f"{address}?{urlencode(query, doseq=True)}" if query else address


@require_safe
@may_see
def to_pick(request: HttpRequest) -> HttpResponse:
    """Show the orders that are ready, each ticked unless something keeps it here."""
    ready = shipments.ready()
    orders = list(shipments.with_parts(ready[:AT_ONCE]))
    made = shipments.plan(orders, at=reading.now())
    missing = {order.pk: words for order, words in made.missing}
    rows = [_ready_row(order, missing.get(order.pk, "")) for order in orders]
    more = ready.count() - len(orders)
    intro = "Longest paid first. Untick what should wait, then make the pick list."
    if more > 0:
        intro += f" {counted(more, 'more order')} will be here once these are packed."
    headers = ("", "order", "paid", "goes to", "way", "goods", "notes", "")
    page = desk.Desk(
        "To pick",
        intro,
        [Table("", headers, rows)],
        [desk.Button("Make the pick list", is_main=True)] if may_pack(request) else [],
        [desk.Link("Packed, to dispatch", to("dispatch"))],
        action=to("pick_list"),
        method="get",
        empty="Nothing to pick: every paid order is in a parcel, or waits for a review.",
    )
    return desk.show(request, Shipment, page)


def _ready_row(order: Order, missing: str) -> Sequence[Any]:
    goods = [looks.units(part.to_pack, part.sku) for part in shipments.parts_of(order) if part.to_pack]
    flags = [flag for flag in looks.flags(order) if flag[0] != "review"]
    if order.fulfilment_status == Order.FulfilmentStatus.PARTIALLY:
        flags.append(("the rest", "info"))
    if customs.is_needed(order.shipping_address):
        flags.append(("customs", "warning"))
    pick = desk.tick(
        "order", is_ticked=not missing, label=f"Pick order {order.reference}", value=f"{order.pk}"
    )
    return (
        pick,
        order_link(order),
        when(order.paid_at),
        f"{order.shipping_address.get('name', '')}, {order.country}",
        order.shipping_method_name,
        ", ".join(goods),
        desk.complaint([missing]) if missing else badges(*flags),
        desk.link(to("pack", order.pk), "Pack by scanner"),
    )


@may_see
def pick_list(request: HttpRequest) -> HttpResponse:
    """Show where to fetch what (GET); pack the orders from just those lots (POST)."""
    if request.method == "POST":
        return _pack_picked(request)
    wanted = [key_of(pk) for pk in request.GET.getlist("order")][:AT_ONCE]
    orders = list(shipments.with_parts(shipments.ready().filter(pk__in=wanted)))
    made = shipments.plan(orders, at=reading.now())
    stops = shipments.round_trip(orders, made)
    picked = [order for order in orders if order.pk in made.takes]
    page = desk.Desk(
        f"Pick list, {when(reading.now())}",
        "Fetch what the first table says, share it out as the second says. Packing binds these lots.",
        [
            Table("Fetch", ("SKU", "goods", "lot", "best before", "units", "for"), _stop_rows(stops)),
            Table("Share out", ("order", "goes to", "way", "goods"), _order_rows(picked, made, stops)),
            Table(
                "Cannot be packed now", ("order", "why"), [(order_link(o), why) for o, why in made.missing]
            ),
        ],
        [desk.Button(f"Pack {counted(len(picked), 'order')}", "pack", is_main=True)]
        if picked and may_pack(request)
        else [],
        [desk.Link("Back to what is ready", to("to_pick"))],
        hidden={"picked": _picked(made)},
        action=to("pick_list"),
        empty="Nothing was ticked, or somebody else has packed it meanwhile.",
        can_print=True,
    )
    return desk.show(request, Shipment, page)


def _stop_rows(stops: Sequence[shipments.Stop]) -> list[Sequence[Any]]:
    return [
        (
            stop.variant.sku,
            f"{stop.variant.product.name}, {stop.variant.name}",
            stop.lot.code if stop.lot else "no lot",
            on_day(stop.lot.best_before_on) if stop.lot else "–",
            stop.quantity,
            ", ".join(looks.units(n, reference) for reference, n in stop.orders),
        )
        for stop in stops
    ]


def _order_rows(
    orders: Sequence[Order], made: shipments.Plan, stops: Sequence[shipments.Stop]
) -> list[Sequence[Any]]:
    lots = {stop.lot.pk: stop.lot.code for stop in stops if stop.lot}
    rows: list[Sequence[Any]] = []
    for order in orders:
        skus = {part.pk: part.sku for part in shipments.parts_of(order)}
        goods = [
            f"{looks.units(take.quantity, skus[take.component_id])} {lots.get(take.lot_id or 0, '')}".strip()
            for take in made.takes[order.pk]
        ]
        where = f"{order.shipping_address.get('name', '')}, {order.country}"
        rows.append((order.reference, where, order.shipping_method_name, ", ".join(goods)))
    return rows


def _picked(made: shipments.Plan) -> str:
    """Return a plan as the form carries it: what was picked is what is packed."""
    takes = made.takes.items()
    return json.dumps({pk: [[t.component_id, t.lot_id, t.quantity] for t in mine] for pk, mine in takes})


def _takes(text: str) -> Mapping[int, list[shipments.Take]]:
    """Read what `_picked` wrote; the verb looks at all of it again.

    :raises ValueError: if it is something else.
    """
    try:
        return {
            int(pk): [
                shipments.Take(int(c), None if lot is None else int(lot), int(n)) for c, lot, n in takes
            ]
            for pk, takes in json.loads(text).items()
        }
    except (TypeError, AttributeError, ValueError) as error:
        raise ValueError("no pick list") from error


def _pack_picked(request: HttpRequest) -> HttpResponse:
    need_packer(request)
    try:
        takes = _takes(request.POST.get("picked", ""))
    except ValueError:
        messages.error(request, "That was no pick list: make it again.")
        return redirect(to("to_pick"))
    done = shipments.pack_all(takes, actor=staff(request), at=reading.now())
    packed = [row.shipment.reference for row in done if row.shipment]
    tell(request, done, f"{counted(len(packed), 'parcel')} packed.")
    return redirect(to("dispatch", parcel=packed) if packed else to("to_pick"))


def tell(request: HttpRequest, done: Sequence[shipments.Done], success: str) -> None:
    """Say what came of many: one line for those that worked, one for each that did not."""
    if any(row.shipment for row in done):
        messages.success(request, success)
    for row in done:
        if row.shipment is None:
            messages.error(request, f"{row.reference}: {row.refusal}")


@may_see
def dispatch(request: HttpRequest) -> HttpResponse:
    """Show the packed parcels (GET); write the carrier's file, or hand them over (POST)."""
    waiting = list(shipments.waiting()[: 2 * AT_ONCE])
    form = CarrierForm(request.POST or None)
    errors: dict[str, str] = {}
    if request.method == "POST":
        ticked = set(request.POST.getlist("parcel"))
        chosen = [parcel for parcel in waiting if parcel.reference in ticked]
        if request.POST.get("action") == "file":
            return _carrier_file(chosen)
        need_packer(request)
        if form.is_valid():
            errors = _dispatch(request, chosen, form.cleaned_data["carrier"])
            if not errors:
                return redirect(to("dispatch"))
            waiting = list(shipments.waiting()[: 2 * AT_ONCE])
    page = desk.Desk(
        "To dispatch",
        "Parcels that are packed and wait for the van. A tracking number may be left empty.",
        [Table("", _HEADERS, [_waiting_row(request, parcel, errors) for parcel in waiting])],
        _dispatch_buttons(request) if waiting else [],
        [desk.Link("To pick", to("to_pick")), desk.Link("Tracking numbers from a file", to("tracking"))],
        form=form if waiting and may_pack(request) else None,
        empty="No parcel waits. Pack what is ready first.",
    )
    return desk.show(request, Shipment, page)


_HEADERS = ("", "parcel", "order", "goes to", "in it", "weight", "tracking number")


def _dispatch_buttons(request: HttpRequest) -> list[desk.Button]:
    found = [desk.Button("Carrier's file of the ticked", "file")]
    if may_pack(request):
        found.insert(0, desk.Button("Dispatch the ticked", "dispatch", is_main=True))
    return found


def _waiting_row(request: HttpRequest, parcel: Shipment, errors: Mapping[str, str]) -> Sequence[Any]:
    named = request.GET.getlist("parcel") or request.POST.getlist("parcel")
    stays = not parcel.order.may_ship
    tick = desk.tick(
        "parcel",
        is_ticked=not stays and (not named or parcel.reference in named),
        label=f"Parcel {parcel.reference}",
        value=parcel.reference,
    )
    goods = [
        f"{looks.units(line.quantity, line.sku)} {line.lot.code if line.lot else ''}"
        for line in parcel.lines.all()
    ]
    typed = request.POST.get(f"number_{parcel.reference}", "")
    number = desk.text_input(
        f"number_{parcel.reference}", typed, label=f"Tracking number of parcel {parcel.reference}"
    )
    wrong = errors.get(parcel.reference, "")
    if stays:
        wrong = "The order may not leave now: look at it."
    page = reverse("admin:orders_shipment_change", args=[parcel.pk])
    return (
        tick,
        desk.link(page, parcel.reference),
        order_link(parcel.order),
        f"{parcel.address.get('name', '')}, {parcel.address.get('country', '')}",
        ", ".join(text.strip() for text in goods),
        looks.weight(parcel.weight_g),
        desk.complaint([wrong]) if stays else desk.with_complaint(number, [wrong] if wrong else ()),
    )


def _dispatch(request: HttpRequest, chosen: Sequence[Shipment], carrier: str) -> dict[str, str]:
    """Hand the ticked parcels over; return what is wrong by parcel. Labels are read before any leaves."""
    labels, errors = {}, {}
    for parcel in chosen:
        number = request.POST.get(f"number_{parcel.reference}", "")
        try:
            labels[parcel.reference] = shipments.label_of(carrier=carrier, tracking_number=number)
        except ShopError as refusal:
            errors[parcel.reference] = refusal.detail
    if errors:
        messages.error(request, "Nothing was dispatched: a tracking number is wrong.")
        return errors
    done = shipments.dispatch_all(labels, actor=staff(request), at=reading.now())
    sent = sum(1 for row in done if row.shipment)
    tell(request, done, f"{counted(sent, 'parcel')} dispatched, the customers are told.")
    if not done:
        messages.error(request, "Tick the parcels that leave.")
    return {row.reference: row.refusal for row in done if row.shipment is None}


def _carrier_file(chosen: Sequence[Shipment]) -> HttpResponse:
    answer = StreamingHttpResponse(
        sheets.lines(carrier_file.rows(chosen)), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="parcels-{reading.now():%Y-%m-%d-%H%M}.csv"'
    return answer  # type: ignore[return-value]


@may_see
def tracking(request: HttpRequest) -> HttpResponse:
    """Take a carrier's file with tracking numbers: shown row by row first, dispatched when all are right."""
    need_packer(request)
    form = TrackingFileForm(request.POST or None, request.FILES or None)
    text = request.POST.get("text", "").replace("\r\n", "\n")
    rows: list[shipments.Row] = []
    if request.method == "POST" and (text or form.is_valid()):
        try:
            text = text or shipments.read(form.cleaned_data["file"].read())
            rows = shipments.review(text)
            if request.POST.get("action") == "dispatch":
                sent = shipments.dispatch_file(text, actor=staff(request), at=reading.now())
                messages.success(
                    request, f"{counted(len(sent), 'parcel')} dispatched, the customers are told."
                )
                return redirect(to("dispatch"))
        except shipments.RowsRefused as refusal:
            rows = refusal.extra["rows"]
            messages.error(request, refusal.detail)
        except ShopError as refusal:
            rows = []
            form.is_valid()
            form.add_error("file", refusal.detail)
    return desk.show(request, Shipment, _tracking_desk(form, rows, text))


def _tracking_desk(form: TrackingFileForm, rows: Sequence[shipments.Row], text: str) -> desk.Desk:
    wrong = sum(1 for row in rows if row.error)
    if not rows:
        return desk.Desk(
            "Tracking numbers from a file",
            "CSV with the columns reference (the parcel's, or the order's) and tracking_number; carrier, "
            "service and tracking_url if you have them. You see each row first; nothing is written until you "
            "say so.",
            buttons=[desk.Button("Look at the rows", "look", is_main=True)],
            links=[desk.Link("To dispatch", to("dispatch"))],
            form=form,
        )
    said = f"{counted(wrong, 'row')} wrong: nothing is sent." if wrong else "All rows are right."
    button = desk.Button(f"Dispatch {counted(len(rows), 'parcel')}", "dispatch", is_main=True)
    return desk.Desk(
        "Tracking numbers from a file",
        f"{counted(len(rows), 'row')}. {said}",
        [Table("", ("row", "reference", "parcel", "goes to", "carrier", "number", ""), _file_rows(rows))],
        [button] if not wrong else [],
        [desk.Link("Another file", to("tracking")), desk.Link("To dispatch", to("dispatch"))],
        hidden={"text": text},
    )


def _file_rows(rows: Sequence[shipments.Row]) -> list[Sequence[Any]]:
    return [
        (
            row.number,
            row.reference,
            row.shipment.reference if row.shipment else "–",
            row.shipment.address.get("name", "") if row.shipment else "–",
            row.given.get("carrier", "") or "–",
            row.given["tracking_number"] or "–",
            desk.complaint([row.error]) if row.error else "right",
        )
        for row in rows
    ]
