"""Deliveries: signed, retried, held back, and still due after a restart."""

import json
import time
from pathlib import Path

import pytest
import stripe

from shop.devstripe import webhooks
from tests.shop.devstripe.harness import SECRET, Hook, call, client_of, serving, wait_for


def test_events_arrive_signed_and_at_once(hook: Hook) -> None:
    with serving(webhook_url=hook.url, webhook_secret=SECRET) as server:
        started = time.monotonic()
        customer = client_of(server).customers.create({"email": "a@example.com"})

        wait_for(lambda: hook.received)

        assert time.monotonic() - started < 2
        event = hook.events()[0]
        assert (event.type, event.data.object.id) == ("customer.created", customer.id)
        assert event.api_version == "2026-10-28.endive"
        wait_for(lambda: client_of(server).events.retrieve(event.id).pending_webhooks == 0)


def test_a_forged_body_fails_the_sdk_s_check(hook: Hook) -> None:
    with serving(webhook_url=hook.url, webhook_secret=SECRET) as server:
        client_of(server).customers.create({})
        wait_for(lambda: hook.received)

    header, body = hook.received[0]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", header, SECRET)


def test_a_refused_delivery_is_tried_again(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "BACKOFF_SECONDS", (0.05,))
    hook.answers = [500, 503]
    with serving(webhook_url=hook.url, webhook_secret=SECRET) as server:
        client_of(server).customers.create({})

        wait_for(lambda: len(hook.received) == 3)

        rows = wait_for(lambda: [r for r in deliveries(server.url) if r["status"] == "delivered"])
        assert [attempt["status"] for attempt in rows[0]["attempts"]] == [500, 503, 200]
        assert len({event.id for event in hook.events()}) == 1


def deliveries(url: str) -> list[dict[str, object]]:
    return call(f"{url}/_test/webhooks")[2]["deliveries"]


def test_what_was_due_is_delivered_after_a_restart(hook: Hook, tmp_path: Path) -> None:
    path = str(tmp_path / "devstripe.sqlite3")
    nowhere = "http://127.0.0.1:9/"
    with serving(path, webhook_url=nowhere, webhook_secret=SECRET) as server:
        client_of(server).customers.create({})
        wait_for(lambda: deliveries(server.url)[0]["attempts"])
    assert hook.received == []

    with serving(path, webhook_url=hook.url):
        wait_for(lambda: hook.received)

    assert hook.types() == ["customer.created"]


def test_paused_deliveries_stay_due(hook: Hook) -> None:
    with serving(webhook_url=hook.url, webhook_secret=SECRET) as server:
        call(f"{server.url}/_test/webhooks", "POST", {"paused": True})
        client_of(server).customers.create({})
        time.sleep(0.2)
        assert hook.received == []
        assert [row["status"] for row in deliveries(server.url)] == ["due"]

        call(f"{server.url}/_test/webhooks", "POST", {"paused": False})

        wait_for(lambda: hook.types() == ["customer.created"])


def test_endpoints_made_through_the_api_get_what_they_asked_for(hook: Hook) -> None:
    with serving() as server:
        v1 = client_of(server)
        made = v1.webhook_endpoints.create({"url": hook.url, "enabled_events": ["customer.deleted"]})
        customer = v1.customers.create({})
        v1.customers.delete(customer.id)

        wait_for(lambda: hook.received)

        header, body = hook.received[0]
        event = stripe.Webhook.construct_event(body, header, made.secret)
        assert event.type == "customer.deleted"
        assert not hasattr(v1.webhook_endpoints.retrieve(made.id), "secret")
        assert len(hook.received) == 1


def test_an_event_is_a_frozen_copy(hook: Hook) -> None:
    with serving(webhook_url=hook.url, webhook_secret=SECRET) as server:
        v1 = client_of(server)
        call(f"{server.url}/_test/webhooks", "POST", {"paused": True})
        intent = v1.payment_intents.create({"amount": 2000, "currency": "gbp"}, {"idempotency_key": "k"})
        v1.payment_intents.cancel(intent.id)
        call(f"{server.url}/_test/webhooks", "POST", {"paused": False})

        wait_for(lambda: len(hook.received) == 2)

        created = next(json.loads(body) for _, body in hook.received if b'"payment_intent.created"' in body)
        assert created["data"]["object"]["status"] == "requires_payment_method"
        assert created["request"]["idempotency_key"] == "k"
