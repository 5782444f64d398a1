"""Sending all that waits: many mails over one connection, by few workers, in turns of bounded length.

A batch is claimed by rows (SKIP LOCKED) and by advisory locks, like a single mail (see `delivery`). A mail
server that cannot be had costs one mail its turn; the others stay due, and the next sweep tries again.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from shop import alive
from shop.mail import delivery
from shop.mail.models import OutboxMessage
from shop.mail.postman import Postman

# Mails that one connection takes.
BATCH = 50
# What is not sent by then is given back: well before another worker may think it left behind.
BATCH_LASTS = timedelta(seconds=10)
# A turn ends before the worker's time does (CELERY_TASK_TIME_LIMIT), even when a last mail is slow.
TURN_LASTS = timedelta(seconds=60)
# Workers at it at a time: one does not wait for a far server alone, and others are left for other work.
TURNS = 2


def drain(*, clock: Callable[[], datetime]) -> bool:
    """Send mails while any are due, a minute at most; return whether more of them wait for another turn.

    Nothing to do while enough workers are at it: they meet whatever is due.
    """
    for turn in range(TURNS):
        with alive.at_work(alive.OUTBOX, turn) as is_ours:
            if is_ours:
                return _drain(clock)
    return False


def _drain(clock: Callable[[], datetime]) -> bool:
    ends_at, before = clock() + TURN_LASTS, None
    while clock() < ends_at:
        ids = delivery.due_ids(at=clock(), limit=BATCH)
        if not ids or ids == before:
            # The same again: others are at work on all of them.
            return False
        before = ids
        if not _send_batch(ids, clock=clock):
            return False
    return True


def _send_batch(ids: Sequence[int], *, clock: Callable[[], datetime]) -> bool:
    """Send mails over one connection; return whether the mail server takes any."""
    with alive.at_work_on(alive.MAIL, ids) as alone, Postman() as postman:
        at = clock()
        waiting = delivery.claim(ids, alone, at=at)
        while waiting and not postman.is_stuck and clock() < at + BATCH_LASTS:
            # As it is now: it may have been taken back while those before it were sent.
            message = _again(waiting.pop(0))
            if message is not None:
                delivery.send_claimed(message, postman=postman, at=clock())
        _give_back(waiting, at=at)
    return not postman.is_stuck


def _again(row: OutboxMessage) -> OutboxMessage | None:
    return OutboxMessage.objects.filter(pk=row.pk, status=OutboxMessage.Status.PENDING).first()


def _give_back(rows: Sequence[OutboxMessage], *, at: datetime) -> None:
    """Let mails be due again that were claimed and not tried."""
    mine = OutboxMessage.objects.filter(
        pk__in=[row.pk for row in rows],
        status=OutboxMessage.Status.PENDING,
        next_attempt_at=at + delivery.SENDING_FOR,
    )
    mine.update(next_attempt_at=at)
