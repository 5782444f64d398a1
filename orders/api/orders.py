"""Orders over REST: by login, or by `Authorization: OrderToken …`. Nobody else learns that one exists."""

from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orders import (
    card_testing,
    carts,
    checkout,
    links,
    payments,
    reorder,
    settlement,
    stripe_gateway,
    tasks,
)
from orders.api import schemas, views_of
from orders.api.carts import read_body, user_of
from orders.models import Order, OrderLine
from orders.returns import cancellation
from shop.api import client_ip
from shop.api.fields import read_query
from shop.api.idempotency import run_once
from shop.api.pagination import PAGE_PARAMETERS, CursorPages
from shop.api.permissions import Public
from shop.api.schema import HOLDER, refusals
from shop.clock import reading
from shop.exceptions import NotFound

_PAYMENT_REFUSALS = refusals(
    {
        404: ("not_found",),
        409: ("not_payable", "out_of_stock", "payment_in_progress", "idempotency_key_in_use"),
        422: ("payment_refused", "idempotency_key_reused"),
        503: ("payment_unavailable", "payments_not_configured"),
    }
)
_REORDER_REFUSALS = refusals(
    {
        404: ("not_found",),
        409: ("nothing_to_reorder", "idempotency_key_in_use"),
        422: ("idempotency_key_reused",),
    }
)
_CANCEL_REFUSALS = refusals(
    {
        400: ("invalid", "unknown_field"),
        404: ("not_found",),
        409: (
            "not_payable", "not_cancellable", "charge_in_progress", "payment_in_progress",
            "idempotency_key_in_use",
        ),
        422: ("payment_refused", "idempotency_key_reused"),
        503: ("payment_unavailable", "payments_not_configured"),
    }
)  # fmt: skip


def held_order(request: Request, reference: str) -> Order:
    """Return an order that the caller holds.

    :raises NotFound: for any order that is not theirs, in the same words as for none at all.
    """
    lines = Prefetch("lines", OrderLine.objects.order_by("position"))
    rows = Order.objects.prefetch_related(lines, "shipments")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme == "OrderToken" and _names(token, reference):
        order = rows.filter(reference=reference).first()
    else:
        user = user_of(request)
        order = rows.filter(reference=reference, user=user).first() if user else None
    if order is None:
        raise NotFound("There is no such order, or this is not the proof that it is yours.")
    return order


def _names(token: str, reference: str) -> bool:
    try:
        return links.reference_of(token) == reference
    except NotFound:
        return False


class NewestFirst(CursorPages):
    ordering = "-id"


class MyOrdersView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="my_orders_list",
        summary="List your orders",
        description="Newest first. A guest opens one order with its token instead.",
        parameters=[
            schemas.OrderListQuery,
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int, description="1 to 100."),
        ],
        responses=schemas.OrderPageOut,
    )
    def get(self, request: Request) -> Response:
        query = read_query(request, schemas.OrderListQuery, also=PAGE_PARAMETERS)
        lines = Prefetch("lines", OrderLine.objects.order_by("position"))
        mine = Order.objects.filter(user=user_of(request), **query).prefetch_related(lines)
        pages = NewestFirst()
        rows = pages.paginate_queryset(mine, request, view=self) or []
        return pages.get_paginated_response([views_of.order_summary(row) for row in rows])


class OrderView(APIView):
    permission_classes = (Public,)

    @extend_schema(
        operation_id="order_retrieve", summary="See an order", auth=HOLDER, responses=schemas.OrderOut
    )
    def get(self, request: Request, reference: str) -> Response:
        return Response(views_of.order(held_order(request, reference)))


class OrderPaymentView(APIView):
    permission_classes = (Public,)
    takes_idempotency_key = True

    @extend_schema(
        operation_id="order_payment",
        summary="Pay an order that waits for payment",
        description="Renews the hold of its stock.",
        auth=HOLDER,
        request=None,
        responses={200: schemas.PaymentAnswerOut, **_PAYMENT_REFUSALS},
    )
    def post(self, request: Request, reference: str) -> Response:
        order = held_order(request, reference)
        read_body(request, schemas.NothingSerializer)
        return run_once(request, caller=f"order:{order.pk}", work=lambda: self._pay(request, order))

    def _pay(self, request: Request, order: Order) -> Response:
        at = reading.now()
        with card_testing.at_payment(order, ip=client_ip(request), at=at):
            intent = checkout.pay_again(order, at=at)
        settlement.observe(intent, at=at)
        if intent.status == "canceled":
            raise checkout.NotPayable(f"The payment of order {order.reference} was cancelled.")
        return Response({"reference": order.reference, "payment": views_of.payment(intent)})


class OrderCancelView(APIView):
    permission_classes = (Public,)
    takes_idempotency_key = True

    @extend_schema(
        operation_id="order_cancel",
        summary="Cancel an order that is not paid, or of which nothing is packed yet",
        description="A paid order is refunded in full, and refills that it began end with it.",
        auth=HOLDER,
        request=schemas.ReasonSerializer,
        responses={200: schemas.OrderOut, **_CANCEL_REFUSALS},
    )
    def post(self, request: Request, reference: str) -> Response:
        order = held_order(request, reference)
        reason = read_body(request, schemas.ReasonSerializer)["reason"] or "Cancelled by the customer."
        return run_once(
            request, caller=f"order:{order.pk}", work=lambda: self._cancel(request, order, reason)
        )

    def _cancel(self, request: Request, order: Order, reason: str) -> Response:
        at = reading.now()
        if order.is_paid:
            user = user_of(request)
            refund = cancellation.cancel_paid(order, reason=reason, actor=user, by_holder=True, at=at)
            if refund is not None:
                tasks.wake(tasks.send_refund, refund.pk)
        else:
            intent = checkout.cancel(order, reason=reason, actor=user_of(request), at=at)
            if intent is not None:
                settlement.observe(intent, at=at)
        return Response(views_of.order(held_order(request, order.reference)))


class OrderReorderView(APIView):
    permission_classes = (Public,)
    takes_idempotency_key = True

    @extend_schema(
        operation_id="order_reorder",
        summary="Put what an order held into a new cart",
        description="At today's prices, to the same address. What was on refill comes once: its refills go "
        "on by themselves. `left_out` says what could not be put in.",
        auth=HOLDER,
        request=None,
        responses={201: schemas.ReorderOut, **_REORDER_REFUSALS},
    )
    def post(self, request: Request, reference: str) -> Response:
        order = held_order(request, reference)
        read_body(request, schemas.NothingSerializer)
        return run_once(request, caller=f"order:{order.pk}", work=lambda: self._reorder(request, order))

    def _reorder(self, request: Request, order: Order) -> Response:
        at = reading.now()
        done = reorder.order_again(order, user=user_of(request), at=at)
        found = carts.view(carts.by_token(done.cart.token), at=at)
        left_out = [views_of.problem(problem) for problem in done.left_out]
        return Response({**views_of.cart(found), "left_out": left_out}, status=201)


class OrderRefreshView(APIView):
    permission_classes = (Public,)

    @extend_schema(
        operation_id="order_refresh",
        summary="Ask Stripe how the payment stands, as the return page does",
        auth=HOLDER,
        request=None,
        responses=schemas.OrderOut,
    )
    def post(self, request: Request, reference: str) -> Response:
        order = held_order(request, reference)
        read_body(request, schemas.NothingSerializer)
        at = reading.now()
        if not order.is_paid:
            intent = payments.read_intent(order.payment, mood=stripe_gateway.TILL, at=at)
            if intent is not None:
                settlement.observe(intent, at=at)
        return Response(views_of.order(held_order(request, reference)))
