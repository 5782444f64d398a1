"""Writing mails down. A mail exists from the moment that its fact is committed, or not at all."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parseaddr
from functools import partial

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string

from shop.mail import tasks
from shop.mail.models import OutboxMessage
from shop.wake import wake

# One per line, and no control characters: what reaches a header cannot start another one.
_CONTROL = dict.fromkeys([*range(32), 127])


@dataclass(frozen=True, slots=True)
class Letter:
    """What a builder makes: words only, addressed by the caller."""

    kind: str
    subject_key: str
    occasion: str
    subject: str
    template: str
    context: dict[str, object]
    locale: str = "en-gb"


def enqueue(letter: Letter, *, to: str, at: datetime) -> OutboxMessage | None:
    """Write a mail to the outbox, in the caller's transaction, and wake the delivery after commit.

    Returns None when the same (kind, subject_key, occasion) was written before: the documented duplicate.
    """
    rendered = render(letter)
    message, created = OutboxMessage.objects.get_or_create(
        kind=letter.kind,
        subject_key=letter.subject_key,
        occasion=letter.occasion,
        defaults={
            "to": to,
            "subject": letter.subject.translate(_CONTROL)[:200],
            "text": rendered["text"],
            "html": rendered["html"],
            "locale": letter.locale,
            "message_id": _message_id(),
            "next_attempt_at": at,
            "created_at": at,
        },
    )
    if not created:
        return None
    _nudge_after_commit([message.pk])
    return message


def alert_staff(letter: Letter, *, at: datetime) -> None:
    """Write a mail to each address that staff named for alerts, in the caller's transaction."""
    for number, address in enumerate(settings.STAFF_ALERT_EMAILS, start=1):
        mine = replace(letter, occasion=f"{letter.occasion[:70]} #{number}".strip())
        enqueue(mine, to=address, at=at)


def render(letter: Letter) -> dict[str, str]:
    """Return the text and HTML bodies of a letter, for the outbox and for the preview page."""
    context = {
        "shop_name": settings.SHOP_NAME,
        "base_url": settings.BASE_URL,
        "subject": letter.subject,
        **letter.context,
    }
    return {
        "text": render_to_string(f"{letter.template}.txt", context).strip() + "\n",
        "html": render_to_string(f"{letter.template}.html", context),
    }


def send_now(message_ids: Iterable[int], *, at: datetime) -> int:
    """Make mails that wait, or were given up, due at once and wake the delivery; return how many.

    One that a worker is sending at this moment may go out twice, under the same Message-ID.
    """
    waiting = (OutboxMessage.Status.PENDING, OutboxMessage.Status.FAILED)
    ids = list(
        OutboxMessage.objects.filter(pk__in=message_ids, status__in=waiting).values_list("pk", flat=True)
    )
    OutboxMessage.objects.filter(pk__in=ids, status__in=waiting).update(
        status=OutboxMessage.Status.PENDING, next_attempt_at=at
    )
    _nudge_after_commit(ids)
    return len(ids)


def send_again(message: OutboxMessage, *, at: datetime) -> None:
    """Send a mail once more, word for word and under the same Message-ID: a mail program that still has the
    first copy may show one of the two.
    """
    OutboxMessage.objects.filter(pk=message.pk).update(
        status=OutboxMessage.Status.PENDING, sent_at=None, next_attempt_at=at, last_error=""
    )
    _nudge_after_commit([message.pk])


def nudge(message_id: int) -> None:
    """Wake the worker for one mail. Only a wake-up: when it is lost, the sweep finds the row."""
    wake(tasks.deliver_message, message_id)


def _nudge_after_commit(message_ids: Iterable[int]) -> None:
    for message_id in message_ids:
        transaction.on_commit(partial(nudge, message_id), robust=True)


def _message_id() -> str:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{uuid.uuid4()}@{domain}>"
