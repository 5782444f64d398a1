"""Where a simulation plays: a database of its own, a devstripe of its own, wake-ups nobody else sees.

Refused wherever real people or real money could be near.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import cast

from django.conf import settings
from django.db import connection, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test.utils import override_settings

from orders.models import Order
from shop.celery import app
from shop.clock import reading
from shop.exceptions import Forbidden
from shop.settings.environment import BASE_DIR
from shop.simulation import mailbox
from shop.simulation.stripe_desk import PUBLISHABLE_KEY, SECRET_KEY, Desk

# devstripe needs no mercy: only the order of the requests matters here, not their pace.
REQUESTS_PER_S = 5000
# A lost answer is lost at once, without waiting for it. Whatever else is slow is the machine, and a busy
# machine must not change what is played. The library's own repeats would only take time.
PATIENCE_S = 30.0
TIMEOUTS_S = (PATIENCE_S, PATIENCE_S)
# So long is an answer waited for while Stripe gives none to anybody: then a busy machine changes nothing.
# It is short of what closes the till, which goes by real time.
SILENCE_S = 0.2
# What the broker's library keeps of one queue; it puts our prefix before each.
BROKER_KEYS = ("celery", "_kombu.binding.celery", "unacked", "unacked_index", "unacked_mutex")


class Refused(Forbidden):
    code = "simulation_refused"
    title = "A simulation does not run here"


class Troubles(logging.Handler):
    """Keeps what was logged as an error with a traceback: what no sweep and no verb expects."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line, with the error that is behind it."""
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            trace = logging.Formatter().formatException(record.exc_info).splitlines()[-4:]
            where = " | ".join(map(str.strip, trace))
            self.found[f"{record.getMessage()}: {error!r} … {where}"] += 1


def refuse_unless_safe(*, here: bool) -> None:
    """Refuse where a simulation could touch anything real.

    :raises Refused: in production settings, with live keys, at a Stripe that is not devstripe, and, when it
    is to play `here`, in a database that holds orders.
    """
    if not settings.CLOCK_CAN_MOVE or settings.STRIPE_LIVE_KEYS_ALLOWED:
        raise Refused("These settings are for real money: the clock does not move here.")
    if "_live_" in settings.STRIPE_SECRET_KEY + settings.STRIPE_PUBLISHABLE_KEY:
        raise Refused("There is a live key in this environment.")
    if settings.STRIPE_SECRET_KEY not in ("", SECRET_KEY):
        raise Refused("This shop is set up for a Stripe that is not devstripe.")
    if here and Order.objects.exists():
        raise Refused("This database holds orders. Leave --here out: then it makes a database of its own.")


@contextmanager
def set_up(*, here: bool = False) -> Iterator[tuple[Desk, Troubles]]:
    """Give a devstripe and what goes wrong; everything is taken away afterwards.

    :raises Refused: see `refuse_unless_safe`.
    """
    refuse_unless_safe(here=here)
    with ExitStack() as stack:
        stack.enter_context(_tidy_if_told_to_stop())
        if not here:
            stack.enter_context(_database_of_its_own())
        url = stack.enter_context(_devstripe())
        stack.enter_context(_settings(url))
        stack.enter_context(_wake_ups_of_its_own())
        troubles = stack.enter_context(_quiet())
        stack.callback(reading.stand_at, None)
        mailbox.server.start_anew()
        desk = Desk(url)
        stack.callback(desk.close)
        yield desk, troubles


def patience(fault: str) -> AbstractContextManager[object]:
    """While open, an answer is waited for as long as makes sense under a fault of Stripe's."""
    if fault != "silent":
        return nullcontext()
    waits = (PATIENCE_S, SILENCE_S)
    return override_settings(STRIPE_TILL_TIMEOUTS_S=waits, STRIPE_BACKGROUND_TIMEOUTS_S=waits)


@contextmanager
def _tidy_if_told_to_stop() -> Iterator[None]:
    """SIGTERM ends the play like an error: the database goes, devstripe too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *received: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _database_of_its_own() -> Iterator[None]:
    """Create an empty database on the same server, migrated, and drop it afterwards."""
    # Before the pool keeps connections to the shop's own database.
    _wrapper().close_pool()
    real, ours = str(connection.settings_dict["NAME"]), f"simulation_{os.getpid()}"
    connection.settings_dict["TEST"]["NAME"] = ours
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        yield
    finally:
        # Django drops whatever the connection points at: never the shop's own, if creating ours has failed.
        if connection.settings_dict["NAME"] == ours:
            _wrapper().close_pool()
            connection.creation.destroy_test_db(real, verbosity=0)


def _wrapper() -> DatabaseWrapper:
    """Return the connection as what it is: only PostgreSQL's has a pool."""
    return cast("DatabaseWrapper", connections["default"])


@contextmanager
def _devstripe() -> Iterator[str]:
    """Start a devstripe that remembers nothing, on a port that is free; give its address."""
    argv = [sys.executable, "-m", "shop.devstripe", "--port", "0", "--store", ":memory:"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=BASE_DIR)  # noqa: S603 - our own
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise Refused("devstripe did not start.")
        yield line.rsplit(" ", 1)[1].strip()
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _settings(url: str) -> override_settings:
    return override_settings(
        STRIPE_API_BASE=url,
        STRIPE_SECRET_KEY=SECRET_KEY,
        STRIPE_PUBLISHABLE_KEY=PUBLISHABLE_KEY,
        STRIPE_WEBHOOK_SECRETS=["whsec_simulation"],
        STRIPE_BACKGROUND_RATE_PER_S=REQUESTS_PER_S,
        STRIPE_TILL_TIMEOUTS_S=TIMEOUTS_S,
        STRIPE_TILL_DEADLINE_S=PATIENCE_S,
        STRIPE_BACKGROUND_TIMEOUTS_S=TIMEOUTS_S,
        STRIPE_BACKGROUND_RETRIES=0,
        REDIS_SOCKET_TIMEOUT_S=PATIENCE_S,
        RATE_LIMIT_SCALE=1e6,
        EMAIL_BACKEND="shop.simulation.mailbox.Backend",
        ALLOWED_HOSTS=["*"],
        SECURE_SSL_REDIRECT=False,
    )


@contextmanager
def _wake_ups_of_its_own() -> Iterator[None]:
    """Keep wake-ups under names of our own in Redis: a worker that runs beside us must not take them."""
    # As a worker does when it starts: until then some tasks are not known. It sets logging up anew, too.
    app.loader.import_default_modules()
    before = app.conf.broker_transport_options
    prefix = f"simulation-{os.getpid()}:"
    app.conf.broker_transport_options = {
        **before,
        "global_keyprefix": prefix,
        "socket_connect_timeout": PATIENCE_S,
        "socket_timeout": PATIENCE_S,
    }
    try:
        yield
    finally:
        with app.connection_for_read() as broker:
            broker.default_channel.client.delete(*BROKER_KEYS)
        app.conf.broker_transport_options = before


@contextmanager
def _quiet() -> Iterator[Troubles]:
    """Hear of nothing but what nobody expects."""
    troubles, root = Troubles(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [troubles]
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield troubles
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
