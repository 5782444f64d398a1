"""Parcels to come over REST: what one holds, and what joins it once."""

from collections.abc import Callable
from datetime import datetime

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orders.api import subscription_schemas as schemas
from orders.api.carts import read_body, user_of
from orders.api.subscriptions import ETAG, IF_MATCH, REFUSALS, seen_tags, tagged
from orders.models import Refill, RefillItem, Subscription
from orders.subscriptions import extras, holding, tags
from shop.api import client_ip
from shop.api.idempotency import run_once
from shop.clock import reading
from shop.exceptions import NotFound


def _mine(request: Request, reference: str) -> Refill:
    items = RefillItem.objects.select_related("variant__product", "cycle__subscription", "extra")
    rows = Refill.objects.select_related("card", "order").prefetch_related(Prefetch("items", queryset=items))
    row = rows.filter(customer__user=user_of(request), reference=reference).first()
    if row is None:
        raise NotFound("You have no such refill.")
    return row


def _shown(row: Refill) -> Response:
    return tagged(Response(schemas.refill(row)), tags.of_refill(row))


def _first_of(row: Refill) -> Subscription:
    """Return the subscription of a parcel that a one-off item travels with.

    :raises holding.AppliesFromNextRefill: if the parcel is over: nothing joins it any more.
    """
    cycle = row.cycles.filter(status="open").select_related("subscription").order_by("pk").first()
    if cycle is None:
        raise holding.AppliesFromNextRefill("This refill is over. Add it to the next one.")
    return cycle.subscription


class RefillView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="refill_retrieve",
        summary="See what a parcel holds",
        parameters=[ETAG],
        responses=schemas.ParcelOut,
    )
    def get(self, request: Request, reference: str) -> Response:
        return _shown(_mine(request, reference))


class RefillItemsView(APIView):
    takes_idempotency_key = True
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="refill_item_add",
        summary="Add any product once to a planned parcel",
        parameters=[IF_MATCH, ETAG],
        request=schemas.ItemSerializer,
        responses={200: schemas.ParcelOut, **REFUSALS},
    )
    def post(self, request: Request, reference: str) -> Response:
        row, ip = _mine(request, reference), client_ip(request)
        body = read_body(request, schemas.ItemSerializer)
        return _change(
            request, row, lambda of, at: extras.add(of, **body, at=at, ip_address=ip, seen=seen_tags(request))
        )


class RefillItemView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="refill_item_remove",
        summary="Take a one-off item out of a planned parcel",
        parameters=[IF_MATCH, ETAG],
        request=None,
        responses={200: schemas.ParcelOut, **REFUSALS},
    )
    def delete(self, request: Request, reference: str, item: str) -> Response:
        row = _mine(request, reference)
        extra = row.extras.filter(reference=item).select_related("subscription").first()
        if extra is None:
            raise NotFound("No such item waits for this refill.", code="item_not_found")
        return _change(
            request,
            row,
            lambda _, at: extras.remove(extra.subscription, reference=item, at=at, seen=seen_tags(request)),
        )


def _change(request: Request, row: Refill, verb: Callable[[Subscription, datetime], object]) -> Response:
    def work() -> Response:
        verb(_first_of(row), reading.now())
        return _shown(_mine(request, row.reference))

    return run_once(request, caller=f"user:{request.user.pk}", work=work)
