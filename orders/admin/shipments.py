"""Parcels: the list, one of them with its lots and its customs form, and what can happen to it."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display

from orders import shipments
from orders.admin import desk, looks, packing, warehouse
from orders.admin.books import order_link
from orders.admin.order_buttons import staff
from orders.admin.paper import ParcelPaper
from orders.admin.parcel_forms import LabelForm
from orders.models import Shipment
from shop.admin import (
    Question,
    ReadOnlyAdmin,
    ReasonForm,
    Table,
    act,
    badges,
    key_of,
    on_day,
    register,
    site,
    time_column,
)
from shop.clock import reading
from shop.money import format_money

Status = Shipment.Status


@register(Shipment)
class ShipmentAdmin(ParcelPaper, ReadOnlyAdmin):
    list_display = (
        "reference", "status_badge", "order_column", "goes_to", "carrier", "tracking_number", "packed",
        "dispatched",
    )  # fmt: skip
    list_filter = ("status", "carrier")
    list_select_related = ("order",)
    search_prefixes = {
        "reference__startswith": str.upper,
        "tracking_number__startswith": str.upper,
        "order__reference__startswith": str.upper,
    }
    search_help_text = "The beginning of a parcel's or an order's reference, or of a tracking number"
    fields = (
        ("state", "order_column"), ("packed", "packed_by"), ("dispatched", "dispatched_by"),
        ("closed", "replaces_column"), ("carrier", "service"), ("tracking_number", "follow"),
        ("ship_to", "weight"),
    )  # fmt: skip
    readonly_fields = (
        "state", "order_column", "replaces_column", "packed", "dispatched", "closed", "follow",
        "ship_to", "weight",
    )  # fmt: skip
    actions_detail = (
        "dispatch", "correct_label", "deliver", "lose", "bring_back", "unpack", "send_again", "slip",
    )  # fmt: skip

    packed = time_column("packed_at", "packed")
    dispatched = time_column("dispatched_at", "left")
    closed = time_column("closed_at", "ended")

    def get_urls(self) -> list[URLPattern]:
        pages = (
            ("to-pick/", warehouse.to_pick, "to_pick"),
            ("pick-list/", warehouse.pick_list, "pick_list"),
            ("pack/<int:order_id>/", packing.pack, "pack"),
            ("to-dispatch/", warehouse.dispatch, "dispatch"),
            ("tracking/", warehouse.tracking, "tracking"),
            ("pack-again/<int:shipment_id>/", packing.pack_again, "pack_again"),
        )
        own = [path(where, site.admin_view(view), name=f"warehouse_{name}") for where, view, name in pages]
        return [*own, *super().get_urls()]

    def has_act_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """The rows are read-only; whoever may change parcels may press the buttons."""
        return warehouse.may_pack(request)

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        shipment = self.get_object(request, str(object_id))
        possible = {f"orders_shipment_{name}" for name in (_possible(shipment) if shipment else ())}
        found = super().get_actions_detail(request, object_id)
        return [button for button in found if button.action_name in possible]

    def get_tables(self, request: HttpRequest, obj: Shipment) -> Sequence[Table]:
        return [_contents(obj), *([_customs(obj)] if obj.customs_needed else [])]

    @display(description="status", ordering="status", label=looks.PARCEL)
    def status_badge(self, shipment: Shipment) -> str:
        return shipment.status

    @admin.display(description="status")
    def state(self, shipment: Shipment) -> SafeString:
        return badges((shipment.status, looks.PARCEL[shipment.status]))

    @admin.display(description="order")
    def order_column(self, shipment: Shipment) -> SafeString | str:
        return order_link(shipment.order)

    @admin.display(description="sent for the lost parcel")
    def replaces_column(self, shipment: Shipment) -> SafeString | str:
        return parcel_link(shipment.replaces)

    @admin.display(description="goes to")
    def goes_to(self, shipment: Shipment) -> str:
        return f"{shipment.address.get('name', '')}, {shipment.address.get('country', '')}"

    @admin.display(description="goes to")
    def ship_to(self, shipment: Shipment) -> SafeString | str:
        return looks.address(shipment.address)

    @admin.display(description="where it is")
    def follow(self, shipment: Shipment) -> SafeString | str:
        return desk.link(shipment.tracking_url, "follow it") if shipment.tracking_url else "–"

    @admin.display(description="weight")
    def weight(self, shipment: Shipment) -> str:
        return looks.weight(shipment.weight_g)

    @action(description="Dispatch", icon="local_shipping", permissions=["act"])
    def dispatch(self, request: HttpRequest, object_id: str) -> HttpResponse:
        shipment = _shipment(object_id)

        def verb(given: dict[str, Any]) -> str:
            label = shipments.label_of(**given)
            shipments.dispatch(shipment, label, actor=staff(request), at=reading.now())
            return f"Parcel {shipment.reference} has left, the customer is told."

        question = Question(
            "Dispatch the parcel", "Its units leave the stock and the customer gets a mail.", "Dispatch"
        )
        return act(
            self, request, shipment, question, verb, form=LabelForm(request.POST or None, shipment=shipment)
        )

    @action(description="Correct the label", icon="edit", permissions=["act"])
    def correct_label(self, request: HttpRequest, object_id: str) -> HttpResponse:
        shipment = _shipment(object_id)

        def verb(given: dict[str, Any]) -> str:
            label = shipments.label_of(**given)
            shipments.correct_label(shipment, label, actor=staff(request), at=reading.now())
            return "The label is corrected. No mail goes out by this."

        question = Question(
            "Correct the label",
            "The customer sees it on the order's page; no second mail goes out.",
            "Correct",
        )
        return act(
            self, request, shipment, question, verb, form=LabelForm(request.POST or None, shipment=shipment)
        )

    @action(description="Delivered", icon="home", permissions=["act"])
    def deliver(self, request: HttpRequest, object_id: str) -> HttpResponse:
        shipment = _shipment(object_id)

        def verb(_: dict[str, Any]) -> str:
            shipments.mark_delivered(shipment, actor=staff(request), at=reading.now())
            return f"Parcel {shipment.reference} is delivered."

        question = Question("Delivered", "The customer has the parcel.", "It is delivered")
        return act(self, request, shipment, question, verb)

    @action(description="Lost", icon="question_mark", permissions=["act"])
    def lose(self, request: HttpRequest, object_id: str) -> HttpResponse:
        question = Question(
            "The parcel is lost", "It can be sent again then, or paid back.", "It is lost", is_dangerous=True
        )
        return self._with_reason(request, object_id, question, shipments.mark_lost, "is lost")

    @action(description="Came back", icon="undo", permissions=["act"])
    def bring_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        question = Question(
            "The parcel came back", "No stock comes back by this: look at the goods first.", "It came back"
        )
        return self._with_reason(request, object_id, question, shipments.mark_returned, "came back")

    @action(description="Open again", icon="unarchive", permissions=["act"])
    def unpack(self, request: HttpRequest, object_id: str) -> HttpResponse:
        question = Question(
            "Open the parcel again", "Its units go back to the shelf and can be packed anew.", "Open it"
        )
        return self._with_reason(request, object_id, question, shipments.unpack, "is open again")

    @action(description="Send again", icon="restart_alt", permissions=["act"])
    def send_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(reverse("admin:warehouse_pack_again", args=[_shipment(object_id).pk]))

    def _with_reason(
        self, request: HttpRequest, object_id: str, question: Question, verb: Any, said: str
    ) -> HttpResponse:
        shipment = _shipment(object_id)
        run = partial(verb, shipment, actor=staff(request), at=reading.now())

        def once(given: dict[str, Any]) -> str:
            run(reason=given["reason"])
            return f"Parcel {shipment.reference} {said}."

        return act(self, request, shipment, question, once, form=ReasonForm(request.POST or None))


def parcel_link(shipment: Shipment | None) -> SafeString | str:
    """Return a parcel's reference as a link to its page."""
    if shipment is None:
        return "–"
    return desk.link(reverse("admin:orders_shipment_change", args=[shipment.pk]), shipment.reference)


