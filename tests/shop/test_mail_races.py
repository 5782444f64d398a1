"""Several workers and one mail: real connections, and the same race without its guard."""

import threading
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import mail
from django.db import connection

from shop.mail import delivery
from shop.mail.models import OutboxMessage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
WORKERS = 6


def written() -> OutboxMessage:
    return OutboxMessage.objects.create(
        kind="refund", subject_key="order:1", to="ada@buyer.example", subject="Hello", text="-", html="-",
        message_id="<1@shop.example>", next_attempt_at=AT, created_at=AT,
    )  # fmt: skip


def race(message: OutboxMessage) -> None:
    """Let every worker deliver the same mail at the same moment."""
    start = threading.Barrier(WORKERS)

    def work() -> None:
        try:
            start.wait(timeout=30)
            delivery.deliver(message.pk, at=AT)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)


def test_a_mail_that_all_workers_want_goes_out_once() -> None:
    message = written()

    race(message)

    message.refresh_from_db()
    assert len(mail.outbox) == 1
    assert (message.status, message.attempts) == ("sent", 1)


def test_without_the_claim_it_would_go_out_more_than_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: every worker reads the row before any of them has marked it."""
    message = written()
    all_have_read = threading.Barrier(WORKERS)

    def unguarded(ids: list[int], *_: Any, **__: Any) -> list[OutboxMessage]:
        found = [OutboxMessage.objects.get(pk=pk) for pk in ids]
        all_have_read.wait(timeout=30)
        return found

    monkeypatch.setattr(delivery, "claim", unguarded)

    race(message)

    assert len(mail.outbox) == WORKERS


def test_a_worker_killed_between_the_server_and_the_commit_repeats_itself_under_one_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = written()

    def killed(*args: Any, **kwargs: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(delivery, "_finish", killed)
        with pytest.raises(SystemExit):
            delivery.deliver(message.pk, at=AT)

    assert delivery.deliver(message.pk, at=AT) is False, "nobody else touches it while it may be on its way"
    assert delivery.deliver(message.pk, at=AT + delivery.SENDING_FOR) is True

    assert [sent.extra_headers["Message-ID"] for sent in mail.outbox] == ["<1@shop.example>"] * 2


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_slow_mail_server_makes_no_second_mail_while_its_worker_is_seen_at_work(
    monkeypatch: pytest.MonkeyPatch, is_seen: bool
) -> None:
    """And the control: without the lock it is sent again once its time is over."""
    message = written()
    sending, go_on = threading.Event(), threading.Event()
    real = delivery._send

    def slowly(message: OutboxMessage, postman: Any) -> None:
        if not sending.is_set():
            sending.set()
            assert go_on.wait(30)
        real(message, postman)

    monkeypatch.setattr(delivery, "_send", slowly)
    if not is_seen:
        monkeypatch.setattr(delivery.alive, "at_work", lambda kind, row_id: nullcontext(True))

    def work() -> None:
        try:
            delivery.deliver(message.pk, at=AT)
        finally:
            connection.close()

    first = threading.Thread(target=work)
    first.start()
    assert sending.wait(30)
    second = delivery.deliver(message.pk, at=AT + delivery.SENDING_FOR)
    go_on.set()
    first.join(30)

    assert second is not is_seen
    assert len(mail.outbox) == (1 if is_seen else 2)
