"""OpenAPI: who may call, which header makes a request safe to repeat, and how refusals look."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from shop.api.errors import problem
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
# What the plumbing answers before a view does; whoever names one of them says more.
PLUMBING = {
    400: ("invalid", "malformed", "unknown_parameter", "forbidden_character"),
    401: ("not_authenticated",),
    403: ("forbidden", "csrf_failed"),
    404: ("not_found",),
    406: ("not_acceptable",),
    413: ("too_large",),
    415: ("unsupported_media_type",),
    **EVERYWHERE,
}
MEANINGS = {
    400: "Cannot succeed as sent",
    401: "Sign in first, or the proof that was sent is not valid (any more)",
    403: "Not allowed",
    404: "Not there, or not yours",
    406: "Only application/json is spoken here",
    409: "Not possible now",
    410: "The session is over",
    412: "It has changed since you looked (`If-Match`)",
    413: "The body is too large",
    415: "Send application/json",
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
    return {(status, PROBLEM): refusal(status, merged[status]) for status in sorted(merged)}


def refusal(status: int, codes: tuple[str, ...]) -> OpenApiResponse:
    """Return one documented refusal, with an example of each code."""
    return OpenApiResponse(
        ProblemSerializer,
        description=described(status, codes),
        examples=[
            OpenApiExample(code, value=problem(status, code, MEANINGS[status]), response_only=True)
            for code in codes
        ],
    )


def described(status: int, codes: tuple[str, ...]) -> str:
    """Return what a refusal means, and the codes that it may carry."""
    return f"{MEANINGS[status]}. `code`: {', '.join(f'`{code}`' for code in codes)}."


class ShopSchema(AutoSchema):
    """Adds what the views say by their classes: guests, repeatable requests, and the plumbing's refusals."""

    def get_auth(self) -> list[Any]:
        known: list[Any] = super().get_auth()
        is_public = any(isinstance(permission, Public) for permission in self.view.get_permissions())
        return [{}, *known] if is_public and known and {} not in known else known

    def get_override_parameters(self) -> list[Any]:
        repeatable = getattr(self.view, "takes_idempotency_key", False) and self.method == "POST"
        return [*super().get_override_parameters(), *([IDEMPOTENCY_KEY] if repeatable else [])]

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies = super()._get_response_bodies(direction=direction)
        for status in self._plumbing():
            if str(status) not in bodies:
                said = refusal(status, PLUMBING[status])
                bodies[str(status)] = self._get_response_for_code(
                    said, str(status), media_types=[PROBLEM], direction=direction
                )
        return dict(sorted(bodies.items()))

    def _plumbing(self) -> list[int]:
        """Return what may be answered before the view is asked, by what the view takes."""
        statuses = {400, 406, *EVERYWHERE}
        if self.view.get_authenticators():
            statuses |= {401, 403} if self.method != "GET" else {401}
        if "{" in self.path:
            statuses.add(404)
        if self.method in {"POST", "PUT", "PATCH", "DELETE"}:
            statuses |= {413, 415}
        return sorted(statuses)
