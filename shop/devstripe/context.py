"""What a verb needs to know about the request it serves, and the few things every verb does."""

from __future__ import annotations

import secrets
import string
import time
from dataclasses import dataclass, field
from typing import Any

from . import clock, errors, parameters
from .store import Obj, Store, copy

ALPHABET = string.ascii_letters + string.digits
NOUNS = {
    "payment_intent": "payment_intent",
    "setup_intent": "setupintent",
    "payment_method": "PaymentMethod",
    "checkout.session": "checkout.session",
    "radar.early_fraud_warning": "early_fraud_warning",
}


def new_id(prefix: str, length: int = 24) -> str:
    """Return a fresh id such as `pi_…`."""
    return f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(length))


@dataclass
class Context:
    """One request (or one background job): the store, the clock, who asks, and with which key."""

    store: Store
    public_url: str
    now: int = field(default_factory=lambda: int(clock.now()))
    request_id: str | None = None
    idempotency_key: str | None = None
    publishable: bool = False
    version: parameters.Version = field(default_factory=lambda: parameters.Version(parameters.API_VERSION))

    def find(self, kind: str, id: str, param: str = "id", *, status: int = 404) -> Obj:
        """Return an object that must exist, to be read.

        :raises ApiError: `resource_missing`.
        """
        obj = self.store.get(id, kind)
        if obj is None:
            raise errors.no_such(NOUNS.get(kind, kind), id, param, status=status)
        return obj

    def customer(self, id: str, param: str = "customer") -> Obj:
        """Return a customer named by a parameter; a deleted one does not exist.

        :raises ApiError: 400 `resource_missing`.
        """
        customer = self.find("customer", id, param, status=400)
        if customer.get("deleted"):
            raise errors.no_such("customer", id, param, status=400)
        return customer

    def emit(self, type: str, obj: Obj, previous: dict[str, Any] | None = None) -> None:
        """Record an event with a frozen copy of the object, due at every endpoint that asked for its type."""
        data: dict[str, Any] = {"object": public(obj)}
        if previous is not None:
            data["previous_attributes"] = copy(previous)
        event: Obj = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": parameters.API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": type,
        }
        self.store.add(event)
        for endpoint in self.store.newest("webhook_endpoint"):
            wanted = endpoint["enabled_events"]
            if endpoint["status"] == "enabled" and ("*" in wanted or type in wanted):
                event["pending_webhooks"] += 1
                self.store.add(_delivery(event, endpoint))

    def later(self, seconds: float, action: str, **arguments: Any) -> None:
        """Have a background job done `seconds` from now; it survives a restart."""
        job = {"id": new_id("job"), "object": "_job", "action": action, "arguments": arguments}
        self.store.add({**job, "due": time.time() + seconds})


def _delivery(event: Obj, endpoint: Obj) -> Obj:
    return {
        "id": new_id("whd"),
        "object": "_delivery",
        "event": event["id"],
        "type": event["type"],
        "endpoint": endpoint["id"],
        "due": time.time(),
        "status": "due",
        "attempts": [],
    }


def public(obj: Obj) -> Obj:
    """Return a copy without the fields that begin with an underscore: those are ours, not Stripe's."""
    return copy({name: value for name, value in obj.items() if not name.startswith("_")})


def merge_metadata(obj: Obj, metadata: Any) -> None:
    """Merge metadata as Stripe does: an empty value removes its key, an empty string all of them."""
    if metadata is None:
        return
    if metadata == "":
        obj["metadata"] = {}
        return
    merged = {**obj["metadata"], **metadata}
    obj["metadata"] = {key: value for key, value in merged.items() if value != ""}
    if len(obj["metadata"]) > parameters.MAX_KEYS:
        raise errors.bad_parameter("metadata", f"You can have at most {parameters.MAX_KEYS} metadata keys.")
