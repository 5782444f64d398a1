"""The control surface for tests and demonstrations, under /_test: not Stripe's API, no key needed."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import amounts, clock, disputes, endpoints, errors, faults, idempotency, payment_methods, payouts
from .attempts import SETTINGS
from .context import Context, public
from .store import Obj, Store
from .webhooks import Deliverer

LOG_LENGTH = 100_000
NUMBERS = {"latency_seconds", "processing_seconds"}
PAYOUT_OUTCOMES = ("paid", "in_transit", "failed")
Given = dict[str, Any]


@dataclass
class RequestLog:
    """The latest requests, numbered from 1."""

    _rows: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, method: str, path: str, key: str | None, status: int, started: float) -> None:
        """Note a request that was answered; `started` is a Unix time."""
        took = round((time.time() - started) * 1000, 2)
        row = {"method": method, "path": path, "idempotency_key": key, "status": status}
        with self._lock:
            self._count += 1
            self._rows.append({"n": self._count, "at": started, "milliseconds": took, **row})

    def since(self, number: int) -> list[dict[str, Any]]:
        """Return the rows after a number, oldest first."""
        with self._lock:
            newer = itertools.takewhile(lambda row: row["n"] > number, reversed(self._rows))
            return list(newer)[::-1]


class Control:
    """The verbs of the control surface."""

    def __init__(self, store: Store, keys: idempotency.Keys, deliverer: Deliverer, public_url: str) -> None:
        self._store = store
        self._keys = keys
        self._deliverer = deliverer
        self._public_url = public_url
        self.log = RequestLog()
        self.faults = faults.Faults()
        self._verbs: dict[str, Callable[[Context, Given], Any]] = {
            "GET /_test/ledger": self._ledger,
            "GET /_test/requests": self._requests,
            "GET /_test/webhooks": self._deliveries,
            "POST /_test/webhooks": self._set_webhooks,
            "POST /_test/settings": self._set_numbers,
            "POST /_test/dispute": self._dispute,
            "POST /_test/payout": self._payout,
            "POST /_test/expire-card": self._expire_card,
            "POST /_test/update-card": self._update_card,
            "POST /_test/clock": self._set_clock,
            "POST /_test/faults": self._set_faults,
            "POST /_test/reset": self._reset,
        }

    def handle(self, method: str, path: str, given: Given) -> Any:
        """Carry out a verb; `given` is the query or the JSON body.

        :raises ApiError: 404 for an unknown verb, 400 for what is missing.
        """
        if f"{method} {path}" == "POST /_test/idempotency/prune":
            return {"pruned": self._keys.prune()}
        verb = self._verbs.get(f"{method} {path}")
        if verb is None:
            raise errors.unknown_url(method, path)
        with self._store.unit():
            return verb(Context(self._store, self._public_url), given)

    def _ledger(self, ctx: Context, given: Given) -> Any:
        kinds = {"intents": "payment_intent", "charges": "charge", "refunds": "refund", "disputes": "dispute"}
        rows = {name: [public(obj) for obj in ctx.store.newest(kind)] for name, kind in kinds.items()}
        return {"totals": totals(ctx.store), **rows}

    def _requests(self, ctx: Context, given: Given) -> Any:
        return {"requests": self.log.since(int(given.get("since", 0)))}

    def _deliveries(self, ctx: Context, given: Given) -> Any:
        rows = [{k: v for k, v in row.items() if k != "object"} for row in ctx.store.newest("_delivery")]
        return {"paused": self._deliverer.paused, "deliveries": rows}

    def _set_webhooks(self, ctx: Context, given: Given) -> Any:
        endpoints.configure(ctx, given.get("url"), given.get("secret"))
        if "paused" in given:
            _settings(ctx)["paused"] = bool(given["paused"])
            self._deliverer.pause(bool(given["paused"]))
        return {"paused": self._deliverer.paused}

    def _set_numbers(self, ctx: Context, given: Given) -> Any:
        settings = _settings(ctx)
        settings.update({name: float(value) for name, value in given.items() if name in NUMBERS})
        return {name: settings.get(name, 0) for name in sorted(NUMBERS)}

    def _dispute(self, ctx: Context, given: Given) -> Any:
        intent = ctx.find("payment_intent", _needed(given, "payment_intent"))
        if intent["status"] != "succeeded":
            raise errors.refused("Only a payment that succeeded can be disputed.")
        reason = given.get("reason", "fraudulent")
        return public(disputes.open_against(ctx, intent["latest_charge"], reason, given.get("amount")))

    def _payout(self, ctx: Context, given: Given) -> Any:
        outcome = given.get("outcome", "paid")
        if outcome not in PAYOUT_OUTCOMES:
            raise errors.bad_parameter(
                "outcome", f"Invalid outcome: must be one of {', '.join(PAYOUT_OUTCOMES)}"
            )
        return public(payouts.send(ctx, amounts.currency(given.get("currency", "gbp")), outcome))

    def _expire_card(self, ctx: Context, given: Given) -> Any:
        year, _ = payment_methods.year_and_month(ctx.now)
        return _reissue(ctx, {"exp_year": year - 1, **given}, "payment_method.updated")

    def _update_card(self, ctx: Context, given: Given) -> Any:
        return _reissue(ctx, given, "payment_method.automatically_updated")

    def _set_clock(self, ctx: Context, given: Given) -> Any:
        now = given.get("now")
        return {"now": int(clock.move_to(None if now is None else float(now)))}

    def _set_faults(self, ctx: Context, given: Given) -> Any:
        kind = given.get("kind", "")
        if kind not in ("", *faults.KINDS):
            raise errors.bad_parameter("kind", f"Invalid kind: must be one of {', '.join(faults.KINDS)}")
        self.faults.set(kind, int(given.get("every", 1)))
        return {"kind": self.faults.kind, "every": self.faults.every}

    def _reset(self, ctx: Context, given: Given) -> Any:
        configured = ctx.store.get(endpoints.CONFIGURED)
        ctx.store.clear()
        if configured is not None:
            ctx.store.add(configured)
        self._deliverer.pause(False)
        self.faults.set("", 1)
        clock.move_to(None)
        return {"reset": True}


def _settings(ctx: Context) -> Obj:
    if ctx.store.get(SETTINGS) is None:
        ctx.store.add({"id": SETTINGS, "object": SETTINGS})
    return ctx.store.edit(SETTINGS)


def _needed(given: Given, name: str) -> str:
    if name not in given:
        raise errors.bad_parameter(name, f"Missing required param: {name}.", "parameter_missing")
    return str(given[name])


def _reissue(ctx: Context, given: Given, event: str) -> Obj:
    """Change a card's expiry or last four digits, as its bank would, with the event."""
    id = _needed(given, "payment_method")
    ctx.find("payment_method", id)
    method = ctx.store.edit(id)
    before = dict(method["card"])
    names = ("exp_month", "exp_year", "last4")
    method["card"].update({name: given[name] for name in names if name in given})
    ctx.emit(event, method, {"card": before})
    return public(method)


def totals(store: Store) -> dict[str, dict[str, int]]:
    """Return captured, refunded and disputed money per currency, in minor units.

    Failed refunds do not count.
    """
    sums: dict[str, Counter[str]] = {}
    for charge in store.newest("charge"):
        sums.setdefault(charge["currency"], Counter())["captured"] += charge["amount_captured"]
    for refund in store.newest("refund"):
        if refund["status"] != "failed":
            sums.setdefault(refund["currency"], Counter())["refunded"] += refund["amount"]
    for dispute in store.newest("dispute"):
        sums.setdefault(dispute["currency"], Counter())["disputed"] += dispute["amount"]
    names = ("captured", "refunded", "disputed")
    return {currency: {name: count[name] for name in names} for currency, count in sorted(sums.items())}
