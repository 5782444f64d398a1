"""Stripe's webhooks: signed and posted to the shop's own door, now or a day late, often and in any order."""

import hashlib
import hmac
import json
import random
import time
from typing import Any

from django.conf import settings
from django.test import Client

from shop.simulation.stripe_desk import Desk

MOST_COPIES = 5


class Post:
    """Brings events to the shop."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._client = Client(raise_request_exception=False)
        self._waiting: list[dict[str, Any]] = []
        self.is_blocked = False
        self.delivered = 0

    def deliver(self, chance: random.Random | None = None) -> None:
        """Deliver what happened since the last time, unless the way is blocked. What was blocked comes
        mixed up and repeated.
        """
        fresh = self._desk.new_events()
        if self.is_blocked:
            self._waiting += fresh
            return
        late, self._waiting = self._waiting, []
        if chance is not None and late:
            late = [event for event in late for _ in range(chance.randint(1, MOST_COPIES))]
            chance.shuffle(late)
        for event in [*fresh, *late]:
            self._bring(event)

    def _bring(self, event: dict[str, Any]) -> None:
        body = json.dumps(event).encode()
        stamp = int(time.time())
        key = settings.STRIPE_WEBHOOK_SECRETS[0].encode()
        digest = hmac.new(key, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        self._client.post(
            "/webhooks/stripe",
            data=body,
            content_type="application/json",
            headers={"Stripe-Signature": f"t={stamp},v1={digest}"},
        )
        self.delivered += 1
