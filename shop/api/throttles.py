"""Rate limits by atomic counters in Redis.

`BurstThrottle` is fairness between visitors and lets requests pass when Redis is gone.
"""

import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle


class BurstThrottle(BaseThrottle):
    """A ceiling per visitor and minute over the whole API."""

    limit_per_minute = 600

    def allow_request(self, request: Request, view: Any) -> bool:
        window = int(time.time() // 60)
        key = f"throttle:burst:{self.get_ident(request)}:{window}"
        try:
            cache.add(key, 0, timeout=120)
            count = cache.incr(key)
        except (RedisError, ValueError):
            return True
        return count <= self.limit_per_minute * settings.RATE_LIMIT_SCALE

    def wait(self) -> float:
        return 60 - time.time() % 60
