"""Carts over REST: whoever has the unguessable id has the cart."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orders import card_testing, carts, checkout, code_guessing, settlement
from orders.api import schemas, views_of
from orders.carts import Refill
from orders.checkout import Consents
from orders.models import Order
from shop.accounts.models import User
from shop.api import client_ip
from shop.api.fields import StrictSerializer
from shop.api.idempotency import run_once
from shop.api.permissions import Public
from shop.api.schema import refusals
from shop.clock import reading

_ID = OpenApiParameter("cart_id", str, OpenApiParameter.PATH, description="The cart's `id`.")
_LINE_REFUSALS = refusals(
    {
        400: ("invalid", "unknown_field", "unknown_sku", "not_subscribable"),
        404: ("cart_not_found", "line_not_found"),
        409: ("already_ordered", "too_many_lines"),
    }
)
_CHANGE_REFUSALS = refusals(
    {
        400: ("invalid", "unknown_field", "country_mismatch"),
        404: ("cart_not_found",),
        409: ("already_ordered",),
        503: ("tax_unavailable",),
    }
)
_CHECKOUT_REFUSALS = refusals(
    {
        400: ("invalid", "unknown_field", "cart_incomplete", "consent_missing", "address_incomplete"),
        404: ("cart_not_found",),
        409: (
            "price_changed", "out_of_stock", "already_ordered", "not_payable", "payment_in_progress",
            "total_too_small", "discount_used_up", "discount_used_before", "idempotency_key_in_use",
        ),
        422: ("payment_refused", "idempotency_key_reused"),
        503: ("payment_unavailable", "payments_not_configured", "tax_unavailable"),
    }
)  # fmt: skip


def read_body(request: Request, serializer: type[StrictSerializer]) -> dict[str, Any]:
    """Return the validated body of a request.

    :raises rest_framework.exceptions.ValidationError: naming each field that is wrong.
    """
    bound = serializer(data=request.data)
    bound.is_valid(raise_exception=True)
    return bound.validated_data


def user_of(request: Request) -> User | None:
    """Return who is signed in, if anybody is."""
    return request.user if isinstance(request.user, User) else None


def _answer(cart_id: str, *, status: int = 200) -> Response:
    found = carts.view(carts.by_token(cart_id), at=reading.now())
    return Response(views_of.cart(found), status=status)


class CartListView(APIView):
    permission_classes = (Public,)

    @extend_schema(
        operation_id="cart_create",
        summary="Create a cart",
        request=schemas.CartCreateSerializer,
        responses={201: schemas.CartOut},
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, schemas.CartCreateSerializer)
        cart = carts.create(at=reading.now(), user=user_of(request), **body)
        return _answer(cart.token, status=201)


class CartView(APIView):
    permission_classes = (Public,)

    @extend_schema(
        operation_id="cart_retrieve", summary="See a cart", parameters=[_ID], responses=schemas.CartOut
    )
    def get(self, request: Request, cart_id: str) -> Response:
        return _answer(cart_id)

    @extend_schema(
        operation_id="cart_update",
        parameters=[_ID],
        summary="Change e-mail, addresses, country, currency, shipping method or discount codes",
        description="A code that takes nothing off stays on the cart with a problem that says why.",
        request=schemas.CartChangeSerializer,
        responses={200: schemas.CartOut, **_CHANGE_REFUSALS},
    )
    def patch(self, request: Request, cart_id: str) -> Response:
        cart = carts.by_token(cart_id)
        body = read_body(request, schemas.CartChangeSerializer)
        code_guessing.count(cart, body.get("discount_codes", ()), ip=client_ip(request))
        carts.set_details(cart, body, at=reading.now())
        return _answer(cart_id)


class CartLineListView(APIView):
    permission_classes = (Public,)

    @extend_schema(
        operation_id="cart_line_create",
        parameters=[_ID],
        summary="Add a product",
        request=schemas.LineCreateSerializer,
        responses={201: schemas.CartOut, **_LINE_REFUSALS},
    )
    def post(self, request: Request, cart_id: str) -> Response:
        cart = carts.by_token(cart_id)
        body = read_body(request, schemas.LineCreateSerializer)
        refill = Refill(**body["refill"]) if body.get("refill") else None
        carts.add_line(cart, sku=body["sku"], quantity=body["quantity"], refill=refill, at=reading.now())
        return _answer(cart_id, status=201)


class CartLineView(APIView):
    permission_classes = (Public,)

    @extend_schema(
        operation_id="cart_line_update",
        parameters=[_ID],
        summary="Change a line's quantity or refill",
        request=schemas.LineChangeSerializer,
        responses={200: schemas.CartOut, **_LINE_REFUSALS},
    )
    def patch(self, request: Request, cart_id: str, line_id: int) -> Response:
        cart = carts.by_token(cart_id)
        body = read_body(request, schemas.LineChangeSerializer)
        if body.get("refill"):
            body["refill"] = Refill(**body["refill"])
        carts.change_line(cart, line_id, body, at=reading.now())
        return _answer(cart_id)

    @extend_schema(
        operation_id="cart_line_delete",
        summary="Remove a line",
        parameters=[_ID],
        responses={200: schemas.CartOut, **_LINE_REFUSALS},
    )
    def delete(self, request: Request, cart_id: str, line_id: int) -> Response:
        carts.remove_line(carts.by_token(cart_id), line_id, at=reading.now())
        return _answer(cart_id)


class ShippingMethodListView(APIView):
    permission_classes = (Public,)

    @extend_schema(
        operation_id="cart_shipping_methods",
        parameters=[_ID],
        summary="Ways to ship this cart",
        responses=schemas.ShippingMethodsOut,
    )
    def get(self, request: Request, cart_id: str) -> Response:
        found = carts.view(carts.by_token(cart_id), at=reading.now())
        return Response({"results": [views_of.shipping_option(option) for option in found.options]})


class CheckoutView(APIView):
    permission_classes = (Public,)
    takes_idempotency_key = True

    @extend_schema(
        operation_id="cart_checkout",
        parameters=[_ID],
        summary="Order the cart",
        description="Writes the order, holds its stock and opens its payment.",
        request=schemas.CheckoutSerializer,
        responses={
            201: schemas.CheckoutOut,
            200: OpenApiResponse(schemas.CheckoutOut, description="The order was written before."),
            **_CHECKOUT_REFUSALS,
        },
    )
    def post(self, request: Request, cart_id: str) -> Response:
        body = read_body(request, schemas.CheckoutSerializer)
        return run_once(
            request, caller=f"cart:{cart_id[:40]}", work=lambda: self._check_out(request, cart_id, body)
        )

    def _check_out(self, request: Request, cart_id: str, body: dict[str, Any]) -> Response:
        consents = Consents(
            terms=body["consents"]["terms"],
            refill=body["consents"]["refill"],
            ip_address=client_ip(request),
        )
        with card_testing.at_checkout(cart_id, ip=consents.ip_address):
            done = checkout.check_out(
                cart_id,
                expected_total=body["expected_total"],
                consents=consents,
                user=user_of(request),
                at=reading.now(),
            )
        if done.intent is None:
            return self._settle_free(done)
        if not done.created:
            # Asked again: perhaps because it is paid, and the news has not come yet.
            found = settlement.observe(done.intent, at=reading.now())
            if found is not None and found.status != found.Status.PENDING:
                raise carts.CartClosed(f"This cart is order {found.reference}.", order=found.reference)
        return self._answer(done.order, done)

    def _settle_free(self, done: checkout.CheckedOut) -> Response:
        """Nothing to pay: settled at once, by the one place that settles."""
        settled = settlement.settle_free(done.order, at=reading.now())
        if settled.status != settled.Status.PLACED:
            raise carts.CartClosed(f"This cart is order {settled.reference}.", order=settled.reference)
        return self._answer(settled, done)

    def _answer(self, order: Order, done: checkout.CheckedOut) -> Response:
        paying = views_of.payment(done.intent)
        answer = {**views_of.order(order), **views_of.access(order), "payment": paying}
        return Response(answer, status=201 if done.created else 200)
