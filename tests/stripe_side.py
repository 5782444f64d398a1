"""The world on Stripe's side: a browser that confirms with a card, and events that Stripe delivers."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any

import requests
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

CARD_OK = "4242424242424242"
CARD_DECLINED = "4000000000000002"
CARD_3DS = "4000000000003220"


@dataclass
class StripeSide:
    """Plays browsers and Stripe itself against one devstripe. Never touches our tables."""

    url: str
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._seen = {event["id"] for event in self.events()}

    def pay(self, client_secret: str, number: str = CARD_OK) -> dict[str, Any]:
        """Confirm an intent as stripe.js does; return Stripe's answer, an error included."""
        intent_id = client_secret.split("_secret_")[0]
        form = {
            "client_secret": client_secret,
            "return_url": "https://shop.example/return",
            "payment_method_data[type]": "card",
            "payment_method_data[card][number]": number,
            "payment_method_data[card][exp_month]": "12",
            "payment_method_data[card][exp_year]": "2034",
            "payment_method_data[card][cvc]": "123",
        }
        return self._post(f"/v1/payment_intents/{intent_id}/confirm", form, settings.STRIPE_PUBLISHABLE_KEY)

    def authenticate(self, client_secret: str) -> dict[str, Any]:
        """Finish a parked 3-D Secure challenge: the bank's page, with the button "complete"."""
        intent_id = client_secret.split("_secret_")[0]
        page = f"{self.url}/hooks/3ds/{intent_id}?client_secret={client_secret}"
        requests.post(page, data={"outcome": "complete"}, timeout=10, allow_redirects=False)
        return self.intent(intent_id)

    def intent(self, intent_id: str) -> dict[str, Any]:
        """Return an intent as Stripe has it."""
        return self._get(f"/v1/payment_intents/{intent_id}")

    def refund_in_dashboard(self, intent_id: str, amount: int) -> dict[str, Any]:
        """Refund from Stripe's own dashboard, without the shop's knowledge."""
        form = {"payment_intent": intent_id, "amount": str(amount)}
        return self._post("/v1/refunds", form, settings.STRIPE_SECRET_KEY)

    def ask(self, path: str, form: dict[str, str]) -> Any:
        """Post to Stripe as the shop's own account, for whatever a test has to arrange there."""
        return self._post(path, form, settings.STRIPE_SECRET_KEY)

    def delete(self, path: str) -> Any:
        """Delete something in Stripe's own dashboard."""
        headers = {"Authorization": f"Bearer {settings.STRIPE_SECRET_KEY}"}
        return requests.delete(self.url + path, headers=headers, timeout=10).json()

    def control(self, verb: str, **given: Any) -> Any:
        """Make something happen at Stripe that only banks do: dispute, update-card…"""
        answer = requests.post(f"{self.url}/_test/{verb}", json=given, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def charges_of(self, reference: str) -> list[dict[str, Any]]:
        """Return successful charges that the ledger holds for an order."""
        charges = requests.get(f"{self.url}/_test/ledger", timeout=10).json()["charges"]
        return [
            charge
            for charge in charges
            if charge["metadata"].get("order_id") == reference and charge["status"] == "succeeded"
        ]

    def events(self) -> list[dict[str, Any]]:
        """Return the latest 100 events, oldest first."""
        return list(reversed(self._get("/v1/events?limit=100")["data"]))

    def deliver(self, client: Client, *, only: str = "", again: bool = False) -> list[HttpResponse]:
        """Post new events to the shop's webhook, signed; `again` repeats those delivered before."""
        answers = []
        for event in self.events():
            if (event["id"] in self._seen and not again) or only not in event["type"]:
                continue
            self._seen.add(event["id"])
            answers.append(post_event(client, event))
        return answers

    def _get(self, path: str) -> Any:
        key = settings.STRIPE_SECRET_KEY
        return requests.get(self.url + path, headers={"Authorization": f"Bearer {key}"}, timeout=10).json()

    def _post(self, path: str, form: dict[str, str], key: str) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        return requests.post(self.url + path, data=form, headers=headers, timeout=10).json()


def sign(body: bytes, *, secret: str | None = None, at: float | None = None) -> str:
    """Return the Stripe-Signature header of a body.

    Source: https://docs.stripe.com/webhooks#verify-manually
    """
    stamp = int(at if at is not None else time.time())
    key = (secret or settings.STRIPE_WEBHOOK_SECRETS[0]).encode()
    digest = hmac.new(key, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def post_event(client: Client, event: dict[str, Any], *, signature: str | None = None) -> Any:
    """Post one event to the shop's webhook."""
    body = json.dumps(event).encode()
    return client.post(
        "/webhooks/stripe",
        data=body,
        content_type="application/json",
        headers={"Stripe-Signature": signature if signature is not None else sign(body)},
    )
