"""`BurstThrottle` is fairness between visitors, and lets requests pass when Redis is gone.

What protects money is in `shop.api.limits`, and never fails open.
"""

import hashlib
import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from shop import redis
from shop.api import client_ip, client_network

# One step: a counter that is created and counted in two can lose its end, or its count.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""


class BurstThrottle(BaseThrottle):
    """Ceilings per minute over the whole API: for a visitor, for an account from wherever, and for a cart."""

    limit_per_minute = 600
    limit_per_account = 600
    limit_per_cart = 240

    def allow_request(self, request: Request, view: Any) -> bool:
        window = int(time.time() // 60)
        try:
            return all(
                redis.run(_COUNT, [f"throttle:burst:{name}:{window}"], 120)
                <= limit * settings.RATE_LIMIT_SCALE
                for name, limit in self._counted(request, view)
            )
        except redis.RedisGone:
            return True

    def _counted(self, request: Request, view: Any) -> Iterator[tuple[str, int]]:
        yield client_network(client_ip(request)), self.limit_per_minute
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated:
            yield f"user:{user.pk}", self.limit_per_account
        cart = getattr(view, "kwargs", {}).get("cart_id")
        if cart:
            # Its id opens the cart: only a digest of it is kept.
            yield f"cart:{hashlib.sha256(cart.encode()).hexdigest()[:32]}", self.limit_per_cart

    def wait(self) -> float:
        return 60 - time.time() % 60
