"""How fast background work may ask Stripe, for all workers together; and when the till should not ask at all.

Both are kept in Redis, by Redis's own clock. Without Redis background work waits for the next sweep, and each
process minds its own till.

Source: https://docs.stripe.com/rate-limits (25 requests a second and endpoint)
"""

import threading
import time
from dataclasses import dataclass, field

from django.conf import settings

from shop import redis

# Requests leave a little further apart than the rate asks, so that those which are late on the way do not
# crowd into one second at Stripe's end.
SLACK = 0.1
# A turn that was not used by then is stale: its request would land among those of later turns.
STALE_AFTER_S = 0.04
# So long a queue is a sweep's business.
LONGEST_WAIT_S = 20.0
# The till pushes background work back by this much at most.
TILL_COMES_FIRST_S = 1.0

TIMEOUTS_BEFORE_CLOSING = 5
TIMEOUTS_WITHIN_S = 30.0
CLOSED_FOR_S = 5.0

# A bucket of one token, kept as the moment when the next one is due (microseconds). Answers how long the
# caller has to wait for the token that it was given, or -1 if it was given none.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local next = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local wait = next - now
if wait > tonumber(ARGV[2]) then return -1 end
redis.call('SET', KEYS[1], string.format('%.0f', next + ARGV[1]), 'PX', 60000)
return wait
"""
# KEYS: time-outs in a row, door is closed, somebody is trying the door, the bucket of background work.
# Answers the time-outs so far, or -1 if the door is closed to this caller.
_ENTER = """
local failed = tonumber(redis.call('GET', KEYS[1]) or '0')
if redis.call('EXISTS', KEYS[2]) == 1 then return -1 end
if failed >= tonumber(ARGV[1]) and not redis.call('SET', KEYS[3], 1, 'NX', 'PX', ARGV[2]) then return -1 end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local next = math.max(tonumber(redis.call('GET', KEYS[4]) or '0'), now) + ARGV[3]
next = math.min(next, now + ARGV[4])
redis.call('SET', KEYS[4], string.format('%.0f', next), 'PX', 60000)
return failed
"""
_TIMED_OUT = """
local failed = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if failed >= tonumber(ARGV[1]) then redis.call('SET', KEYS[2], 1, 'PX', ARGV[3]) end
redis.call('DEL', KEYS[3])
return failed
"""
_ANSWERED = "return redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])"

_DOOR = ["stripe:till:timeouts", "stripe:till:closed", "stripe:till:trying"]


class NoTurn(Exception):
    """Background work does not get its turn now: Redis is gone, or the queue is too long."""


class DoorClosed(Exception):
    """Stripe has let several customers wait in vain: the next ones are not kept waiting."""


def take_turn(endpoint: str) -> None:
    """Wait until background work may send one request to an endpoint.

    :raises NoTurn: at once, if the turn would come too late or cannot be had.
    """
    while True:
        asked_at = time.monotonic()
        try:
            wait = redis.run(_TAKE, [_bucket(endpoint)], _apart(), int(LONGEST_WAIT_S * 1e6))
        except redis.RedisGone as error:
            raise NoTurn("Redis is gone") from error
        if wait < 0:
            raise NoTurn(f"more than {LONGEST_WAIT_S} s of requests are waiting")
        due_at = asked_at + wait / 1e6
        time.sleep(max(0.0, due_at - time.monotonic()))
        if time.monotonic() - due_at <= STALE_AFTER_S:
            return


def enter(endpoint: str) -> bool:
    """Let a customer's request pass and make background work give way; return whether Stripe is doubtful.

    Never waits. :raises DoorClosed: while Stripe does not answer; one request at a time tries the door.
    """
    numbers = [TIMEOUTS_BEFORE_CLOSING, _trying_ms(), _apart(), int(TILL_COMES_FIRST_S * 1e6)]
    try:
        failed = redis.run(_ENTER, [*_DOOR, _bucket(endpoint)], *numbers)
    except redis.RedisGone:
        failed = _own_door.enter()
    if failed < 0:
        raise DoorClosed("Stripe has not answered the latest requests in time")
    return failed > 0


def timed_out() -> None:
    """Remember that a customer waited in vain."""
    within, closed_for = int(TIMEOUTS_WITHIN_S * 1000), int(CLOSED_FOR_S * 1000)
    _own_door.timed_out()
    try:
        redis.run(_TIMED_OUT, _DOOR, TIMEOUTS_BEFORE_CLOSING, within, closed_for)
    except redis.RedisGone:
        return


def answered() -> None:
    """Stripe answered in time: the door is open to everybody."""
    _own_door.answered()
    try:
        redis.run(_ANSWERED, _DOOR)
    except redis.RedisGone:
        return


def forget() -> None:
    """Forget what this process knows of the till."""
    _own_door.answered()


@dataclass
class _Door:
    """The same rules for one process, while Redis is gone."""

    failed: int = 0
    failed_at: float = 0.0
    closed_until: float = 0.0
    trying_until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self) -> int:
        with self.lock:
            now = time.monotonic()
            if now - self.failed_at > TIMEOUTS_WITHIN_S:
                self.failed = 0
            if self.failed < TIMEOUTS_BEFORE_CLOSING:
                return self.failed
            if now < self.closed_until or now < self.trying_until:
                return -1
            self.trying_until = now + _trying_ms() / 1000
            return self.failed

    def timed_out(self) -> None:
        with self.lock:
            self.failed, self.failed_at = self.failed + 1, time.monotonic()
            self.trying_until = 0.0
            if self.failed >= TIMEOUTS_BEFORE_CLOSING:
                self.closed_until = self.failed_at + CLOSED_FOR_S

    def answered(self) -> None:
        with self.lock:
            self.failed, self.closed_until, self.trying_until = 0, 0.0, 0.0


_own_door = _Door()


def _bucket(endpoint: str) -> str:
    return f"stripe:pace:{endpoint}"


def _apart() -> int:
    """Microseconds between two background requests to one endpoint."""
    return int(1e6 * (1 + SLACK) / settings.STRIPE_BACKGROUND_RATE_PER_S)


def _trying_ms() -> int:
    return int(settings.STRIPE_TILL_DEADLINE_S * 1000) + 1000
