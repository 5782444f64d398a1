"""Wake-ups of workers. A wake-up may be lost: the row that it is about is swept."""

import logging
from typing import Any

from celery import Task, current_app
from django.conf import settings
from kombu.exceptions import LimitExceeded, OperationalError
from kombu.pools import ProducerPool, producers
from redis.exceptions import RedisError

from shop import redis

logger = logging.getLogger(__name__)

BROKER_ERRORS = (OperationalError, LimitExceeded, RedisError, OSError)


def wake(task: Task, *args: Any) -> bool:
    """Publish a task; return whether it went out. Takes a second at most, however Redis fails.

    Redis is asked first on a connection with a short time-out, because the library that publishes waits for
    several answers in a row, each with a time-out of its own.
    """
    if not redis.answers():
        logger.warning("%s%r waits for the sweep: Redis does not answer", task.name, args)
        return False
    try:
        with _producers().acquire(block=True, timeout=settings.REDIS_SOCKET_TIMEOUT_S) as producer:
            task.apply_async(args, producer=producer)
    except BROKER_ERRORS as error:
        logger.warning("%s%r waits for the sweep: %s", task.name, args, error)
        return False
    return True


def _producers() -> ProducerPool:
    """Connections that only publish: a worker's own may wait long for a task, these for no answer."""
    options = {**current_app.conf.broker_transport_options, "socket_timeout": settings.REDIS_SOCKET_TIMEOUT_S}
    return producers[current_app.connection_for_write().clone(transport_options=options)]
