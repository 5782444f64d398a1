"""Withdrawing from a contract, for whoever holds the order. Everybody else has the public page."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orders import tasks
from orders.api import schemas
from orders.api.carts import read_body
from orders.api.orders import held_order
from orders.models import Order
from orders.returns import withdrawals
from orders.returns.withdrawals import Statement
from shop.api.idempotency import run_once
from shop.api.permissions import Public
from shop.api.schema import HOLDER, refusals
from shop.clock import reading


class OrderWithdrawalView(APIView):
    permission_classes = (Public,)
    takes_idempotency_key = True

    @extend_schema(
        operation_id="order_withdrawal",
        summary="Withdraw from the contract",
        description="Every statement is accepted, with its time, and acknowledged by mail. Refills that "
        "belong to the order end; while nothing of it is packed it is cancelled and refunded in full.",
        auth=HOLDER,
        request=schemas.WithdrawalSerializer,
        responses={
            201: schemas.WithdrawalOut,
            **refusals(
                {
                    400: ("invalid", "unknown_field"),
                    404: ("not_found",),
                    409: ("idempotency_key_in_use",),
                    422: ("idempotency_key_reused",),
                }
            ),
        },
    )
    def post(self, request: Request, reference: str) -> Response:
        order = held_order(request, reference)
        given = read_body(request, schemas.WithdrawalSerializer)
        return run_once(request, caller=f"order:{order.pk}", work=lambda: self._declare(order, given))

    def _declare(self, order: Order, given: dict[str, str]) -> Response:
        statement = Statement(
            name=given["name"] or order.billing_address.get("name", ""),
            email=order.email,
            order_given=order.reference,
            text=given["statement"] or withdrawals.USUAL_WORDS,
            locale=order.locale,
        )
        row = withdrawals.declare_held(order, statement, at=reading.now())
        for refund_id in withdrawals.refunds_to_send(row):
            tasks.wake(tasks.send_refund, refund_id)
        answer = {
            "reference": row.reference,
            "received_at": row.received_at,
            "email": row.email,
            "statement": row.statement,
        }
        return Response(answer, status=201)
