"""The OpenAPI document says who may call, what may be repeated, and which refusals to expect."""

import re
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from shop.api.errors import DRF_CODES
from shop.exceptions import ShopError

# Raised with a code of their own, by the parser, the serializers or a verb.
BY_NAME = {
    "address_not_found",
    "unknown_field",
    "busy",
    "cart_not_found",
    "line_not_found",
    "too_many_lines",
    "address_incomplete",
    "country_mismatch",
    "unknown_parameter",
    "forbidden_character",
    "csrf_failed",
    "verify_email",
    "mfa_authenticate",
    "reauthentication_required",
    "session_over",
    "conflict",
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


def operation(document: dict[str, Any], name: str) -> dict[str, Any]:
    found = [row for path in document["paths"].values() for row in path.values()]
    return next(row for row in found if row["operationId"] == name)


def headers(row: dict[str, Any]) -> list[str]:
    return [part["name"] for part in row.get("parameters", []) if part["in"] == "header"]


def test_orders_ask_for_their_token_and_carts_for_nothing(document: dict[str, Any]) -> None:
    scheme = document["components"]["securitySchemes"]["OrderToken"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization")
    for name in ("order_retrieve", "order_payment", "order_cancel", "order_refresh", "order_reorder"):
        assert operation(document, name)["security"] == [
            {"OrderToken": []},
            {"cookieAuth": []},
            {"SessionToken": []},
        ]
    for name in ("cart_create", "cart_retrieve", "cart_line_create", "cart_checkout"):
        assert {} in operation(document, name)["security"]
    assert operation(document, "subscription_list")["security"] == [
        {"cookieAuth": []},
        {"SessionToken": []},
    ]


def test_what_moves_money_takes_an_idempotency_key(document: dict[str, Any]) -> None:
    for name in ("cart_checkout", "order_payment", "order_cancel", "order_reorder"):
        assert headers(operation(document, name)) == ["Idempotency-Key"], name
    for name in ("subscription_skip", "subscription_send_now", "refill_item_add"):
        assert headers(operation(document, name)) == ["Idempotency-Key", "If-Match"], name
    for name in ("order_retrieve", "cart_create"):
        assert headers(operation(document, name)) == []


def test_a_cart_is_named_by_its_id(document: dict[str, Any]) -> None:
    assert "/api/v1/carts/{cart_id}/lines/{line_id}" in document["paths"]
    [named] = operation(document, "cart_retrieve")["parameters"]
    assert (named["name"], named["description"]) == ("cart_id", "The cart's `id`.")


def test_statuses_are_enumerations(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["OrderStatus"]["enum"] == ["pending", "placed", "cancelled", "expired"]
    assert "dunning" in schemas["RefillStatus"]["enum"]
    assert "out" in schemas["Availability"]["enum"]


def test_every_code_that_is_promised_exists(document: dict[str, Any]) -> None:
    known = {family.code for family in families(ShopError)} | {row[2] for row in DRF_CODES} | BY_NAME
    checkout = operation(document, "cart_checkout")["responses"]
    assert {"400", "404", "409", "422", "429", "503"} <= set(checkout)
    for path in document["paths"].values():
        for row in path.values():
            for answer in row["responses"].values():
                said = answer["description"].partition("`code`: ")[2]
                assert set(re.findall(r"`(\w+)`", said)) <= known, row["operationId"]


def families(parent: type[ShopError]) -> list[type[ShopError]]:
    return [parent, *(found for child in parent.__subclasses__() for found in families(child))]


def test_no_word_to_programmers_leaks_into_the_document(document: dict[str, Any]) -> None:
    descriptions = [row.get("description", "") for row in document["components"]["schemas"].values()]

    assert not [words for words in descriptions if "client-sent" in words or "verb" in words]


def test_no_answer_names_a_code_twice(document: dict[str, Any]) -> None:
    answers = [
        (row["operationId"], status, re.findall(r"`(\w+)`[,.]", said["description"].partition("`code`:")[2]))
        for path in document["paths"].values()
        for row in path.values()
        for status, said in row["responses"].items()
    ]

    assert [answer for answer in answers if len(answer[2]) != len(set(answer[2]))] == []
    assert ("cart_update", "429", ["rate_limited"]) in answers
