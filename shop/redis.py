"""Redis for counters and paces: one atomic script a question, answered soon or not at all.

After a failure this process takes Redis for gone for `GONE_FOR_S`, so that a Redis that hangs costs one
time-out in a while and not one on every request. Who asks decides what to do without an answer.
"""

import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

GONE_FOR_S = 5.0

_lock = threading.Lock()
_gone_until = 0.0


class RedisGone(Exception):
    """Redis does not answer, or did not a moment ago."""


def run(script: str, keys: Sequence[str], *arguments: str | float) -> Any:
    """Run a Lua script in Redis and return its answer.

    :raises RedisGone: within about `REDIS_SOCKET_TIMEOUT_S`.
    """
    return _guarded(lambda client: client.eval(script, len(keys), *keys, *arguments))


def answers() -> bool:
    """Return whether Redis answers now."""
    try:
        _guarded(lambda client: client.ping())
    except RedisGone:
        return False
    return True


def forget_failure() -> None:
    """Ask Redis again at the next question, whatever happened before."""
    global _gone_until
    with _lock:
        _gone_until = 0.0


def _guarded(question: Any) -> Any:
    global _gone_until
    if time.monotonic() < _gone_until:
        raise RedisGone("Redis did not answer a moment ago")
    try:
        return question(_client(settings.REDIS_URL, settings.REDIS_SOCKET_TIMEOUT_S))
    except (RedisError, OSError) as error:
        with _lock:
            _gone_until = time.monotonic() + GONE_FOR_S
        raise RedisGone(f"{type(error).__name__}: {error}") from error


@lru_cache(maxsize=4)
def _client(url: str, timeout: float) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=timeout,
        socket_timeout=timeout,
        # One try: the library's own retries would multiply the time-out.
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,
    )
