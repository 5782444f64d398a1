"""Bad days on demand: requests that never arrive, and answers that get lost on their way back."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

# What becomes of a request that a fault strikes: nothing is done at all, it is done and nobody hears of it,
# it is turned away by a server that is overloaded, or it is done and the line stays silent until the other
# side has waited long enough.
KINDS = ("unreached", "lost", "unavailable", "silent")


@dataclass
class Faults:
    """Strikes every so many-th request under /v1; nothing is drawn by lot: a drill can be repeated."""

    kind: str = ""
    every: int = 1
    _seen: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, kind: str, every: int) -> None:
        """Put a fault in force; an empty kind ends it."""
        with self._lock:
            self.kind, self.every, self._seen = kind, max(1, every), 0

    def strike(self) -> str:
        """Return what happens to the request at hand: one of `KINDS`, or nothing."""
        with self._lock:
            self._seen += 1
            return self.kind if self.kind and self._seen % self.every == 0 else ""
