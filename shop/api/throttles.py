"""`BurstThrottle` is fairness between visitors, and lets requests pass when Redis is gone.

What protects money is in `shop.api.limits`, and never fails open.
"""

import time
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
    """A ceiling per visitor and minute over the whole API."""

    limit_per_minute = 600

    def allow_request(self, request: Request, view: Any) -> bool:
        window = int(time.time() // 60)
        key = f"throttle:burst:{client_network(client_ip(request))}:{window}"
        try:
            count = redis.run(_COUNT, [key], 120)
        except redis.RedisGone:
            return True
        return count <= self.limit_per_minute * settings.RATE_LIMIT_SCALE

    def wait(self) -> float:
        return 60 - time.time() % 60
