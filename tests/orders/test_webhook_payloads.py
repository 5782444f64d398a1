"""Bodies that Stripe signed and nobody expected: refused or stored, never a crash."""

import json
from typing import Any

import pytest
from django.test import Client

from orders.models import WebhookEvent
from tests.stripe_side import sign

pytestmark = pytest.mark.django_db


def _post(body: bytes, **headers: str) -> Any:
    client = Client(raise_request_exception=False)
    return client.post(
        "/webhooks/stripe",
        data=body,
        content_type="application/json",
        headers={"Stripe-Signature": sign(body), **headers},
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"3",
        b"null",
        b'"evt"',
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b"1" * 5000,
        b'{"id":"e5","type":"x","created":NaN}',
        b'{"id":"e11\\ud800","type":"x"}',
        b'{"id":"e12","type":"x","livemode":"\\ud800"}',
    ],
    ids=lambda body: repr(body[:60]),
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    answer = _post(body)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_signature")
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("body", [
        b'{"id":"e1","type":"x","data":[]}',
        b'{"id":"e2","type":"x","data":{"object":[1]}}',
        b'{"id":"e3","type":"x","data":{"object":"s"}}',
        b'{"id":"e4","type":"x","data":{"object":{"payment_intent":3}}}',
        b'{"id":"e6","type":"x","created":1e999}',
        b'{"id":"e7","type":"x","api_version":"\\u0000"}',
        b'{"id":"e8\\u0000","type":"x"}',
        b'{"id":"e9","type":"x\\u0000"}',
        b'{"id":"e10","type":"x","data":{"object":{"id":"\\u0000"}}}',
        b'{"id":"e13","type":"x","data":{"object":{"payment_intent":{"id":"\\u0000"}}}}',
], ids=lambda body: repr(body[:60]))  # fmt: skip
def test_a_part_that_makes_no_sense_counts_as_nothing(body: bytes) -> None:
    answer = _post(body)

    assert answer.status_code == 200
    event = WebhookEvent.objects.get()
    assert (event.object_id, event.payload["payment_intent"]) == ("", "")


@pytest.mark.parametrize(
    "body",
    [
        {"id": "evt_thin", "type": "v2.core.event", "data": {}, "related_object": {"id": "a", "type": "b"}},
        {"id": "evt_bare", "type": "x"},
        {"id": "evt_null", "type": "x", "data": {"object": None}},
        {"id": "evt_empty", "type": "x", "data": {"object": {"payment_intent": []}}},
        {"id": "evt_whole", "type": "x", "data": {"object": {"payment_intent": {"id": "pi_1"}}}},
    ],
    ids=lambda body: body["id"],
)
def test_an_event_of_another_shape_is_stored_once(body: dict[str, Any]) -> None:
    answers = [_post(json.dumps(body).encode()).status_code for _ in range(2)]

    assert answers == [200, 200]
    assert WebhookEvent.objects.get().event_id == body["id"]


@pytest.mark.parametrize(
    "signature",
    ["", "t=1", "v1", "t=abc,v1=x", "t=" + "9" * 400 + ",v1=é", "t=99999999999999999999999999,v1=aa"],
)
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    answer = _post(b"{}", **{"Stripe-Signature": signature})

    assert answer.status_code == 400
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("length", ["abc", "-1", "1e3", "²", "9" * 5000])
def test_an_odd_length_is_refused(length: str) -> None:
    assert _post(b"{}", **{"Content-Length": length}).status_code in {400, 413}
    assert not WebhookEvent.objects.exists()
