"""Buttons of an order that concern its parcels: pack it, send it elsewhere, take pieces off it."""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action

from orders import addresses, amendments
from orders.admin.parcel_forms import AddressForm, RemovePiecesForm
from orders.admin.sending_money import send_refund
from orders.models import Order, Shipment
from shop.accounts.models import User
from shop.admin import Question, act, key_of
from shop.clock import reading
from shop.exceptions import InvalidInput


class ParcelButtons(ModelAdmin):
    """What staff may do about an order's parcels."""

    def has_pack_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return request.user.has_perm("orders.change_shipment")

    @action(description="Pack", icon="package_2", permissions=["pack"])
    def pack_order(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(reverse("admin:warehouse_pack", args=[_order(object_id).pk]))

    @action(description="Where it goes", icon="edit_location", permissions=["act"])
    def change_address(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = _order(object_id)
        form = AddressForm(request.POST or None, address=order.shipping_address)

        def verb(given: dict[str, Any]) -> str:
            try:
                changed = amendments.change_address(
                    order, given, actor=cast(User, request.user), at=reading.now()
                )
            except InvalidInput as refusal:
                for name, words in refusal.fields.items():
                    form.add_error(name.rpartition(".")[2], " ".join(words))
                raise
            return f"Goes to {', '.join(addresses.lines(changed.shipping_address))}."

        question = Question(
            "Send it elsewhere",
            "Shipping and tax were paid for the old address: they have to be the same at the new one.",
            "Change the address",
        )
        return act(self, request, order, question, verb, form=form)

    @action(description="How much of it", icon="remove_shopping_cart", permissions=["act"])
    def remove_pieces(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = _order(object_id)
        form = RemovePiecesForm(request.POST or None, order=order)

        def verb(given: dict[str, Any]) -> str:
            at = reading.now()
            refund = amendments.remove_pieces(
                order, given["pieces"], reason=given["reason"], actor=cast(User, request.user),
                expected_left=given["expected_left"], at=at,
            )  # fmt: skip
            return send_refund(refund, at=at)

        question = Question(
            "Take pieces off the order",
            "They are not sent, their stock is free again, and their price goes back to the customer.",
            "Take off and refund",
            is_dangerous=True,
        )
        return act(self, request, order, question, verb, form=form)


def possible(order: Order) -> set[str]:
    """Return the names of the buttons whose verbs could succeed on an order as it stands."""
    if not order.may_ship:
        return set()
    parts = [part for line in order.lines.prefetch_related("components") for part in line.components.all()]
    if any(part.to_pack for part in parts):
        return {"pack_order", "change_address", "remove_pieces"}
    lost = order.shipments.filter(status=Shipment.Status.LOST).exists()
    return {"change_address"} if lost else set()


def _order(object_id: str) -> Order:
    rows = Order.objects.select_related("payment")
    return get_object_or_404(rows, pk=key_of(object_id))
