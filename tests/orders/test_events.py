"""Events of every shape: stored, answered with 200, and never believed."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from orders import events, reconciler, stripe_events, stripe_gateway
from orders.models import Order, WebhookEvent
from tests.factories.catalog import make_variant
from tests.stripe_side import StripeSide, post_event
from tests.till import Till, work_off

pytestmark = pytest.mark.django_db

HARMLESS: dict[str, dict[str, Any]] = {
    "thin": {
        "object": "v2.core.event", "type": "v2.core.event_destination.ping", "livemode": False,
        "related_object": {"id": "ed_1", "type": "v2.core.event_destination", "url": "/v2/core/x"},
    },
    "thin without an object": {"object": "v2.core.event", "type": "v1.billing.meter.no_meter_found"},
    "unknown type": {"type": "brand.new.thing", "data": {"object": {"id": "x_1"}}},
    "known type without data": {"type": "payment_intent.succeeded"},
    "data is null": {"type": "payment_intent.succeeded", "data": None},
    "object is null": {"type": "charge.dispute.created", "data": {"object": None}},
    "object is a string": {"type": "customer.deleted", "data": {"object": "cus_1"}},
    "ids of the wrong kind": {"type": "refund.updated", "data": {"object": {"id": 7, "payment_intent": [1]}}},
    "another version": {"type": "payment_method.updated", "api_version": "2019-01-01",
                        "data": {"object": {"id": "pm_unknown"}}},
    "a zero byte": {"type": "what\0ever", "api_version": "\0", "data": {"object": {"id": "a\0b"}}},
}  # fmt: skip


@pytest.mark.parametrize("shape", HARMLESS)
def test_an_event_of_any_shape_is_stored_and_done_without_effect(shape: str, stripe_side: StripeSide) -> None:
    answer = post_event(Client(), {"id": "evt_shape", **HARMLESS[shape]})
    work_off()

    assert answer.status_code == 200
    event = WebhookEvent.objects.get()
    assert event.processed_at is not None
    assert event.attempts == 1


@pytest.mark.parametrize("kind", stripe_events.WANTED)
def test_whatever_an_endpoint_is_to_be_sent_is_dealt_with(kind: str) -> None:
    news = WebhookEvent(type=kind, object_id="nobody_knows_it", payload={"livemode": False})
    noise = WebhookEvent(type=f"other.{kind}", object_id="nobody_knows_it", payload={"livemode": False})

    assert not events.teaches_nothing(news)
    assert events.teaches_nothing(noise)


@pytest.mark.parametrize(
    "body", [[], "text", 7, None, {"type": "x"}, {"id": "evt_1"}, {"id": 7, "type": "x"}]
)
def test_what_is_no_event_is_refused_and_leaves_no_row(body: Any) -> None:
    assert post_event(Client(), body).status_code == 400
    assert not WebhookEvent.objects.exists()


def test_an_event_of_the_other_mode_is_done_and_says_so(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    stripe_side.pay(placed["payment"]["client_secret"])
    event = next(e for e in reversed(stripe_side.events()) if e["type"] == "payment_intent.succeeded")

    assert post_event(till.client, {**event, "livemode": True}).status_code == 200
    work_off()

    stored = WebhookEvent.objects.get()
    assert stored.processed_at is not None
    assert "live and test mode are mixed" in stored.last_error
    assert Order.objects.get().payment_status == "unpaid"


def test_the_version_of_an_event_does_not_matter(till: Till, stripe_side: StripeSide) -> None:
    """Ids are all that is taken from it; the payment is read in our own version."""
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    stripe_side.pay(placed["payment"]["client_secret"])
    event = next(e for e in reversed(stripe_side.events()) if e["type"] == "payment_intent.succeeded")

    post_event(till.client, {**event, "api_version": "2020-08-27"})
    work_off()

    assert Order.objects.get().payment_status == "paid"
    assert WebhookEvent.objects.get().payload["api_version"] == "2020-08-27"


@pytest.mark.parametrize(
    "lie",
    [
        {"amount": 1, "amount_received": 1},
        {"currency": "usd"},
        {"metadata": {"order_id": "AAAAAAAAAA"}},
        {"livemode": True},
        {"status": "succeeded", "customer": "cus_somebody"},
    ],
    ids=["amount", "currency", "order", "livemode", "customer"],
)
@pytest.mark.parametrize("kind", ["payment_intent.succeeded", "payment_intent.canceled"])
def test_a_signed_event_that_lies_changes_nothing(
    till: Till, stripe_side: StripeSide, lie: dict[str, Any], kind: str
) -> None:
    make_variant(sku="FLK")
    placed = till.order(("FLK", 1))
    intent_id = placed["payment"]["client_secret"].split("_secret_")[0]
    before = Order.objects.values().get()
    told = {"id": intent_id, "object": "payment_intent", "status": "succeeded", **lie}

    answer = post_event(till.client, {"id": "evt_lie", "type": kind, "data": {"object": told}})
    work_off()

    assert answer.status_code == 200
    assert Order.objects.values().get() == before
    assert Order.objects.get().payment.amount_received == 0


@pytest.mark.parametrize(
    ("kind", "object_id"),
    [
        ("payment_intent.succeeded", "pi_gone"),
        ("refund.updated", "re_gone"),
        ("charge.dispute.closed", "du_gone"),
        ("radar.early_fraud_warning.created", "issfr_gone"),
        ("payment_method.detached", "pm_gone"),
        ("customer.deleted", "cus_gone"),
    ],
)
def test_an_event_about_what_is_gone_at_stripe_is_done_at_the_first_try(
    stripe_side: StripeSide, kind: str, object_id: str
) -> None:
    event = {"id": "evt_gone", "type": kind, "data": {"object": {"id": object_id}}}
    post_event(Client(), event)

    work_off()

    stored = WebhookEvent.objects.get()
    assert stored.processed_at is not None
    assert reconciler.due_event_ids(at=timezone.now()) == []


def test_an_event_is_kept_while_stripe_does_not_answer(stripe_side: StripeSide, settings: Any) -> None:
    event = {"id": "evt_1", "type": "charge.dispute.created", "data": {"object": {"id": "du_1"}}}
    post_event(Client(), event)
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    settings.STRIPE_BACKGROUND_RETRIES = 0

    work_off()

    stored = WebhookEvent.objects.get()
    assert stored.processed_at is None
    assert "OutcomeUnknown" in stored.last_error


def test_an_event_that_tells_nothing_new_asks_stripe_for_nothing(
    till: Till, stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = till.order((make_variant().sku, 1))
    asked: list[str] = []
    real = stripe_gateway.retrieve_intent

    def counted(intent_id: str, **how: Any) -> Any:
        asked.append(intent_id)
        return real(intent_id, **how)

    monkeypatch.setattr(stripe_gateway, "retrieve_intent", counted)
    stripe_side.deliver(till.client, only="payment_intent.created")
    work_off()
    assert asked == [], "we made it, and know its id"

    stripe_side.pay(placed["payment"]["client_secret"])
    stripe_side.deliver(till.client, only="payment_intent.succeeded")
    work_off()
    assert len(asked) == 1
    ids = list(WebhookEvent.objects.values_list("pk", flat=True))
    assert reconciler.take_up_again(ids, at=timezone.now()) == 2
    work_off()

    assert len(asked) == 1, "the money is here"
    assert Order.objects.get().payment_status == "paid"
    assert not WebhookEvent.objects.filter(processed_at__isnull=True).exists()
