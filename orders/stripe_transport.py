"""HTTP towards Stripe: one session for the till, one for background work, below Stripe's own library.

The library calls `request` once for every try, its own repeats included, so that what is paced and timed here
is what really goes over the wire.
"""

import http.client
import io
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from orders import stripe_pace

# A worker is not held for ever by an answer that trickles.
BACKGROUND_DEADLINE_S = 60.0
# A customer's request that failed after so long was a wait in vain; one refused at once holds up nobody.
IN_VAIN_S = 1.0
_SHORTEST_S = 0.001


class TooLate(requests.exceptions.Timeout):
    """The time of this request was over before it began."""


class NotSent(requests.exceptions.RequestException):
    """The request was not sent, and is not to be tried again now: its row waits for the next sweep."""


class TillSession(requests.Session):
    """Sends the requests of one customer, until one moment in all. Never waits for a turn."""

    def __init__(self, ends_at: float) -> None:
        super().__init__()
        _mount(self)
        self._ends_at = ends_at

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, unless Stripe has let the latest customers wait in vain."""
        began_at = time.monotonic()
        if began_at >= self._ends_at:
            raise TooLate("The time of this request is over.")
        try:
            doubtful = stripe_pace.enter(endpoint_of(method, url))
        except stripe_pace.DoorClosed as error:
            raise NotSent(str(error)) from error
        try:
            answer = _send(super().request, method, url, *args, ends_at=self._ends_at, **kwargs)
        except requests.exceptions.RequestException:
            if time.monotonic() - began_at >= IN_VAIN_S:
                stripe_pace.timed_out()
            raise
        if doubtful:
            stripe_pace.answered()
        return answer


class BackgroundSession(requests.Session):
    """Sends requests of all background work of this process, each in its turn."""

    def __init__(self) -> None:
        super().__init__()
        _mount(self)

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """Wait for the turn of this request, then send it."""
        try:
            stripe_pace.take_turn(endpoint_of(method, url))
        except stripe_pace.NoTurn as error:
            raise NotSent(str(error)) from error
        ends_at = time.monotonic() + BACKGROUND_DEADLINE_S
        return _send(super().request, method, url, *args, ends_at=ends_at, **kwargs)


def till_deadline() -> float:
    """Return when a customer's request that begins now has to be over, on the monotonic clock."""
    return time.monotonic() + settings.STRIPE_TILL_DEADLINE_S


def endpoint_of(method: str, url: str) -> str:
    """Return what Stripe counts as one endpoint: `POST /v1/payment_intents/*/confirm`."""
    parts = urlsplit(url).path.split("/")
    if len(parts) > 3:
        parts[3] = "*"
    return f"{method.upper()} {'/'.join(parts)}"


# --- one deadline over connecting, sending and every single byte of the answer ----------------------------

_running = threading.local()


def _send(request: Any, *args: Any, ends_at: float, **kwargs: Any) -> requests.Response:
    _running.ends_at = ends_at
    try:
        return request(*args, **kwargs)
    finally:
        _running.ends_at = None


def _at_most(timeout: float | None) -> float:
    """Return a socket's time-out, cut to what is left of the request under way."""
    ends_at = getattr(_running, "ends_at", None)
    wanted = 60.0 if timeout is None else timeout
    if ends_at is None:
        return wanted
    return max(_SHORTEST_S, min(wanted, ends_at - time.monotonic()))


class _TimedSocket(io.RawIOBase):
    """Reads a socket with a time-out that shrinks: a server that trickles bytes wins no time."""

    def __init__(self, raw: Any, sock: socket.socket) -> None:
        self._raw, self._sock, self._timeout = raw, sock, sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _at_most(self._timeout)
        if left <= _SHORTEST_S:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: Any = io.BufferedReader(_TimedSocket(self.fp.detach(), sock))


class _TimedConnect:
    """Looks up the host and tries its addresses within one connect time-out."""

    def _new_conn(self: Any) -> socket.socket:
        ends_at = time.monotonic() + _at_most(self.timeout)
        error: Exception = OSError("no address")
        for family, kind, protocol, _, address in self._addresses():
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(max(_SHORTEST_S, ends_at - time.monotonic()))
                sock.connect(address)
            except OSError as failure:
                sock.close()
                error = failure
            else:
                return sock
        if isinstance(error, TimeoutError):
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out") from error
        raise NewConnectionError(self, f"Failed to establish a new connection: {error}") from error

    def _addresses(self: Any) -> Any:
        lookup = _lookups().submit(socket.getaddrinfo, self._dns_host, self.port, type=socket.SOCK_STREAM)
        try:
            return lookup.result(_at_most(self.timeout))
        except TookTooLong as error:
            raise ConnectTimeoutError(self, f"Looking up {self.host} timed out") from error
        except OSError as error:
            raise NewConnectionError(self, f"Cannot look up {self.host}: {error}") from error


class _Http(_TimedConnect, HTTPConnection):
    response_class = _TimedResponse


class _Https(_TimedConnect, HTTPSConnection):
    response_class = _TimedResponse


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class _TimedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


@lru_cache(maxsize=1)
def _adapter() -> _TimedAdapter:
    """Connections that every session of this process shares; a thread borrows one at a time."""
    return _TimedAdapter(pool_connections=4, pool_maxsize=32)


@lru_cache(maxsize=1)
def _lookups() -> ThreadPoolExecutor:
    """A lookup cannot be interrupted, only waited for elsewhere."""
    return ThreadPoolExecutor(max_workers=8, thread_name_prefix="stripe-lookup")


def _mount(session: requests.Session) -> None:
    session.mount("https://", _adapter())
    session.mount("http://", _adapter())
