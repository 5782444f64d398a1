"""Mails: written with their fact, sent once, retried under the same name, never in the way of money."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction

from shop.clock import reading
from shop.mail import delivery, outbox, suppression, tasks
from shop.mail.models import OutboxMessage
from shop.mail.outbox import Letter

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
BROKEN = "tests.shop.test_outbox.BrokenBackend"


class BrokenBackend(EmailBackend):
    """A mail server that refuses the connection."""

    def send_messages(self, messages: Any) -> int:
        raise ConnectionRefusedError("no mail server")


def _letter(**changes: Any) -> Letter:
    values: dict[str, Any] = {
        "kind": "test",
        "subject_key": "order:1",
        "occasion": "",
        "subject": "Hello",
        "template": "mail/base",
        "context": {},
    }
    return Letter(**{**values, **changes})


@pytest.fixture(autouse=True)
def _plain_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "render", lambda letter: {"text": "text", "html": "<p>html</p>"})


def _enqueue(**changes: Any) -> OutboxMessage | None:
    return outbox.enqueue(_letter(**changes), to="ada@buyer.example", at=AT)


def test_a_mail_is_sent_once_with_both_bodies() -> None:
    message = _enqueue()
    assert message is not None

    assert delivery.deliver(message.pk, at=AT) is True
    assert delivery.deliver(message.pk, at=AT + timedelta(days=1)) is False

    [sent] = mail.outbox
    assert sent.body == "text"
    assert sent.alternatives[0][0] == "<p>html</p>"  # type: ignore[attr-defined]
    assert sent.extra_headers["Message-ID"] == message.message_id


def test_the_same_occasion_is_written_once() -> None:
    assert _enqueue() is not None
    assert _enqueue() is None
    assert _enqueue(occasion="day-15") is not None
    assert OutboxMessage.objects.count() == 2


def test_a_mail_lives_and_dies_with_its_fact() -> None:
    with transaction.atomic():
        _enqueue()
        transaction.set_rollback(True)

    assert not OutboxMessage.objects.exists()


def test_a_retry_keeps_the_message_id_and_waits_longer_each_time(settings: Any) -> None:
    message = _enqueue()
    assert message is not None
    working, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, BROKEN
    assert delivery.deliver(message.pk, at=AT) is False
    message.refresh_from_db()
    assert (message.status, message.attempts) == ("pending", 1)
    assert message.next_attempt_at == AT + timedelta(minutes=1)
    assert "no mail server" in message.last_error

    assert delivery.deliver(message.pk, at=AT + timedelta(minutes=1)) is False
    message.refresh_from_db()
    assert message.next_attempt_at == AT + timedelta(minutes=3)

    settings.EMAIL_BACKEND = working
    assert delivery.deliver_due(at=AT + timedelta(minutes=3)) == 1
    assert mail.outbox[0].extra_headers["Message-ID"] == message.message_id


def test_a_row_of_a_killed_worker_comes_back() -> None:
    message = _enqueue()
    assert message is not None
    OutboxMessage.objects.update(next_attempt_at=AT + delivery.SENDING_FOR)

    assert delivery.deliver_due(at=AT + timedelta(seconds=19)) == 0
    assert delivery.deliver_due(at=AT + delivery.SENDING_FOR) == 1


def test_a_suppressed_address_gets_only_what_the_law_demands() -> None:
    suppression.suppress("ADA@buyer.example", cause="bounced", reason="550 no such user", at=AT)
    ordinary, demanded = _enqueue(), _enqueue(kind="order_confirmation")
    assert ordinary is not None
    assert demanded is not None

    delivery.deliver_due(at=AT)

    ordinary.refresh_from_db()
    demanded.refresh_from_db()
    assert (ordinary.status, demanded.status) == ("suppressed", "sent")


def test_a_subject_cannot_start_another_header() -> None:
    message = _enqueue(subject="Order\r\nBcc: everyone@example.org")
    assert message is not None

    assert message.subject == "Order Bcc: everyone@example.org"
    assert delivery.deliver(message.pk, at=AT) is True
    assert mail.outbox[0].recipients() == ["ada@buyer.example"]


def test_without_a_broker_the_row_waits_for_the_sweep(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: Any) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(outbox.tasks.deliver_message, "delay", gone)
    message = _enqueue()
    assert message is not None

    outbox.nudge(message.pk)

    assert delivery.deliver_due(at=AT) == 1


def test_a_slow_mail_server_does_not_make_a_sweep_send_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mail takes 15 s. Halfway through the third, another worker sweeps with the clock of that moment."""
    rows = [_enqueue(subject_key=f"order:{number}") for number in range(3)]
    clock = [AT]
    sent: list[int] = []

    def slow(message: OutboxMessage, postman: Any) -> None:
        sent.append(message.pk)
        clock[0] += timedelta(seconds=15)
        if len(sent) == 3:
            delivery.deliver_due(at=clock[0])

    monkeypatch.setattr(delivery, "_send", slow)
    monkeypatch.setattr(reading, "now", lambda: clock[0])

    tasks.sweep_outbox()

    assert sent == [row.pk for row in rows if row is not None]
    assert set(OutboxMessage.objects.values_list("status", flat=True)) == {"sent"}
