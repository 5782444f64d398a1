"""Idempotency keys: a twin waits, a replay is answered, a crashed owner's row unlocks."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from shop.api import idempotency
from shop.api.models import IdempotencyKey
from shop.api.parsers import StrictJSONParser
from shop.exceptions import Conflict, InvalidInput

pytestmark = pytest.mark.django_db


def _request(body: Any = None, key: str = "k-1") -> Request:
    raw = APIRequestFactory().post("/x", body or {}, format="json", headers={"Idempotency-Key": key})
    return Request(raw, parsers=[StrictJSONParser()])


def _run(request: Request, work: Any, caller: str = "c") -> Response:
    return idempotency.run_once(request, caller=caller, work=work)


def test_the_work_is_done_once() -> None:
    done = []

    def work() -> Response:
        done.append(1)
        return Response({"n": len(done)}, status=201)

    first, second = _run(_request(), work), _run(_request(), work)

    assert (first.data, second.data) == ({"n": 1}, {"n": 1})
    assert second.status_code == 201


def test_keys_of_different_callers_are_different() -> None:
    _run(_request(), lambda: Response({"n": 1}))

    assert _run(_request(), lambda: Response({"n": 2}), caller="other").data == {"n": 2}


def test_a_twin_at_work_is_told_to_wait() -> None:
    def meet_the_twin() -> Response:
        with pytest.raises(idempotency.KeyInUse) as refusal:
            _run(_request(), lambda: Response({}))
        assert refusal.value.extra["retry_after"] == 1
        return Response({"n": 1})

    assert _run(_request(), meet_the_twin).data == {"n": 1}


def test_the_row_of_a_crashed_owner_unlocks() -> None:
    _run(_request(), lambda: Response({"n": 1}))
    long_ago = timezone.now() - idempotency.LOCK_FOR - timedelta(seconds=1)
    IdempotencyKey.objects.update(status="running", response_status=None, locked_at=long_ago)

    assert _run(_request(), lambda: Response({"n": 2})).data == {"n": 2}


def test_a_refusal_is_not_kept() -> None:
    def refuse() -> Response:
        raise Conflict("sold out")

    with pytest.raises(Conflict):
        _run(_request(), refuse)

    assert not IdempotencyKey.objects.exists()
    assert _run(_request(), lambda: Response({"n": 1})).data == {"n": 1}


@pytest.mark.parametrize("key", ["x" * 256, "a\tb"])
def test_an_unusable_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput):
        _run(_request(key=key), lambda: Response({}))


def test_a_required_key_is_asked_for() -> None:
    with pytest.raises(InvalidInput):
        idempotency.run_once(_request(key=""), caller="c", work=lambda: Response({}), required=True)


@pytest.mark.parametrize("fails", [True, False])
def test_a_slow_owner_leaves_the_row_of_who_took_over_alone(fails: bool) -> None:
    now = timezone.now()

    def taken_over_meanwhile() -> Response:
        IdempotencyKey.objects.update(locked_at=now)
        if fails:
            raise Conflict("too late")
        return Response({"by": "the slow one"})

    if fails:
        with pytest.raises(Conflict):
            _run(_request(), taken_over_meanwhile)
    else:
        _run(_request(), taken_over_meanwhile)

    row = IdempotencyKey.objects.get()
    assert (row.status, row.locked_at, row.response_body) == ("running", now, None)
    with pytest.raises(idempotency.KeyInUse):
        _run(_request(), lambda: Response({"by": "a third"}))


def test_a_slow_owner_does_not_overwrite_a_newer_answer() -> None:
    def taken_over_meanwhile() -> Response:
        long_ago = timezone.now() - idempotency.LOCK_FOR - timedelta(seconds=1)
        IdempotencyKey.objects.update(locked_at=long_ago)
        _run(_request(), lambda: Response({"by": "the new owner"}))
        return Response({"by": "the slow one"})

    _run(_request(), taken_over_meanwhile)

    assert _run(_request(), lambda: Response({"by": "a third"})).data == {"by": "the new owner"}


def test_answers_are_forgotten_after_two_days() -> None:
    _run(_request(), lambda: Response({"n": 1}))
    created_at = IdempotencyKey.objects.get().created_at

    assert idempotency.purge(at=created_at + timedelta(hours=48)) == 0
    assert idempotency.purge(at=created_at + timedelta(hours=48, seconds=1)) == 1
    assert not IdempotencyKey.objects.exists()
