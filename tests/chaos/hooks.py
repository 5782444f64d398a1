"""The proxy's webhook side: takes Stripe's events, and delivers them as badly as the rules ask for."""

import hashlib
import heapq
import hmac
import http.client
import itertools
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.chaos.rules import FORGERIES, Rule, Rules

ATTEMPTS = 12
BACKOFF_LIMIT_S = 8.0
STALE_BY_S = 3600
DELIVERERS = 6
# whoever does not answer by then is asked again
TIMEOUT_S = 9
REORDER_FOR_S = 3.0


@dataclass
class Delivery:
    """One copy of an event on its way to the shop."""

    event: dict[str, Any]
    fault: str | None = None
    attempt: int = 1
    retried: bool = True
    lost: bool = False


def sign(payload: bytes, secret: str, at: int) -> str:
    """Return the Stripe-Signature header.

    Source: https://docs.stripe.com/webhooks#verify-manually
    """
    digest = hmac.new(secret.encode(), b"%d." % at + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Postman:
    """Queues deliveries by their time and makes them in a few threads; what fails is tried again."""

    def __init__(
        self, target: str, secret: str, rules: Rules, record: Callable[[dict[str, Any]], None]
    ) -> None:
        self._target, self._secret = urlsplit(target), secret
        self._rules, self._record = rules, record
        self._wake = threading.Condition()
        self._queue: list[tuple[float, int, Delivery]] = []
        self._held: list[tuple[float, Delivery]] = []
        self._numbers = itertools.count()
        self._under_way = 0
        for _ in range(DELIVERERS):
            threading.Thread(target=self._deliver_all, daemon=True).start()

    def take(self, event: dict[str, Any]) -> None:
        """Plan the deliveries of one event under the rules that fire."""
        delay, copies, window, item = 0.0, 1, 0, Delivery(event)
        for rule in self._rules.pick("webhook", first=False, event=event["type"]):
            if rule.type in FORGERIES or rule.type == "unknown_type":
                self._push(time.time(), _extra_copy(event, rule))
                continue
            item.fault = rule.type
            item.lost = rule.type in {"lost", "drop_first"}
            item.retried = rule.type != "lost"
            delay = float(rule.spec.get("seconds", 2)) if rule.type == "delay" else delay
            copies = int(rule.spec.get("copies", 3)) if rule.type == "duplicate" else copies
            window = int(rule.spec.get("window", 3)) if rule.type == "reorder" else window
        if window:
            self._hold(item, window)
            return
        for number in range(copies):
            self._push(time.time() + delay + number * 0.2, Delivery(**vars(item)))

    def flush(self, timeout: float) -> bool:
        """Wait until everything was delivered or given up; say whether that came true."""
        deadline = time.time() + timeout
        with self._wake:
            self._release()
            while (self._queue or self._under_way) and time.time() < deadline:
                self._wake.wait(0.1)
            return not self._queue and not self._under_way

    @property
    def waiting(self) -> int:
        """How many deliveries are queued, held back or under way."""
        with self._wake:
            return len(self._queue) + len(self._held) + self._under_way

    def _push(self, due: float, delivery: Delivery) -> None:
        with self._wake:
            heapq.heappush(self._queue, (due, next(self._numbers), delivery))
            self._wake.notify_all()

    def _hold(self, delivery: Delivery, window: int) -> None:
        with self._wake:
            self._held.append((time.time(), delivery))
            if len(self._held) >= window:
                self._release()

    def _release(self) -> None:
        """Let held events go, the last first. The caller holds the lock."""
        for place, (_, delivery) in enumerate(reversed(self._held)):
            heapq.heappush(self._queue, (time.time() + place * 0.05, next(self._numbers), delivery))
        self._held = []
        self._wake.notify_all()

    def _next(self) -> Delivery:
        with self._wake:
            while True:
                if self._held and self._held[0][0] < time.time() - REORDER_FOR_S:
                    self._release()
                if self._queue and self._queue[0][0] <= time.time():
                    self._under_way += 1
                    return heapq.heappop(self._queue)[2]
                pause = self._queue[0][0] - time.time() if self._queue else 0.5
                self._wake.wait(min(0.5, max(0.005, pause)))

    def _deliver_all(self) -> None:
        while True:
            delivery = self._next()
            try:
                self._deliver(delivery)
            finally:
                with self._wake:
                    self._under_way -= 1
                    self._wake.notify_all()

    def _deliver(self, item: Delivery) -> None:
        line = {
            "kind": "webhook",
            "event": item.event["id"],
            "type": item.event["type"],
            "attempt": item.attempt,
        }
        if item.lost:
            self._record({**line, "status": None, "ms": None, "fault": item.fault, "dropped": True})
            ok = False
        else:
            status, took = self._post(item)
            # a shop that was down refused nothing: the checker judges the answers it gave
            answered = isinstance(status, int)
            line |= {"status": status, "ms": took, "fault": item.fault if answered else None}
            self._record(line | ({} if answered or item.retried else {"dropped": True}))
            ok = isinstance(status, int) and 200 <= status < 300
        if not ok and item.retried and item.attempt < ATTEMPTS:
            pause = min(BACKOFF_LIMIT_S, 0.5 * 2 ** (item.attempt - 1))
            again = Delivery(item.event, item.fault, item.attempt + 1)
            self._push(time.time() + pause, again)

    def _post(self, item: Delivery) -> tuple[int | str, float]:
        body = json.dumps(item.event, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", **self._signature(item.fault, body)}
        if item.fault == "tamper":
            body = body.replace(b'"livemode":false', b'"livemode":true ', 1)
        connection = http.client.HTTPConnection(
            self._target.hostname or "", self._target.port or 80, timeout=TIMEOUT_S
        )
        started = time.perf_counter()
        try:
            connection.request("POST", self._target.path, body, headers)
            answer = connection.getresponse()
            answer.read()
            status: int | str = answer.status
        except (OSError, http.client.HTTPException) as error:
            status = type(error).__name__
        finally:
            connection.close()
        return status, round((time.perf_counter() - started) * 1000, 1)

    def _signature(self, fault: str | None, body: bytes) -> dict[str, str]:
        now = int(time.time())
        if fault == "no_signature":
            return {}
        if fault == "bad_signature":
            return {"Stripe-Signature": sign(body, "whsec_somebody_else", now)}
        return {
            "Stripe-Signature": sign(
                body, self._secret, now - STALE_BY_S if fault == "old_timestamp" else now
            )
        }


def _extra_copy(event: dict[str, Any], rule: Rule) -> Delivery:
    """Return a copy that comes beside the genuine event: forged, stale, or of a type nobody knows."""
    copy = {**event, "id": f"evt_{rule.type}_{secrets.token_hex(6)}"}
    if rule.type == "unknown_type":
        return Delivery({**copy, "type": f"{event['type'].rpartition('.')[0]}.reincarnated"}, rule.type)
    # half of them bear the id of the real event: were they believed, the real one would count as known
    return Delivery(event if rule.fired % 2 else copy, rule.type, retried=False)