def _possible(shipment: Shipment) -> set[str]:
    """Return the names of the buttons whose verbs could succeed on a parcel as it stands."""
    by_status = {
        Status.PACKED: {"dispatch", "unpack"},
        Status.DISPATCHED: {"correct_label", "deliver", "lose", "bring_back"},
        Status.DELIVERED: {"bring_back"},
        Status.LOST: {"deliver", "bring_back"},
    }
    found = {"slip", *by_status.get(Status(shipment.status), ())}
    if shipment.status == Status.PACKED and not shipment.order.may_ship:
        found.remove("dispatch")
    again = shipment.replacements.exclude(status=Status.UNPACKED).exists()
    if shipment.status == Status.LOST and not again and shipment.order.may_ship:
        found.add("send_again")
    return found


def _shipment(object_id: str) -> Shipment:
    rows = Shipment.objects.select_related("order")
    return get_object_or_404(rows, pk=key_of(object_id))


def _contents(shipment: Shipment) -> Table:
    lines = shipment.lines.select_related("variant__product", "lot").order_by("pk")
    rows = [
        (
            line.sku,
            f"{line.variant.product.name}, {line.variant.name}",
            line.lot.code if line.lot else "no lot",
            on_day(line.lot.best_before_on) if line.lot else "–",
            line.quantity,
        )
        for line in lines
    ]
    return Table("In the parcel", ("SKU", "goods", "lot", "best before", "units"), rows)


def _customs(shipment: Shipment) -> Table:
    """Return the customs form: what CN 22 asks for."""
    facts = shipment.customs

    def show(amount: int) -> str:
        return format_money(amount, facts["currency"])

    rows: list[Sequence[Any]] = [
        (
            line["quantity"],
            line["description"],
            line["hs_code"],
            line["origin"],
            looks.weight(line["weight_g"]),
            show(line["value"]),
        )
        for line in facts["lines"]
    ]
    rows.append(
        (
            "",
            "Total, without packaging and tax",
            "",
            "",
            looks.weight(facts["weight_g"]),
            show(facts["value"]),
        )
    )
    title = f"Customs form: {facts['category']}, from {facts['from']} to {facts['to']}"
    return Table(title, ("units", "contents", "HS code", "origin", "weight", "value"), rows)
