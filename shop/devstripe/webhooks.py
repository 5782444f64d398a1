"""Delivery of events, signed, with retries whose times survive a restart; and the jobs that are due later.

Source: https://docs.stripe.com/webhooks#verify-manually
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
import http.client
import json
import queue
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from . import jobs
from .attempts import SETTINGS
from .context import Context
from .store import Obj, Store

BACKOFF_SECONDS = (1, 2, 5, 10, 30, 60)
MAX_ATTEMPTS = 100
TIMEOUT_SECONDS = 10
WORKERS = 8


def sign(payload: bytes, secret: str, at: int) -> str:
    """Return the Stripe-Signature header of a payload sent at a Unix time."""
    digest = hmac.new(secret.encode(), b"%d." % at + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Deliverer:
    """Background threads: one that watches what is due, and a few that deliver."""

    def __init__(self, store: Store, public_url: str) -> None:
        self._store = store
        self._public_url = public_url
        self._wake = threading.Condition()
        self._due: dict[str, list[tuple[float, str]]] = {"_delivery": [], "_job": []}
        self._work: queue.Queue[tuple[str, str] | None] = queue.Queue()
        self._stopping = False
        self._threads: list[threading.Thread] = []
        self.paused = False

    def start(self) -> None:
        """Take up what the store says is still due, and begin."""
        with self._store.lock:
            self.paused = (self._store.get(SETTINGS) or {}).get("paused", False)
            for kind in self._due:
                self._take(list(self._store.newest(kind)))
            self._store.listen(self._take)
        targets = [self._watch, *[self._deliver_all] * WORKERS]
        self._threads = [threading.Thread(target=target, daemon=True) for target in targets]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads; what was not acknowledged stays due."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        for _ in range(WORKERS):
            self._work.put(None)
        for thread in self._threads:
            thread.join(timeout=0.5)

    def pause(self, paused: bool) -> None:
        """Hold back deliveries, or let them go."""
        with self._wake:
            self.paused = paused
            self._wake.notify_all()

    def _take(self, objects: list[Obj]) -> None:
        mine = [obj for obj in objects if obj["object"] in self._due and obj.get("status", "due") == "due"]
        if mine:
            with self._wake:
                for obj in mine:
                    heapq.heappush(self._due[obj["object"]], (obj["due"], obj["id"]))
                self._wake.notify_all()

    def _watch(self) -> None:
        while True:
            with self._wake:
                if self._stopping:
                    return
                soonest = self._hand_out(time.time())
                self._wake.wait(None if soonest is None else max(0.0, soonest - time.time()))

    def _hand_out(self, now: float) -> float | None:
        """Queue what is due; return when the next thing will be."""
        times = []
        for kind, heap in self._due.items():
            if kind == "_delivery" and self.paused:
                continue
            while heap and heap[0][0] <= now:
                self._work.put((kind, heapq.heappop(heap)[1]))
            if heap:
                times.append(heap[0][0])
        return min(times, default=None)

    def _deliver_all(self) -> None:
        while (item := self._work.get()) is not None and not self._stopping:
            kind, id = item
            if kind == "_job":
                with self._store.unit():
                    jobs.run(Context(self._store, self._public_url), id)
            else:
                self._deliver(id)

    def _deliver(self, id: str) -> None:
        with self._store.lock:
            delivery = self._store.get(id)
            event = self._store.get(delivery["event"]) if delivery else None
            endpoint = self._store.get(delivery["endpoint"]) if delivery else None
        if delivery is None or event is None:
            return
        if endpoint is None:
            self._record(id, {"at": time.time(), "error": "the endpoint is gone"}, "dropped")
            return
        attempt = _post(endpoint["url"], endpoint["_secret"], event)
        ok = 200 <= attempt.get("status", 0) < 300
        given_up = len(delivery["attempts"]) + 1 >= MAX_ATTEMPTS
        if not self._stopping:
            self._record(id, attempt, "delivered" if ok else "failed" if given_up else "due")

    def _record(self, id: str, attempt: dict[str, Any], status: str) -> None:
        with self._store.unit():
            if self._store.get(id) is None:
                return
            delivery = self._store.edit(id)
            tries = len(delivery["attempts"])
            delivery["attempts"].append(attempt)
            delivery["status"] = status
            if status == "due":
                delivery["due"] = time.time() + BACKOFF_SECONDS[min(tries, len(BACKOFF_SECONDS) - 1)]
            else:
                self._store.edit(delivery["event"])["pending_webhooks"] -= 1


def _post(url: str, secret: str, event: Obj) -> dict[str, Any]:
    parts = urlsplit(url)
    payload = json.dumps(event, indent=2).encode()
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    started = time.time()
    headers = {
        "Accept": "*/*; q=0.5, application/xml",
        "Cache-Control": "no-cache",
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": sign(payload, secret, int(started)),
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    attempt: dict[str, Any] = {"at": started}
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(
            "POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), payload, headers
        )
        response = connection.getresponse()
        response.read()
        attempt["status"] = response.status
    except (OSError, http.client.HTTPException) as error:
        attempt["error"] = f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    attempt["milliseconds"] = round((time.time() - started) * 1000)
    return attempt
