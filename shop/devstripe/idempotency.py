"""Idempotency keys. Source: https://docs.stripe.com/api/idempotent_requests"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from . import clock, errors
from .store import Store

KEEP_SECONDS = 86_400
MAX_LENGTH = 255


@dataclass(frozen=True)
class Claim:
    """A key that is being used for the first time by the request at hand."""

    key: str
    path: str
    form: dict[str, Any]


class Keys:
    """The answers given under each key, for a day, and the keys in flight."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()

    def claim(self, key: str, path: str, form: dict[str, Any]) -> tuple[Claim | None, dict[str, Any] | None]:
        """Return either a claim to carry out the request, or the answer kept from the first time.

        :raises ApiError: 400 for other parameters or another address; 409 while the first is under way.
        """
        if len(key) > MAX_LENGTH:
            raise errors.bad_parameter("Idempotency-Key", f"Keys have at most {MAX_LENGTH} characters.")
        with self._lock:
            if key in self._in_flight:
                raise _in_use(key)
            self._in_flight.add(key)
        try:
            kept = self._kept(key)
        except BaseException:
            self.release(key)
            raise
        if kept is None:
            return Claim(key, path, form), None
        self.release(key)
        if kept["path"] != path:
            raise _misused(key, f"for the same endpoint they were first used for ('{kept['path']}')")
        if kept["form"] != form:
            raise _misused(key, "with the same parameters they were first used with")
        return None, kept

    def _kept(self, key: str) -> dict[str, Any] | None:
        with self._store.lock:
            kept = self._store.get(_id(key))
        return kept if kept and kept["at"] > clock.now() - KEEP_SECONDS else None

    def keep(self, claim: Claim, status: int, body: str, request_id: str) -> None:
        """Keep the answer, within the unit of work that made it: both reach the file or neither."""
        self._store.add(
            {
                "id": _id(claim.key),
                "object": "_answer",
                "at": clock.now(),
                "path": claim.path,
                "form": claim.form,
                "status": status,
                "body": body,
                "request": request_id,
            }
        )

    def release(self, key: str) -> None:
        """Say that the request is over."""
        with self._lock:
            self._in_flight.discard(key)

    def prune(self, older_than: float = 0.0) -> int:
        """Forget answers older than so many seconds; return how many."""
        limit = clock.now() - older_than
        with self._store.unit():
            old = [row["id"] for row in self._store.newest("_answer") if row["at"] <= limit]
            for id in old:
                self._store.remove(id)
        return len(old)


def _id(key: str) -> str:
    return f"idempotency:{key}"


def _in_use(key: str) -> errors.ApiError:
    text = (
        f"There is currently another in-progress request using this Idempotent Key ({key}). That "
        f"probably means "
        "you submitted twice, and the other request is still going through. Please try again later."
    )
    return errors.ApiError(409, text, type="idempotency_error", code="idempotency_key_in_use", executed=False)


def _misused(key: str, how: str) -> errors.ApiError:
    text = (
        f"Keys for idempotent requests can only be used {how}. Try using a key other than "
        f"'{key}' if you meant to "
        "execute a different request."
    )
    return errors.ApiError(400, text, type="idempotency_error", executed=False)
