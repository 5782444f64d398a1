"""Several workers and one mail: real connections, and the same race without its guard."""

import threading
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

    def unguarded(message_id: int, **_: Any) -> OutboxMessage:
        found = OutboxMessage.objects.get(pk=message_id)
        all_have_read.wait(timeout=30)
        return found

    monkeypatch.setattr(delivery, "_claim", unguarded)

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
