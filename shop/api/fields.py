"""Serializer building blocks that take nothing on trust."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from shop.api.parsers import FORBIDDEN_CHARACTERS
from shop.characters import shows_nothing
from shop.exceptions import InvalidInput
from shop.money import format_money


class StrictSerializer(serializers.Serializer):
    """Fields that are not listed are refused."""

    # A client-sent price must not be ignored silently.

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(set(data) - {name for name, field in self.fields.items() if not field.read_only})
            if unknown:
                raise serializers.ValidationError(
                    {str(name)[:100]: ["This field is not known here."] for name in unknown},
                    code="unknown_field",
                )
        return super().to_internal_value(data)


class StrictIntegerField(serializers.IntegerField):
    """Takes JSON integers only: no "2", no 2.0, no true."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictCharField(serializers.CharField):
    """Takes JSON strings only, and none that looks empty though it is not."""

    default_error_messages = {"invisible": "This text holds nothing that can be seen."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if shows_nothing(data):
            self.fail("invisible")
        return super().to_internal_value(data)


class NamingChoiceField(serializers.ChoiceField):
    """A choice whose refusal names what may be chosen."""

    def __init__(self, choices: Any, **options: Any) -> None:
        super().__init__(choices, **options)
        self.error_messages["invalid_choice"] = f"Choose one of: {', '.join(map(str, self.choices))}."


class StrictBooleanField(serializers.BooleanField):
    """Takes true and false only."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class MoneySerializer(serializers.Serializer):
    """An amount of money."""

    amount = serializers.IntegerField(help_text="Minor units (pence, cents).")
    currency = serializers.CharField(help_text="ISO 4217 code.")
    formatted = serializers.CharField(help_text="For people, e.g. £12.50.")


def money(amount: int, currency: str) -> dict[str, Any]:
    """Return the JSON form of an amount in minor units."""
    return {"amount": amount, "currency": currency, "formatted": format_money(amount, currency)}


def read_query(
    request: Request, serializer: type[serializers.Serializer], *, also: tuple[str, ...] = ()
) -> dict:
    """Return the validated query parameters of a request.

    `also` names parameters that something else reads (the paginator's).
    :raises InvalidInput: naming each parameter that is unknown, repeated or wrong.
    """
    known = serializer(data={})
    unknown = sorted(set(request.query_params) - set(known.fields) - {*also, "format"})
    if unknown:
        raise InvalidInput(
            "This list does not take that parameter.",
            code="unknown_parameter",
            fields={name[:100]: ["This parameter is not known here."] for name in unknown},
        )
    repeated = [name for name in request.query_params if len(request.query_params.getlist(name)) > 1]
    if repeated:
        raise InvalidInput("Give each parameter once.", fields={name: ["Given twice."] for name in repeated})
    given = {name: str(value) for name, value in request.query_params.items()}
    for name, value in given.items():
        if FORBIDDEN_CHARACTERS.search(value):
            raise InvalidInput(
                "Text must not hold control characters.",
                code="forbidden_character",
                fields={name: ["This text holds a control character."]},
            )
    bound = serializer(data=given)
    bound.is_valid(raise_exception=True)
    return bound.validated_data
