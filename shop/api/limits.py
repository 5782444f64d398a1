"""Limits that never fail open: counted atomically in Redis, and in PostgreSQL while Redis is gone.

A window begins with its first count. A refused request counts too, but does not lengthen its window. Names
are kept as digests: no address and no e-mail address lies in a counter.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.utils.crypto import salted_hmac

from shop import redis
from shop.exceptions import Conflict, InvalidInput, NotFound, ShopError, TooManyRequests
from shop.redis import RedisGone

# Nothing was created by a request that was refused with one of these.
NOTHING_HAPPENED: tuple[type[ShopError], ...] = (InvalidInput, Conflict, NotFound)


@dataclass(frozen=True, slots=True)
class Limit:
    """How often something may happen to one subject; its numbers are in `settings.LIMITS`."""

    name: str
    subject: str

    @property
    def ceiling(self) -> int:
        return max(1, int(settings.LIMITS[self.name][0] * settings.RATE_LIMIT_SCALE))

    @property
    def seconds(self) -> int:
        return settings.LIMITS[self.name][1]

    @property
    def key(self) -> str:
        digest = salted_hmac("shop.api.limits", self.subject, algorithm="sha256").hexdigest()
        return f"limit:{self.name}:{digest[:40]}"


# Counts one limit after another and stops at the first that is spent. Answers how many passed, and the
# milliseconds left of the one that did not. A key without an end would lock its subject out for ever.
_SPEND = """
for i, key in ipairs(KEYS) do
  local count = redis.call('INCR', key)
  local left = redis.call('PTTL', key)
  if count == 1 or left < 0 then
    left = ARGV[2 * i] * 1000
    redis.call('PEXPIRE', key, left)
  end
  if count > tonumber(ARGV[2 * i - 1]) then return {i - 1, left} end
end
return {#KEYS, 0}
"""
_GIVE_BACK = """
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
end
return 0
"""
_LOOK = "return {tonumber(redis.call('GET', KEYS[1]) or '0'), redis.call('PTTL', KEYS[1])}"

_SPEND_ROW = """
INSERT INTO api_limit_counter AS kept (key, count, ends_at)
VALUES (%(key)s, 1, clock_timestamp() + %(seconds)s * interval '1 second')
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN kept.ends_at <= clock_timestamp() THEN 1 ELSE kept.count + 1 END,
  ends_at = CASE WHEN kept.ends_at <= clock_timestamp() THEN excluded.ends_at ELSE kept.ends_at END
RETURNING count, extract(epoch FROM ends_at - clock_timestamp())::float8
"""
_GIVE_BACK_ROW = "UPDATE api_limit_counter SET count = count - 1 WHERE key = %s AND count > 0"
_LOOK_ROW = """
SELECT count, extract(epoch FROM ends_at - clock_timestamp())::float8
FROM api_limit_counter WHERE key = %s AND ends_at > clock_timestamp()
"""
# A few at a time, by whoever opens a new window: nobody has to sweep them.
_FORGET_ROWS = """
DELETE FROM api_limit_counter WHERE key IN (
  SELECT key FROM api_limit_counter WHERE ends_at < clock_timestamp() ORDER BY ends_at LIMIT 20
  FOR UPDATE SKIP LOCKED)
"""


def spend(*limits: Limit) -> None:
    """Count one event against each limit, in this order, up to the first that is spent.

    Never inside a transaction: the count must stand whatever becomes of the work.
    :raises TooManyRequests: with `retry_after` in seconds.
    """
    try:
        passed, left_s = _spend_in_redis(limits)
    except RedisGone:
        passed, left_s = _spend_in_rows(limits)
    if passed < len(limits):
        raise too_many(left_s)


@contextmanager
def spending(*limits: Limit) -> Iterator[None]:
    """Count an event before its work, and give it back if the work was refused before anything happened."""
    spend(*limits)
    try:
        yield
    except NOTHING_HAPPENED:
        give_back(*limits)
        raise


def give_back(*limits: Limit) -> None:
    """Take back one count of each limit: what it was spent on turned out to be right."""
    try:
        redis.run(_GIVE_BACK, [limit.key for limit in limits])
    except RedisGone:
        with connection.cursor() as cursor:
            cursor.executemany(_GIVE_BACK_ROW, [(limit.key,) for limit in limits])


def claim(name: str, seconds: int) -> bool:
    """Return whether nobody has claimed this name within so many seconds. One UPSERT in PostgreSQL."""
    digest = salted_hmac("shop.api.limits", name, algorithm="sha256").hexdigest()
    with connection.cursor() as cursor:
        cursor.execute(_SPEND_ROW, {"key": f"claim:{digest[:40]}", "seconds": seconds})
        count, _ = cursor.fetchone()
    return count == 1


def seconds_left(limit: Limit) -> float:
    """Return how long a limit stays spent, 0 if it is not. Counts nothing."""
    try:
        count, left_ms = redis.run(_LOOK, [limit.key])
        left_s = left_ms / 1000
    except RedisGone:
        count, left_s = _look_at_row(limit)
    return max(left_s, 0.0) if count >= limit.ceiling else 0.0


def too_many(left_s: float) -> TooManyRequests:
    """Return the refusal of a limit that is spent for so many seconds."""
    wait = max(1, math.ceil(left_s))
    minutes = math.ceil(wait / 60)
    when = "in a minute" if minutes == 1 else f"in {minutes} minutes"
    return TooManyRequests(f"Too many attempts. Try again {when}.", retry_after=wait)


def _spend_in_redis(limits: Sequence[Limit]) -> tuple[int, float]:
    numbers = [number for limit in limits for number in (limit.ceiling, limit.seconds)]
    passed, left_ms = redis.run(_SPEND, [limit.key for limit in limits], *numbers)
    return passed, left_ms / 1000


def _spend_in_rows(limits: Iterable[Limit]) -> tuple[int, float]:
    passed = 0
    with connection.cursor() as cursor:
        for limit in limits:
            cursor.execute(_SPEND_ROW, {"key": limit.key, "seconds": limit.seconds})
            count, left_s = cursor.fetchone()
            if count > limit.ceiling:
                return passed, left_s
            passed += 1
            if count == 1:
                cursor.execute(_FORGET_ROWS)
    return passed, 0.0


def _look_at_row(limit: Limit) -> tuple[int, float]:
    with connection.cursor() as cursor:
        cursor.execute(_LOOK_ROW, [limit.key])
        return cursor.fetchone() or (0, 0.0)
