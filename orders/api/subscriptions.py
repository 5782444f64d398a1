"""Refills over REST: a signed-in customer's own; to anybody else they do not exist."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import pricing
from orders.api import subscription_schemas as schemas
from orders.api.carts import user_of
from orders.models import BillingCycle, RefillExtra, Subscription
from orders.subscriptions import sending, swaps, tags
from shop.api.fields import read_query
from shop.api.pagination import PAGE_PARAMETERS, CursorPages
from shop.api.schema import refusals
from shop.clock import reading
from shop.exceptions import NotFound

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="An `ETag` that you were given: 412 `stale` if it has changed since. Without it the latest "
    "state is changed.",
)
# What a verb may refuse: the state it meets is never the one of the last look.
REFUSALS = refusals(
    {
        400: ("invalid", "unknown_field"),
        404: ("not_found",),
        409: (
            "applies_from_next_refill", "charge_in_progress", "halted_by_dispute", "nothing_to_unskip",
            "not_sendable", "price_changed", "refill_not_chargeable", "subscription_cancelled",
            "too_many_items", "not_swappable", "idempotency_key_in_use",
        ),
        412: ("stale",),
        422: ("idempotency_key_reused",),
    }
)  # fmt: skip

ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, response=[200], description="The state that is shown."
)


class NewestFirst(CursorPages):
    ordering = "-id"


def mine(request: Request) -> QuerySet[Subscription]:
    """Return a user's own subscriptions with all that is shown of them."""
    open_cycles = BillingCycle.objects.filter(status=BillingCycle.Status.OPEN).select_related("refill")
    extras = RefillExtra.objects.filter(status=RefillExtra.Status.WAITING)
    return (
        Subscription.objects.filter(customer__user=user_of(request))
        .select_related("variant__product", "card")
        .prefetch_related(
            Prefetch("cycles", queryset=open_cycles, to_attr="open_cycles"),
            Prefetch(
                "extras",
                queryset=extras.select_related("variant__product", "refill"),
                to_attr="waiting_extras",
            ),
        )
    )


def held(request: Request, reference: str) -> Subscription:
    """Return one of a user's own subscriptions, which knows what the caller has seen of it.

    :raises NotFound: if they have none of that name.
    """
    row = mine(request).filter(reference=reference).first()
    if row is None:
        raise NotFound("You have no such subscription.")
    row.seen_tag = seen_tags(request)
    return row


def seen_tags(request: Request) -> str:
    """Return the tags of the If-Match header with commas between; nothing for "any" or no header.

    A weak tag never matches. Source: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1
    """
    given = [tag.strip() for tag in request.headers.get("If-Match", "").split(",")]
    return "" if "*" in given else ",".join(tag.strip('"') for tag in given if tag)


def tagged(answer: Response, tag: str) -> Response:
    """Return an answer that names the state it shows."""
    answer["ETag"] = f'"{tag}"'
    return answer


def shown(request: Request, reference: str) -> Response:
    """Return a subscription as it is now, with its tag."""
    row: Any = held(request, reference)
    cycle = row.open_cycles[0] if row.open_cycles else None
    return tagged(Response(schemas.subscription(row)), tags.of_subscription(row, cycle))


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
        rows = pages.paginate_queryset(mine(request).filter(**query), request, view=self) or []
        return pages.get_paginated_response([schemas.subscription(row) for row in rows])


class SubscriptionView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="subscription_retrieve",
        summary="See a subscription",
        parameters=[ETAG],
        responses=schemas.SubscriptionOut,
    )
    def get(self, request: Request, reference: str) -> Response:
        return shown(request, reference)


class SwapChoicesView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="subscription_swap_choices",
        summary="See what may take its place",
        responses=schemas.SwapChoicesOut,
    )
    def get(self, request: Request, reference: str) -> Response:
        row = held(request, reference)
        found = list(swaps.choices(row))
        offers = pricing.offers_for(found, row.currency, reading.now())
        results = [
            schemas.swap_choice(variant, offer.refill_amount or offer.amount, row.currency)
            for variant in found
            if (offer := offers.get(variant.pk))
        ]
        return Response({"results": results})


class SendNowPriceView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="subscription_send_now_price",
        summary="See what the coming parcel costs if it is sent now",
        responses=schemas.SendNowOut,
    )
    def get(self, request: Request, reference: str) -> Response:
        return Response(schemas.send_now(sending.preview(held(request, reference), at=reading.now())))
