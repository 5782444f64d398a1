"""My saved cards. A card's number is typed into Stripe's own form, never sent to us."""

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orders import card_setups, cart_merging, carts, stripe_gateway
from orders.api import schemas, views_of
from orders.api.carts import read_body
from shop.accounts.models import User
from shop.api import client_ip, client_network, limits
from shop.api.fields import StrictBooleanField, StrictCharField, StrictSerializer
from shop.api.idempotency import run_once
from shop.api.limits import Limit
from shop.api.schema import refusals
from shop.clock import reading
from shop.exceptions import NotFound


class CardSetupSerializer(StrictSerializer):
    consent = StrictBooleanField(help_text=card_setups.CONSENT_TEXT)
    subscription = StrictCharField(
        max_length=20,
        required=False,
        default="",
        help_text="The subscription that it is for, if it is for one.",
    )


class MergeSerializer(StrictSerializer):
    cart = StrictCharField(max_length=40, help_text="The `id` of the cart that was filled before signing in.")


class CardsOut(serializers.Serializer):
    results = schemas.CardOut(many=True, help_text="Newest first.")


class CardSetupOut(serializers.Serializer):
    id = serializers.CharField(help_text="Send it to `me/cards/confirm` when the browser is done.")
    client_secret = serializers.CharField(help_text="For `stripe.confirmSetup`.")
    publishable_key = serializers.CharField()


class ConfirmSerializer(StrictSerializer):
    id = StrictCharField(max_length=64)


_OPEN = refusals(
    {
        400: ("invalid", "unknown_field", "consent_missing"),
        404: ("not_found",),
        409: ("idempotency_key_in_use",),
        422: ("idempotency_key_reused",),
        503: ("payment_unavailable", "payments_not_configured"),
    }
)
_ONE = refusals({404: ("card_not_found",), 503: ("payment_unavailable", "payments_not_configured")})


class CardListView(APIView):
    permission_classes = (IsAuthenticated,)
    takes_idempotency_key = True

    @extend_schema(operation_id="me_cards", summary="My saved cards", responses=CardsOut)
    def get(self, request: Request) -> Response:
        return Response({"results": [views_of.card(row) for row in card_setups.saved_cards(_user(request))]})

    @extend_schema(
        operation_id="me_card_setup",
        summary="Begin to save a card",
        description="Confirm it in the browser with `stripe.confirmSetup`; no money moves.",
        request=CardSetupSerializer,
        responses={201: CardSetupOut, **_OPEN},
    )
    def post(self, request: Request) -> Response:
        user = _user(request)
        given = read_body(request, CardSetupSerializer)

        def work() -> Response:
            spend_setup(user, client_ip(request))
            setup = card_setups.begin(
                user,
                agreed=given["consent"],
                subscription=given["subscription"],
                ip_address=client_ip(request),
                at=reading.now(),
            )
            found = card_setups.open_at_stripe(setup, mood=stripe_gateway.at_the_till())
            key = settings.STRIPE_PUBLISHABLE_KEY
            answer = {"id": found.id, "client_secret": found.client_secret, "publishable_key": key}
            return Response(answer, status=201)

        return run_once(request, caller=f"user:{user.pk}", work=work)


class CardConfirmView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="me_card_confirm",
        summary="Keep a card that the browser has confirmed; a webhook does the same a little later",
        request=ConfirmSerializer,
        responses={200: CardsOut, **_ONE},
    )
    def post(self, request: Request) -> Response:
        user, setup_id = _user(request), read_body(request, ConfirmSerializer)["id"]
        if not card_setups.own_setup(user, setup_id):
            raise card_setups.CardNotFound("You have begun no such setup.")
        card_setups.observe(setup_id, mood=stripe_gateway.at_the_till(), at=reading.now())
        return Response({"results": [views_of.card(row) for row in card_setups.saved_cards(user)]})


class CardView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="me_card_remove",
        summary="Remove a card",
        description="Refills that were to be charged to it wait for another; a mail says so.",
        request=None,
        responses={204: OpenApiResponse(description="Removed"), **_ONE},
    )
    def delete(self, request: Request, card_id: str) -> Response:
        mood = stripe_gateway.at_the_till()
        card_setups.remove(_user(request), card_id, mood=mood, at=reading.now())
        return Response(status=204)


class OwnCartView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(operation_id="me_cart", summary="My open cart", responses=schemas.CartOut)
    def get(self, request: Request) -> Response:
        found = cart_merging.latest_open(_user(request))
        if found is None:
            raise NotFound("You have no open cart.", code="cart_not_found")
        return Response(views_of.cart(carts.view(found, at=reading.now())))

    @extend_schema(
        operation_id="me_cart_merge",
        summary="Join a cart that was filled before signing in with my own",
        description="Quantities add up, refills stay as they are; the cart that is named stays, others end.",
        request=MergeSerializer,
        responses={200: schemas.CartOut, **refusals({404: ("cart_not_found",)})},
    )
    def post(self, request: Request) -> Response:
        at = reading.now()
        token = read_body(request, MergeSerializer)["cart"]
        found = cart_merging.merge(token, _user(request), at=at)
        if found is None:
            raise NotFound("There is nothing to join.", code="cart_not_found")
        return Response(views_of.cart(carts.view(carts.by_token(found.token), at=at)))


def spend_setup(user: User, ip: str | None) -> None:
    """Count one try at saving a card: whoever tries out stolen ones would use it too.

    :raises TooManyRequests: with `retry_after`.
    """
    limits.spend(
        Limit("card_setup_per_ip", client_network(ip)), Limit("card_setup_per_account", f"user:{user.pk}")
    )


def _user(request: Request) -> User:
    assert isinstance(request.user, User)  # IsAuthenticated
    return request.user
