"""Refills over REST: a signed-in customer's own; to anybody else they do not exist."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orders.api import subscription_schemas as schemas
from orders.api.carts import read_body, user_of
from orders.api.schemas import NothingSerializer
from orders.models import BillingCycle, Refill, RefillItem, Subscription
from orders.subscriptions import changes
from shop.api.fields import StrictSerializer, read_query
from shop.api.idempotency import run_once
from shop.api.pagination import PAGE_PARAMETERS, CursorPages
from shop.clock import reading
from shop.exceptions import NotFound

Verb = Callable[[Subscription, dict[str, Any], datetime], Subscription]


class NewestFirst(CursorPages):
    ordering = "-id"


def _mine(request: Request) -> QuerySet[Subscription]:
    open_cycles = BillingCycle.objects.filter(status=BillingCycle.Status.OPEN).select_related("refill")
    return (
        Subscription.objects.filter(customer__user=user_of(request))
        .select_related("variant__product", "card")
        .prefetch_related(Prefetch("cycles", queryset=open_cycles, to_attr="open_cycles"))
    )


def _held(request: Request, reference: str) -> Subscription:
    row = _mine(request).filter(reference=reference).first()
    if row is None:
        raise NotFound("You have no such subscription.")
    return row


class SubscriptionListView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="subscription_list",
        summary="List your subscriptions",
        parameters=[
            schemas.ListQuery,
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int, description="1 to 100."),
        ],
        responses=schemas.SubscriptionPageOut,
    )
    def get(self, request: Request) -> Response:
        query = read_query(request, schemas.ListQuery, also=PAGE_PARAMETERS)
        pages = NewestFirst()
        rows = pages.paginate_queryset(_mine(request).filter(**query), request, view=self) or []
        return pages.get_paginated_response([schemas.subscription(row) for row in rows])


class SubscriptionView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="subscription_retrieve", summary="See a subscription", responses=schemas.SubscriptionOut
    )
    def get(self, request: Request, reference: str) -> Response:
        return Response(schemas.subscription(_held(request, reference)))


class VerbView(APIView):
    """Answers with the subscription as it is then."""

    takes_idempotency_key = True

    permission_classes = (IsAuthenticated,)

    def run(self, request: Request, reference: str, shape: type[StrictSerializer], verb: Verb) -> Response:
        row = _held(request, reference)
        body = read_body(request, shape)

        def work() -> Response:
            verb(row, body, reading.now())
            return Response(schemas.subscription(_held(request, reference)))

        return run_once(request, caller=f"user:{request.user.pk}", work=work)


class SkipView(VerbView):
    @extend_schema(
        operation_id="subscription_skip",
        summary="Leave out the coming refill",
        request=NothingSerializer,
        responses=schemas.SubscriptionOut,
    )
    def post(self, request: Request, reference: str) -> Response:
        shape = NothingSerializer
        return self.run(request, reference, shape, lambda row, body, at: changes.skip(row, at=at))


class UnskipView(VerbView):
    @extend_schema(
        operation_id="subscription_unskip",
        summary="Take back the latest skip",
        request=NothingSerializer,
        responses=schemas.SubscriptionOut,
    )
    def post(self, request: Request, reference: str) -> Response:
        shape = NothingSerializer
        return self.run(request, reference, shape, lambda row, body, at: changes.unskip(row, at=at))


class PauseView(VerbView):
    @extend_schema(
        operation_id="subscription_pause",
        summary="Pause until a day, or until resumed",
        request=schemas.PauseSerializer,
        responses=schemas.SubscriptionOut,
    )
    def post(self, request: Request, reference: str) -> Response:
        shape = schemas.PauseSerializer
        return self.run(
            request, reference, shape, lambda row, body, at: changes.pause(row, until=body["until"], at=at)
        )


class ResumeView(VerbView):
    @extend_schema(
        operation_id="subscription_resume",
        summary="Take a paused subscription up again",
        request=NothingSerializer,
        responses=schemas.SubscriptionOut,
    )
    def post(self, request: Request, reference: str) -> Response:
        shape = NothingSerializer
        return self.run(request, reference, shape, lambda row, body, at: changes.resume(row, at=at))


class ChangeQuantityView(VerbView):
    @extend_schema(
        operation_id="subscription_change_quantity",
        summary="Change how many come",
        request=schemas.QuantitySerializer,
        responses=schemas.SubscriptionOut,
    )
    def post(self, request: Request, reference: str) -> Response:
        shape = schemas.QuantitySerializer
        return self.run(
            request,
            reference,
            shape,
            lambda row, body, at: changes.change_quantity(row, quantity=body["quantity"], at=at),
        )


class RescheduleView(VerbView):
    @extend_schema(
        operation_id="subscription_reschedule",
        summary="Change the interval, the next day, or both",
        request=schemas.RescheduleSerializer,
        responses=schemas.SubscriptionOut,
    )
    def post(self, request: Request, reference: str) -> Response:
        def verb(row: Subscription, body: dict[str, Any], at: datetime) -> Subscription:
            interval = body.get("interval", {})
            return changes.reschedule(
                row,
                unit=interval.get("unit"),
                count=interval.get("count"),
                next_on=body.get("next_on"),
                at=at,
            )

        return self.run(request, reference, schemas.RescheduleSerializer, verb)


class ChangeCardView(VerbView):
    @extend_schema(
        operation_id="subscription_change_card",
        summary="Charge another of your saved cards",
        request=schemas.CardChoiceSerializer,
        responses=schemas.SubscriptionOut,
    )
    def post(self, request: Request, reference: str) -> Response:
        shape = schemas.CardChoiceSerializer
        return self.run(
            request,
            reference,
            shape,
            lambda row, body, at: changes.change_card(row, payment_method_id=body["card"], at=at),
        )


class ChangeAddressView(VerbView):
    @extend_schema(
        operation_id="subscription_change_address",
        summary="Send to another address",
        request=schemas.AddressChangeSerializer,
        responses=schemas.SubscriptionOut,
    )
    def post(self, request: Request, reference: str) -> Response:
        shape = schemas.AddressChangeSerializer
        return self.run(
            request,
            reference,
            shape,
            lambda row, body, at: changes.change_address(row, address=body["address"], at=at),
        )


class CancelView(VerbView):
    @extend_schema(
        operation_id="subscription_cancel",
        summary="Cancel for good: nothing is charged after",
        request=schemas.CancelSerializer,
        responses=schemas.SubscriptionOut,
    )
    def post(self, request: Request, reference: str) -> Response:
        def verb(row: Subscription, body: dict[str, Any], at: datetime) -> Subscription:
            return changes.cancel(row, reason=body["reason"] or "Cancelled by the customer.", at=at)

        return self.run(request, reference, schemas.CancelSerializer, verb)


class RefillView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="refill_retrieve", summary="See what a parcel holds", responses=schemas.ParcelOut
    )
    def get(self, request: Request, reference: str) -> Response:
        items = RefillItem.objects.select_related("variant__product", "cycle__subscription")
        rows = Refill.objects.select_related("card", "order").prefetch_related(
            Prefetch("items", queryset=items)
        )
        row = rows.filter(customer__user=user_of(request), reference=reference).first()
        if row is None:
            raise NotFound("You have no such refill.")
        return Response(schemas.refill(row))
