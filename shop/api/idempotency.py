"""`Idempotency-Key` on requests that create or move money.

A row is written before the work. A concurrent twin gets 409 with Retry-After, a replay the stored answer,
and the same key with another request 422. A row whose owner crashed unlocks after `LOCK_FOR`. Only success
is stored: a refusal wrote nothing, so asking again may find that stock has come back.

Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils import encoders

from shop.api.models import IdempotencyKey
from shop.clock import reading
from shop.exceptions import Conflict, InvalidInput, Unprocessable

HEADER = "Idempotency-Key"
LOCK_FOR = timedelta(seconds=60)
KEPT_FOR = timedelta(hours=48)


class KeyInUse(Conflict):
    code = "idempotency_key_in_use"
    title = "The same request is still being worked on"


class KeyReused(Unprocessable):
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request"


def run_once(
    request: Request, *, caller: str, work: Callable[[], Response], required: bool = False
) -> Response:
    """Run `work` once per (Idempotency-Key, caller) and return its answer, stored or fresh.

    Without the header `work` simply runs, unless `required`.
    :raises InvalidInput: if the header is missing though required, or longer than 255 characters.
    """
    key = request.headers.get(HEADER, "")
    if not key:
        if required:
            raise InvalidInput(f"Send an {HEADER} header.", fields={HEADER: ["This header is required."]})
        return work()
    if len(key) > 255 or not key.isprintable():
        raise InvalidInput(
            f"The {HEADER} header is not usable.", fields={HEADER: ["At most 255 printable characters."]}
        )
    row = _claim(key, caller, _fingerprint(request), at=reading.now())
    if row.status == IdempotencyKey.Status.DONE:
        stored = Response(json.loads(row.response_body or "null"), status=row.response_status)
        stored["Idempotent-Replayed"] = "true"
        return stored
    try:
        answer = work()
    except BaseException:
        _mine(row).delete()
        raise
    _finish(row, answer)
    return answer


def _finish(row: IdempotencyKey, answer: Response) -> None:
    if answer.status_code >= 300:
        _mine(row).delete()
        return
    body = json.dumps(answer.data, cls=encoders.JSONEncoder)
    _mine(row).update(
        status=IdempotencyKey.Status.DONE, response_status=answer.status_code, response_body=body
    )


def purge(*, at: datetime) -> int:
    """Forget answers older than `KEPT_FOR`, which hold what a client needs to pay; return how many."""
    return IdempotencyKey.objects.filter(created_at__lt=at - KEPT_FOR).delete()[0]


def _mine(row: IdempotencyKey) -> QuerySet[IdempotencyKey]:
    """Our row, unless somebody took it over because we were too slow."""
    running = IdempotencyKey.Status.RUNNING
    return IdempotencyKey.objects.filter(pk=row.pk, status=running, locked_at=row.locked_at)


def _claim(key: str, caller: str, fingerprint: str, *, at: datetime) -> IdempotencyKey:
    """Return our running row, or the finished row of an earlier twin."""
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(
                key=key, caller=caller, fingerprint=fingerprint, locked_at=at, created_at=at
            )
    except IntegrityError:
        row = IdempotencyKey.objects.filter(key=key, caller=caller).first()
    if row is None:
        raise KeyInUse("Try again in a second.", retry_after=1)
    if row.fingerprint != fingerprint:
        raise KeyReused("Use a new key for a new request.")
    if row.status == IdempotencyKey.Status.DONE:
        return row
    taken_over = IdempotencyKey.objects.filter(
        pk=row.pk, status=IdempotencyKey.Status.RUNNING, locked_at=row.locked_at, locked_at__lt=at - LOCK_FOR
    ).update(locked_at=at)
    if not taken_over:
        raise KeyInUse("Wait for the first answer, then ask again.", retry_after=1)
    row.locked_at = at
    return row


def _fingerprint(request: Request) -> str:
    body = json.dumps(request.data, sort_keys=True)
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()
