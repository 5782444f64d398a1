"""Writing mails down. A mail exists from the moment that its fact is committed, or not at all."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parseaddr
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction

from shop import copying
from shop.characters import one_line
from shop.exceptions import Conflict
from shop.inserting import insert_once
from shop.mail import rendering, tasks
from shop.mail.models import OutboxMessage
from shop.wake import wake

_Status = OutboxMessage.Status
# A copy of these may be sent; what was withdrawn is no longer true, and what waits goes by itself.
CAN_GO_AGAIN = frozenset({_Status.SENT, _Status.FAILED, _Status.SUPPRESSED})
# Whether mails are written by the thousand in this moment: see `by_the_thousand`.
_are_many: ContextVar[bool] = ContextVar("_are_many", default=False)


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


class AlreadyWaiting(Conflict):
    code = "already_waiting"
    title = "It waits to be sent already"


def enqueue(
    letter: Letter, *, to: str, at: datetime, not_before: datetime | None = None
) -> OutboxMessage | None:
    """Write a mail to the outbox, in the caller's transaction, and wake the delivery after commit.

    With `not_before` it waits, and `withdraw` can take it back until then.
    Returns None when the same (kind, subject_key, occasion) was written before: the documented duplicate.
    """
    is_late = _are_many.get()
    message = OutboxMessage(
        kind=letter.kind,
        subject_key=letter.subject_key,
        occasion=letter.occasion,
        to=to,
        subject=one_line(letter.subject)[:200],
        **(_without_words(letter) if is_late else render(letter)),
        locale=letter.locale,
        message_id=_message_id(),
        next_attempt_at=not_before or at,
        created_at=at,
    )
    if not insert_once(message, unique=("kind", "subject_key", "occasion")):
        return None
    if not_before is None and not is_late:
        _nudge_after_commit([message.pk])
    return message


@contextmanager
def by_the_thousand() -> Iterator[None]:
    """Let mails that are enqueued while the block runs be drawn when they are delivered, as `enqueue_many`
    does, and wake one sweep for all of them. Their contexts have to hold plain values only.
    """
    token = _are_many.set(True)
    try:
        yield
    finally:
        _are_many.reset(token)
        transaction.on_commit(nudge_sweep, robust=True)


def enqueue_many(letters: Sequence[tuple[Letter, str]], *, at: datetime) -> list[OutboxMessage]:
    """Write many mails, each with its address, in one statement of the caller's transaction.

    They are kept without words: these are drawn when a mail is delivered (see `rendering`), so a context
    holds plain values only. One wake-up for all. Never for an occasion that may exist already.
    :raises django.db.IntegrityError: if one of the occasions was written before.
    """
    if not letters:
        return []
    domain = _domain()
    written = [
        OutboxMessage(
            kind=letter.kind,
            subject_key=letter.subject_key,
            occasion=letter.occasion,
            to=to,
            subject=one_line(letter.subject)[:200],
            locale=letter.locale,
            **_without_words(letter),
            message_id=_message_id(domain),
            next_attempt_at=at,
            created_at=at,
        )
        for letter, to in letters
    ]
    copying.insert(written)
    transaction.on_commit(nudge_sweep, robust=True)
    return written


def withdraw(*, kind: str, subject_key: str, reason: str) -> None:
    """Take back what waits unsent: what it says is no longer so. Nothing to do for what went out."""
    OutboxMessage.objects.filter(kind=kind, subject_key=subject_key, status=_Status.PENDING).update(
        status=_Status.WITHDRAWN, last_error=reason
    )


def alert_staff(letter: Letter, *, at: datetime) -> None:
    """Write a mail to each address that staff named for alerts, in the caller's transaction."""
    for number, address in enumerate(settings.STAFF_ALERT_EMAILS, start=1):
        mine = replace(letter, occasion=f"{letter.occasion[:70]} #{number}".strip())
        enqueue(mine, to=address, at=at)


def render(letter: Letter) -> rendering.Words:
    """Return the text and HTML bodies of a letter, for the outbox and for the preview page."""
    return rendering.draw(
        template=letter.template, subject=letter.subject, context=letter.context, locale=letter.locale
    )


def send_now(message_ids: Iterable[int], *, at: datetime) -> int:
    """Make mails that wait, were given up or were suppressed due at once and wake the delivery; return how
    many. One to an address that is still suppressed stays at home again.

    One that a worker is sending at this moment may go out twice, under the same Message-ID.
    """
    waiting = (_Status.PENDING, _Status.FAILED, _Status.SUPPRESSED)
    ids = list(
        OutboxMessage.objects.filter(pk__in=message_ids, status__in=waiting).values_list("pk", flat=True)
    )
    OutboxMessage.objects.filter(pk__in=ids, status__in=waiting).update(
        status=_Status.PENDING, next_attempt_at=at
    )
    _nudge_after_commit(ids)
    return len(ids)


@transaction.atomic
def send_copy(message: OutboxMessage, *, actor: Any, at: datetime) -> OutboxMessage:
    """Send a mail once more, word for word: an occasion of its own, which says who asked for it.

    :raises AlreadyWaiting: while it, or an earlier copy, has not gone out, or if it was taken back.
    """
    first = OutboxMessage.objects.select_for_update().get(pk=message.copy_of_id or message.pk)
    family = [first, *first.copies.all()]
    if message.status not in CAN_GO_AGAIN or any(one.status == _Status.PENDING for one in family):
        raise AlreadyWaiting("It is on its way already. Look whether it goes out before you send another.")
    words = rendering.words_of(first)
    copy = OutboxMessage.objects.create(
        kind=first.kind,
        subject_key=first.subject_key,
        occasion=f"{first.occasion[:66]} copy-{len(family)}".strip(),
        to=first.to,
        subject=first.subject,
        text=words["text"],
        html=words["html"],
        locale=first.locale,
        message_id=_message_id(),
        next_attempt_at=at,
        created_at=at,
        copy_of=first,
        requested_by=actor,
    )
    _nudge_after_commit([copy.pk])
    return copy


def nudge(message_id: int) -> None:
    """Wake the worker for one mail. Only a wake-up: when it is lost, the sweep finds the row."""
    wake(tasks.deliver_message, message_id)


def nudge_sweep() -> None:
    """Wake the worker for whatever waits."""
    wake(tasks.sweep_outbox)


def _nudge_after_commit(message_ids: Iterable[int]) -> None:
    for message_id in message_ids:
        transaction.on_commit(partial(nudge, message_id), robust=True)


def _without_words(letter: Letter) -> dict[str, Any]:
    """Return what words are drawn from when a mail is delivered."""
    return {"template": letter.template, "context": letter.context}


def _message_id(domain: str = "") -> str:
    return f"<{uuid.uuid4()}@{domain or _domain()}>"


def _domain() -> str:
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
