"""A copy of everything about me, and the end of it."""

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from shop.accounts.api.me import MeView
from shop.accounts.models import User
from shop.api import limits
from shop.api.fields import StrictCharField, StrictSerializer
from shop.api.limits import Limit
from shop.api.schema import refusals
from shop.clock import reading
from shop.privacy import erasure, export, passwords


class ForgetMeSerializer(StrictSerializer):
    password = StrictCharField(max_length=1000, trim_whitespace=False, help_text="To be sure that it is you.")


class ErasureOut(serializers.Serializer):
    requested_at = serializers.DateTimeField()
    waits_for = serializers.CharField(allow_blank=True, help_text="What has to close first; empty: nothing.")


class MeWithEndView(MeView):
    """The account that is signed in."""

    @extend_schema(
        operation_id="me_forget",
        summary="Delete my account",
        description="Refills are cancelled and every session ends at once. The rest is deleted when the last "
        "order has closed; invoices are kept as long as the law demands. A mail confirms both.",
        request=ForgetMeSerializer,
        responses={
            202: ErasureOut,
            **refusals({400: ("invalid", "unknown_field"), 409: ("staff_account", "charge_in_progress")}),
        },
    )
    def delete(self, request: Request) -> Response:
        user = request.user
        assert isinstance(user, User)  # IsAuthenticated
        given = ForgetMeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        passwords.check(user, given.validated_data["password"])
        row = erasure.request(user, at=reading.now())
        answer = {"requested_at": row.requested_at, "waits_for": erasure.what_is_open(user)}
        return Response(answer, status=202)


class ExportView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="me_export",
        summary="Everything about me",
        description="Account, addresses, carts, orders with payments, parcels, returns and invoices, "
        "refills, consents, mails. `format` names the shape. Card numbers are not in it: we never have them.",
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, description="One JSON object"), **refusals({})},
    )
    def get(self, request: Request) -> Response:
        user = request.user
        assert isinstance(user, User)  # IsAuthenticated
        limits.spend(Limit("export_per_account", f"user:{user.pk}"))
        answer = Response(export.export(user, at=reading.now()))
        answer["Content-Disposition"] = 'attachment; filename="my-data.json"'
        answer["Cache-Control"] = "no-store"
        return answer


urlpatterns = [
    path("me", MeWithEndView.as_view(), name="me"),
    path("me/export", ExportView.as_view(), name="me-export"),
]
