"""Wake-ups of workers. A wake-up may be lost: the row that it is about is swept."""

import logging
from typing import Any

from celery import Task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shop import redis

logger = logging.getLogger(__name__)

BROKER_ERRORS = (OperationalError, RedisError, OSError)


def wake(task: Task, *args: Any) -> bool:
    """Publish a task; return whether it went out. Takes a second at most, however Redis fails.

    Redis is asked first on a connection with a short time-out, because the library that publishes waits for
    several answers in a row, each with a time-out of its own.
    """
    if not redis.answers():
        logger.warning("%s%r waits for the sweep: Redis does not answer", task.name, args)
        return False
    try:
        task.delay(*args)
    except BROKER_ERRORS as error:
        logger.warning("%s%r waits for the sweep: %s", task.name, args, error)
        return False
    return True
