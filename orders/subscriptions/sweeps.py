"""Rows of a sweep, each in its turn: what goes wrong with one holds up nobody else."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

logger = logging.getLogger(__name__)


def each(rows: Iterable[Any], step: Callable[[Any], int]) -> int:
    """Do a step with each row, in a transaction of its own, and return the sum of what the steps return.

    A step that fails is logged, and its row is met again by the next sweep. A database that is gone fails
    for whatever the caller asks it next.
    """
    done = 0
    for row in rows:
        try:
            done += step(row)
        except Exception:
            logger.exception("%s fails; the rest of the sweep goes on", row)
    return done
