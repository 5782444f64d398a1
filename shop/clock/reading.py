"""Reading and moving the shop's clock."""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from shop.clock.models import ClockOffset
from shop.exceptions import Forbidden

# A process may serve requests for this long after a move before it notices it.
OFFSET_KEPT_S = 1.0
# A machine whose clock differs more than this from the database's is not to be trusted with due dates.
MOST_APART = timedelta(minutes=2)

_kept: dict[str, tuple[float, timedelta]] = {}
_stands_at: datetime | None = None


def now() -> datetime:
    """Return the shop's time in UTC: real time, plus what `move_clock` added where that is allowed."""
    if not settings.CLOCK_CAN_MOVE:
        return timezone.now()
    return _stands_at or timezone.now() + _offset()


def is_wrong() -> bool:
    """Say whether this machine's clock and the database's are too far apart to charge anybody by it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        theirs: datetime = cursor.fetchone()[0]
    return abs(timezone.now() - theirs) > MOST_APART


def is_moved() -> bool:
    """Say whether the shop's clock shows another time than the real one."""
    return settings.CLOCK_CAN_MOVE and bool(_offset())


def _offset() -> timedelta:
    key = str(connection.settings_dict["NAME"])
    read_at, offset = _kept.get(key, (0.0, timedelta(0)))
    if time.monotonic() - read_at > OFFSET_KEPT_S:
        offset = ClockOffset.objects.values_list("offset", flat=True).first() or timedelta(0)
        _kept[key] = (time.monotonic(), offset)
    return offset


def move(by: timedelta) -> datetime:
    """Move the shop's clock forward (or, with a negative step, back) and return its new reading.

    :raises Forbidden: in settings where the clock cannot move, such as production.
    """
    if not settings.CLOCK_CAN_MOVE:
        raise Forbidden("The clock does not move in this deployment.", code="clock_fixed")
    row, _ = ClockOffset.objects.get_or_create(id=1, defaults={"offset": timedelta(0)})
    row.offset += by
    row.save()
    _kept.clear()
    return now()


def stand_at(moment: datetime | None) -> None:
    """Let the clock of this process alone stand at a moment; None lets it go on. So a simulation
    can be repeated to the second.

    :raises Forbidden: in settings where the clock cannot move, such as production.
    """
    global _stands_at
    if moment is not None and not settings.CLOCK_CAN_MOVE:
        raise Forbidden("The clock does not move in this deployment.", code="clock_fixed")
    _stands_at = moment


def reset() -> datetime:
    """Bring the shop's clock back to real time and return it."""
    ClockOffset.objects.all().delete()
    _kept.clear()
    return now()
