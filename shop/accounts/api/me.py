"""Who I am, and the addresses I keep."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from shop.accounts import addresses
from shop.accounts.models import Address, User
from shop.api.fields import StrictBooleanField, StrictCharField, StrictSerializer, read_query
from shop.api.schema import refusals

_NOT_MINE = refusals({400: ("invalid", "unknown_field"), 404: ("address_not_found",)})
_FULL = refusals({400: ("invalid", "unknown_field"), 409: ("too_many_addresses",)})


class MeChangeSerializer(StrictSerializer):
    name = StrictCharField(max_length=120, allow_blank=True)


class KeptAddressSerializer(StrictSerializer):
    name = StrictCharField(max_length=120)
    company = StrictCharField(max_length=120, required=False, allow_blank=True)
    line1 = StrictCharField(max_length=200)
    line2 = StrictCharField(max_length=200, required=False, allow_blank=True)
    city = StrictCharField(max_length=120)
    region = StrictCharField(max_length=8, required=False, allow_blank=True, help_text="State code (US).")
    postal_code = StrictCharField(max_length=20, required=False, allow_blank=True)
    country = serializers.RegexField(r"^[A-Za-z]{2}\Z", help_text="ISO 3166-1 alpha-2.")
    phone = StrictCharField(max_length=32, required=False, allow_blank=True)
    is_default = StrictBooleanField(required=False)

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        for name, text in value.items():
            if isinstance(text, str) and any(ord(character) < 32 for character in text):
                raise serializers.ValidationError({name: ["One line, without control characters."]})
        return value


class NothingAskedSerializer(StrictSerializer):
    """A list without filters."""


class MeOut(serializers.Serializer):
    email = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    email_verified_at = serializers.DateTimeField(allow_null=True)
    joined_at = serializers.DateTimeField()


class KeptAddressOut(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    company = serializers.CharField(allow_blank=True)
    line1 = serializers.CharField()
    line2 = serializers.CharField(allow_blank=True)
    city = serializers.CharField()
    region = serializers.CharField(allow_blank=True)
    postal_code = serializers.CharField(allow_blank=True)
    country = serializers.CharField()
    phone = serializers.CharField(allow_blank=True)
    is_default = serializers.BooleanField()


class KeptAddressesOut(serializers.Serializer):
    results = KeptAddressOut(many=True, help_text="The default first. Never more than 20.")


class MeView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(operation_id="me_retrieve", summary="Who I am", responses=MeOut)
    def get(self, request: Request) -> Response:
        return Response(_me(_user(request)))

    @extend_schema(
        operation_id="me_change",
        summary="Change my name",
        request=MeChangeSerializer,
        responses={200: MeOut, **refusals({400: ("invalid", "unknown_field")})},
    )
    def patch(self, request: Request) -> Response:
        user = _user(request)
        user.name = " ".join(_read(request, MeChangeSerializer)["name"].split())
        user.save(update_fields=["name"])
        return Response(_me(user))


class AddressListView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(operation_id="me_addresses", summary="My addresses", responses=KeptAddressesOut)
    def get(self, request: Request) -> Response:
        read_query(request, NothingAskedSerializer)
        return Response({"results": [_address(row) for row in Address.objects.filter(user=_user(request))]})

    @extend_schema(
        operation_id="me_address_create",
        summary="Keep an address",
        request=KeptAddressSerializer,
        responses={201: KeptAddressOut, **_FULL},
    )
    def post(self, request: Request) -> Response:
        given = _read(request, KeptAddressSerializer)
        is_default = given.pop("is_default", False)
        row = addresses.add(_user(request), given, is_default=is_default)
        return Response(_address(row), status=201)


class AddressView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="me_address_retrieve", summary="One of my addresses", responses=KeptAddressOut
    )
    def get(self, request: Request, address_id: int) -> Response:
        return Response(_address(addresses.find(_user(request), address_id)))

    @extend_schema(
        operation_id="me_address_change",
        summary="Change an address",
        request=KeptAddressSerializer,
        responses={200: KeptAddressOut, **_NOT_MINE},
    )
    def patch(self, request: Request, address_id: int) -> Response:
        given = _read(request, KeptAddressSerializer, partial=True)
        is_default = given.pop("is_default", None)
        row = addresses.change(_user(request), address_id, given, is_default=is_default)
        return Response(_address(row))

    @extend_schema(
        operation_id="me_address_remove",
        summary="Forget an address",
        request=None,
        responses={204: OpenApiResponse(description="Forgotten"), **_NOT_MINE},
    )
    def delete(self, request: Request, address_id: int) -> Response:
        addresses.remove(_user(request), address_id)
        return Response(status=204)


def _user(request: Request) -> User:
    assert isinstance(request.user, User)  # IsAuthenticated
    return request.user


def _read(request: Request, shape: type[StrictSerializer], *, partial: bool = False) -> dict[str, Any]:
    bound = shape(data=request.data, partial=partial)
    bound.is_valid(raise_exception=True)
    return bound.validated_data


def _me(user: User) -> dict[str, Any]:
    return {
        "email": user.email,
        "name": user.name,
        "email_verified_at": user.email_verified_at,
        "joined_at": user.date_joined,
    }


def _address(row: Address) -> dict[str, Any]:
    return {"id": row.pk, **addresses.as_dict(row), "is_default": row.is_default}
