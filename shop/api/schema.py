"""OpenAPI: every operation documents that refusals are problem documents."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers


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


class ShopSchema(AutoSchema):
    """Adds the problem document as the answer to every refusal."""

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies = super()._get_response_bodies(direction=direction)
        refusal = self._get_response_for_code(
            OpenApiResponse(ProblemSerializer, description="A refusal"),
            "default",
            media_types=["application/problem+json"],
            direction=direction,
        )
        return {**bodies, "default": refusal}
