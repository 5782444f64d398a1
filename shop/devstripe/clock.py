"""Stripe's own time: real time, until a drill that moves the shop's clock moves this one along.

Only what Stripe writes down and forgets goes by it. Deliveries, their signatures and background jobs go by
real time, as the processes do that wait for them.
"""

from __future__ import annotations

import time

_ahead = 0.0


def now() -> float:
    """Return Stripe's time in Unix seconds."""
    return time.time() + _ahead


def move_to(moment: float | None) -> float:
    """Make it `moment` (Unix seconds) from now on, real time again with None; return Stripe's time."""
    global _ahead
    _ahead = 0.0 if moment is None else moment - time.time()
    return now()
