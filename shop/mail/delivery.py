"""Sending what the outbox holds: safe to run twice, and no mail server failure touches anything else."""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from email.utils import formataddr, parseaddr
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import Exists, Model, Q, QuerySet
from django.utils.module_loading import import_string

from shop import alive
from shop.characters import one_line
from shop.mail import refusals, rendering, suppression
from shop.mail.models import OutboxMessage, SuppressedAddress
from shop.mail.postman import Postman

logger = logging.getLogger(__name__)

# Minutes until the next try; after the last, once a day. Only a server's refusal for good ends it.
BACKOFF_MINUTES = (1, 2, 5, 15, 30, 60, 180, 360, 720, 1440)
# While a worker sends, others leave the row alone for this long, and for as long as it is seen to be at work;
# a killed worker's row comes back after it.
SENDING_FOR = timedelta(seconds=20)
# Longer than a worker may run (CELERY_TASK_TIME_LIMIT): then a mail is anybody's, whatever its worker does.
SENDS_AT_MOST_FOR = timedelta(minutes=6)


def deliver(message_id: int, *, at: datetime) -> bool:
    """Send one mail if it is due and nobody else is sending it; return whether it went out.

    At-least-once: a worker killed between the server's answer and our commit sends again under the same
    Message-ID, which mail programs show once.
    """
    with alive.at_work(alive.MAIL, message_id) as alone:
        claimed = claim([message_id], {message_id} if alone else set(), at=at)
        if not claimed:
            return False
        with Postman() as postman:
            return send_claimed(claimed[0], postman=postman, at=at)


def send_claimed(message: OutboxMessage, *, postman: Postman, at: datetime) -> bool:
    """Send a mail that the caller has claimed, or write down why not; return whether it went out."""
    if suppression.is_suppressed(message.to, kind=message.kind):
        _finish(message, status=OutboxMessage.Status.SUPPRESSED)
        return False
    if not _is_ready(message, at):
        return False
    try:
        _send(message, postman)
    except (OSError, SMTPException, ValueError) as error:
        refusal = refusals.permanent(error)
        if refusal is None:
            _try_later(message, error, at)
        else:
            _give_up(message, refusal, at)
        return False
    _finish(message, status=OutboxMessage.Status.SENT, sent_at=at)
    return True


def claim(ids: Sequence[int], alone: Collection[int], *, at: datetime) -> list[OutboxMessage]:
    """Take the mails that are due, for SENDING_FOR, and return them in the order of their ids.

    Those that are not in `alone` have another worker at it this moment: they have to be due for long.
    """
    is_due = Q(next_attempt_at__lte=at - (SENDS_AT_MOST_FOR - SENDING_FOR))
    is_due |= Q(pk__in=alone, next_attempt_at__lte=at)
    with transaction.atomic(durable=True):
        due = OutboxMessage.objects.filter(
            is_due, ~Exists(_owners()), pk__in=ids, status=OutboxMessage.Status.PENDING
        )
        mine = {row.pk: row for row in due.order_by("pk").select_for_update(skip_locked=True)}
        OutboxMessage.objects.filter(pk__in=mine).update(next_attempt_at=at + SENDING_FOR)
    return [mine[pk] for pk in ids if pk in mine]


def due_ids(*, at: datetime, limit: int = 200) -> list[int]:
    """Return ids of mails that are due, oldest first; none of a database that is another deployment's.

    Those that were written by the thousand, and so have no words yet, let all others go first.
    """
    due = OutboxMessage.objects.filter(
        ~Exists(_owners()), status=OutboxMessage.Status.PENDING, next_attempt_at__lte=at
    )
    ids = due.order_by("next_attempt_at", "pk").values_list("pk", flat=True)
    first = list(ids.filter(template="")[:limit])
    return [*first, *ids.exclude(template="")[: limit - len(first)]]


def deliver_due(*, at: datetime, limit: int = 200) -> int:
    """Send everything that is due and return how many went out."""
    return sum(deliver(message_id, at=at) for message_id in due_ids(at=at, limit=limit))


def why_held_back() -> str:
    """Return why no mail goes out from here and how to lift that, for staff; nothing where mails go out."""
    owner = _owners().first()
    if owner is None:
        return ""
    return (
        f"This database belongs to “{owner}”, and this is “{settings.DEPLOYMENT_NAME}”: no mail goes out and "
        f"no refill is charged. Mails are kept. If this has taken the other's place for good, start it with "
        f"DEPLOYMENT_NAME={owner}: what waits is sent then."
    )


def _owners() -> QuerySet[Model]:
    """The other deployment that this database belongs to: a dump restored elsewhere writes to nobody."""
    rows: QuerySet[Model] = import_string(settings.MAIL_HELD_BACK_BY)()
    return rows


def _is_outdated(message: OutboxMessage, at: datetime) -> bool:
    """Ask whoever wrote a mail of this kind whether it still is true; put it aside if it is not.

    Both in one transaction: what its owner writes down because of that stands only together with it.
    """
    look = settings.MAIL_LAST_LOOKS.get(message.kind)
    if look is None:
        return False
    with transaction.atomic():
        if import_string(look)(message, at=at):
            return False
        _finish(message, status=OutboxMessage.Status.SUPPRESSED, error="no longer true")
    return True


def _is_ready(message: OutboxMessage, at: datetime) -> bool:
    """Take a last look at a mail, and draw one that was written without its words; return whether it may go.

    One over which that breaks waits by itself: neither its batch nor the next ones stop at it.
    """
    try:
        if _is_outdated(message, at):
            return False
        rendering.settle(message)
    except Exception as error:
        logger.exception("mail %s cannot be made ready", message.pk)
        _try_later(message, error, at)
        return False
    return True


def _send(message: OutboxMessage, postman: Postman) -> None:
    mail = EmailMultiAlternatives(
        subject=one_line(message.subject),
        body=message.text,
        from_email=_sender(),
        to=[message.to],
        headers={"Message-ID": message.message_id, "Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(message.html, "text/html")
    postman.send(mail)


def _sender() -> str:
    """Return the sender under the shop's name, unless the setting names another."""
    name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return formataddr((name or settings.SHOP_NAME, address))


def _try_later(message: OutboxMessage, error: Exception, at: datetime) -> None:
    wait = BACKOFF_MINUTES[min(message.attempts, len(BACKOFF_MINUTES) - 1)]
    OutboxMessage.objects.filter(pk=message.pk, status=OutboxMessage.Status.PENDING).update(
        attempts=message.attempts + 1,
        next_attempt_at=at + timedelta(minutes=wait),
        last_error=f"{type(error).__name__}: {error}"[:500],
    )
    logger.warning("mail %s was not sent, next try in %s min: %s", message.pk, wait, type(error).__name__)


def _give_up(message: OutboxMessage, refusal: refusals.Refusal, at: datetime) -> None:
    """The server will never take it: stop, say so, and write no more to an address that does not exist."""
    _finish(message, status=OutboxMessage.Status.FAILED, error=refusal.words)
    logger.warning("mail %s was refused for good", message.pk)
    if refusal.is_dead_address:
        cause = SuppressedAddress.Cause.BOUNCED
        suppression.suppress(message.to, cause=cause, reason=refusal.words, at=at)


def _finish(message: OutboxMessage, *, status: str, sent_at: datetime | None = None, error: str = "") -> None:
    OutboxMessage.objects.filter(pk=message.pk).update(
        status=status, sent_at=sent_at, attempts=message.attempts + 1, last_error=error[:500]
    )
