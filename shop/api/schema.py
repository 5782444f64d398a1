"""OpenAPI: who may call, which header makes a request safe to repeat, and how refusals look."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from shop.api.idempotency import HEADER
from shop.api.permissions import Public

PROBLEM = "application/problem+json"
# How the holder of an order proves it, see SPECTACULAR_SETTINGS; a signed-in customer needs no token.
# Any: the hint of extend_schema(auth=…) says strings, its documentation requirement objects.
HOLDER: Any = [{"OrderToken": []}, {"cookieAuth": []}, {"SessionToken": []}]
IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="Up to 255 printable characters of your choice, kept for 48 hours. The same request under "
    "the same key gets the first answer again, marked `Idempotent-Replayed: true`; only success is kept.",
)
# What every address may answer, by status; an operation adds its own codes.
EVERYWHERE = {429: ("rate_limited",), 503: ("busy",)}
MEANINGS = {
    400: "Cannot succeed as sent",
    404: "Not there, or not yours",
    409: "Not possible now",
    412: "It has changed since you looked (`If-Match`)",
    422: "Refused",
    429: "Too many requests: wait for `Retry-After` seconds",
    503: "Try again after `Retry-After` seconds",
}


class ProblemSerializer(serializers.Serializer):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField(help_text="Stable, for programs.")
    errors = serializers.DictField(  # type: ignore[assignment]
        required=False, help_text="What is wrong, by field."
    )


def refusals(codes: dict[int, tuple[str, ...]]) -> dict[tuple[int, str], OpenApiResponse]:
    """Return the documented refusals of an operation: {status: codes}, with those that every address has."""
    merged = {**codes, **{status: codes.get(status, ()) + more for status, more in EVERYWHERE.items()}}
    return {
        (status, PROBLEM): OpenApiResponse(
            ProblemSerializer,
            description=f"{MEANINGS[status]}. `code`: {', '.join(f'`{code}`' for code in merged[status])}.",
        )
        for status in sorted(merged)
    }


class ShopSchema(AutoSchema):
    """Adds what the views say by their classes: guests, repeatable requests, and a problem for the rest."""

    def get_auth(self) -> list[Any]:
        known: list[Any] = super().get_auth()
        is_public = any(isinstance(permission, Public) for permission in self.view.get_permissions())
        return [{}, *known] if is_public and known and {} not in known else known

    def get_override_parameters(self) -> list[Any]:
        repeatable = getattr(self.view, "takes_idempotency_key", False) and self.method == "POST"
        return [*super().get_override_parameters(), *([IDEMPOTENCY_KEY] if repeatable else [])]

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies = super()._get_response_bodies(direction=direction)
        refusal = self._get_response_for_code(
            OpenApiResponse(ProblemSerializer, description="A refusal"),
            "default",
            media_types=[PROBLEM],
            direction=direction,
        )
        return {**bodies, "default": refusal}
