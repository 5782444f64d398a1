"""A customer at the till, over the API: every call is a request, as a front end would send it."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.test import Client
from django.utils import timezone

from orders import reconciler
from orders.models import Order
from tests.stripe_side import CARD_OK, StripeSide

ADDRESS = {
    "name": "Ada Buyer",
    "line1": "12 Canal Street",
    "city": "Leeds",
    "postal_code": "LS1 4AP",
    "country": "GB",
}


@dataclass
class Till:
    """Fills carts, orders and pays."""

    stripe: StripeSide
    at: datetime
    client: Client = field(default_factory=Client)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send one API request; return Django's response."""
        return self.client.generic(
            method,
            f"/api/v1/{path}",
            data=b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            headers=headers,
        )

    def cart(self, *lines: tuple[Any, ...], email: str = "ada@buyer.example") -> str:
        """Return the id of a cart with (sku, quantity[, refill]) lines, ready to be ordered."""
        token = self.send("POST", "carts", {}).json()["id"]
        for sku, quantity, *refill in lines:
            body = {"sku": sku, "quantity": quantity, "refill": refill[0] if refill else None}
            answer = self.send("POST", f"carts/{token}/lines", body)
            assert answer.status_code == 201, answer.content
        details = {"email": email, "shipping_address": ADDRESS, "shipping_method": "standard"}
        answer = self.send("PATCH", f"carts/{token}", details)
        assert answer.status_code == 200, answer.content
        return token

    def total(self, token: str) -> int:
        """Return what a cart comes to, in minor units."""
        return self.send("GET", f"carts/{token}").json()["totals"]["total"]["amount"]

    def check_out(self, token: str, *, total: int | None = None, refill: bool = True, **headers: str) -> Any:
        """Order a cart; return Django's response."""
        expected = self.total(token) if total is None else total
        body = {"expected_total": expected, "consents": {"terms": True, "refill": refill}}
        return self.send("POST", f"carts/{token}/checkout", body, **headers)

    def order(self, *lines: tuple[Any, ...], email: str = "ada@buyer.example") -> dict[str, Any]:
        """Return the answer of a checkout that was accepted."""
        answer = self.check_out(self.cart(*lines, email=email))
        assert answer.status_code == 201, answer.content
        return answer.json()

    def bought(
        self, *lines: tuple[Any, ...], number: str = CARD_OK, email: str = "ada@buyer.example"
    ) -> Order:
        """Return an order that was paid, its webhooks delivered and worked off."""
        placed = self.order(*lines, email=email)
        self.stripe.pay(placed["payment"]["client_secret"], number)
        self.settle()
        return Order.objects.get(reference=placed["reference"])

    def settle(self) -> None:
        """Deliver Stripe's new events and work them off."""
        self.stripe.deliver(self.client)
        work_off()


def work_off() -> None:
    """Work off every stored event, as the worker does."""
    at = timezone.now()
    for event_pk in reconciler.due_event_ids(at=at):
        reconciler.process_event(event_pk, at=at)
