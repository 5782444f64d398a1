"""A heap of mails is sent in turns, over few connections; a mail server that is down is left in peace."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from smtplib import SMTPDataError, SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection

from shop.clock import reading
from shop.mail import delivery, draining, outbox, tasks
from shop.mail.models import OutboxMessage

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


class Server(EmailBackend):
    """A mail server that counts its callers, may be down, and may not like a mail."""

    calls = 0
    is_down = False
    answer: Callable[[str], None] = staticmethod(lambda to: None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_open = False

    def open(self) -> bool:
        if self.is_open:
            return False
        type(self).calls += 1
        if self.is_down:
            raise ConnectionRefusedError("no mail server")
        self.is_open = True
        return True

    def close(self) -> None:
        self.is_open = False

    def send_messages(self, messages: Any) -> int:
        assert self.is_open
        for message in messages:
            self.answer(message.to[0])
        return super().send_messages(messages)


@pytest.fixture(autouse=True)
def server(settings: Any) -> Iterator[type[Server]]:
    settings.EMAIL_BACKEND = f"{__name__}.Server"
    yield Server
    Server.calls, Server.is_down, Server.answer = 0, False, staticmethod(lambda to: None)


def write(count: int, at: datetime = AT) -> list[OutboxMessage]:
    return OutboxMessage.objects.bulk_create(
        OutboxMessage(
            kind="test", subject_key=f"order:{n}", to=f"ada{n}@buyer.example", subject="Hello", text="-",
            html="-", message_id=f"<{n}@shop.example>", next_attempt_at=at, created_at=at,
        )
        for n in range(count)
    )  # fmt: skip


def statuses() -> dict[str, int]:
    return dict(Counter(OutboxMessage.objects.values_list("status", flat=True)))


@pytest.mark.django_db
def test_a_heap_is_sent_in_one_turn_with_a_connection_for_fifty(server: type[Server]) -> None:
    rows = write(120)

    assert draining.drain(clock=lambda: AT) is False

    assert statuses() == {"sent": 120}
    assert [sent.extra_headers["Message-ID"] for sent in mail.outbox] == [row.message_id for row in rows]
    assert server.calls == 3


@pytest.mark.django_db
def test_a_server_that_is_down_is_called_once_a_turn_and_all_others_stay_due(server: type[Server]) -> None:
    first, *others = write(60)
    server.is_down = True

    assert draining.drain(clock=lambda: AT) is False

    first.refresh_from_db()
    assert server.calls == 1
    assert (first.attempts, first.next_attempt_at) == (1, AT + timedelta(minutes=1))
    assert delivery.due_ids(at=AT) == [row.pk for row in others]
    assert not OutboxMessage.objects.filter(pk__in=[row.pk for row in others], attempts__gt=0).exists()

    server.is_down = False
    assert draining.drain(clock=lambda: AT + timedelta(minutes=1)) is False
    assert statuses() == {"sent": 60}
    assert len(mail.outbox) == 60


@pytest.mark.django_db
def test_a_server_that_takes_nothing_is_not_asked_again_and_again(server: type[Server]) -> None:
    def busy(to: str) -> None:
        raise SMTPDataError(451, b"try later")

    write(60)
    server.answer = staticmethod(busy)

    assert draining.drain(clock=lambda: AT) is False

    assert server.calls == 3
    assert OutboxMessage.objects.filter(attempts=1).count() == 3
    assert len(delivery.due_ids(at=AT)) == 57


@pytest.mark.django_db
def test_one_mail_that_a_server_hangs_up_on_stops_no_other(server: type[Server]) -> None:
    def touchy(to: str) -> None:
        if to == "ada1@buyer.example":
            raise SMTPServerDisconnected("gone")

    write(10)
    server.answer = staticmethod(touchy)

    assert draining.drain(clock=lambda: AT) is False

    assert statuses() == {"sent": 9, "pending": 1}
    assert server.calls == 2


@pytest.mark.django_db
def test_what_a_slow_server_leaves_over_is_given_back_before_others_may_take_it(
    server: type[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each mail takes four seconds: a batch ends after the third, a turn after sixty seconds."""
    clock = [AT]

    def slow(to: str) -> None:
        clock[0] += timedelta(seconds=4)
        taken = OutboxMessage.objects.filter(status="pending", next_attempt_at__gt=clock[0]).count()
        assert taken > 0, "its claim has not run out"

    write(30)
    server.answer = staticmethod(slow)
    woken: list[str] = []
    monkeypatch.setattr(reading, "now", lambda: clock[0])
    monkeypatch.setattr(tasks, "wake", lambda task: woken.append(task.name))

    tasks.sweep_outbox()

    assert statuses() == {"sent": 15, "pending": 15}
    assert len(delivery.due_ids(at=clock[0])) == 15, "nothing is left claimed"
    assert woken == ["mail.sweep_outbox"]
    tasks.sweep_outbox()
    assert statuses() == {"sent": 30}
    assert len(mail.outbox) == 30


@pytest.mark.django_db(transaction=True)
@pytest.mark.race
@pytest.mark.parametrize("is_guarded", [True, False])
def test_two_workers_share_a_heap(is_guarded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the control: without the claim both send the same."""
    write(100)
    start = threading.Barrier(2)
    if not is_guarded:
        monkeypatch.setattr(delivery, "claim", unguarded(threading.Barrier(2)))

    def work() -> None:
        try:
            start.wait(30)
            draining.drain(clock=lambda: AT)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert statuses() == {"sent": 100}
    most = max(Counter(sent.to[0] for sent in mail.outbox).values())
    assert most == (1 if is_guarded else 2)


def unguarded(both_have_read: threading.Barrier) -> Callable[..., list[OutboxMessage]]:
    def claim(ids: Any, alone: Any, *, at: datetime) -> list[OutboxMessage]:
        rows = [row for row in OutboxMessage.objects.filter(pk__in=ids) if row.status == "pending"]
        if rows and rows[0].message_id == "<0@shop.example>":
            both_have_read.wait(30)
        return rows

    return claim


@pytest.mark.django_db(transaction=True)
@pytest.mark.race
def test_a_third_worker_has_nothing_to_do_while_two_are_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, leave = threading.Barrier(3), threading.Event()

    def busy(clock: object) -> bool:
        inside.wait(30)
        assert leave.wait(30)
        return False

    with monkeypatch.context() as patched:
        patched.setattr(draining, "_drain", busy)

        def work() -> None:
            try:
                draining.drain(clock=lambda: AT)
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        inside.wait(30)
        third = draining.drain(clock=lambda: pytest.fail("it looks at the outbox"))
        leave.set()
        for thread in threads:
            thread.join(30)

    assert third is False
    write(1)
    draining.drain(clock=lambda: AT)
    assert statuses() == {"sent": 1}


@pytest.mark.django_db
def test_a_mail_taken_back_while_others_of_its_batch_are_sent_stays_at_home(server: type[Server]) -> None:
    def pays(to: str) -> None:
        outbox.withdraw(kind="test", subject_key="order:2", reason="It is paid.")

    write(3)
    server.answer = staticmethod(pays)

    assert draining.drain(clock=lambda: AT) is False

    assert [sent.to for sent in mail.outbox] == [["ada0@buyer.example"], ["ada1@buyer.example"]]
    assert statuses() == {"sent": 2, "withdrawn": 1}


@pytest.mark.django_db
def test_a_mail_whose_last_look_breaks_waits_alone(settings: Any) -> None:
    """A mistake in who wrote it: neither the rest of its batch nor what was written later waits with it."""
    first, second, third = write(3)
    OutboxMessage.objects.filter(pk=second.pk).update(kind="broken")
    settings.MAIL_LAST_LOOKS = {"broken": f"{__name__}.broken_look"}

    assert draining.drain(clock=lambda: AT) is False

    second.refresh_from_db()
    assert [sent.to for sent in mail.outbox] == [[first.to], [third.to]]
    assert (second.status, second.attempts) == ("pending", 1)
    assert second.next_attempt_at == AT + timedelta(minutes=1)
    assert second.last_error == "ZeroDivisionError: a mistake"


def broken_look(message: OutboxMessage, *, at: datetime) -> bool:
    raise ZeroDivisionError("a mistake")


@pytest.mark.django_db
def test_a_worker_killed_in_its_batch_repeats_one_mail_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the server's answer and our row; the rest of the batch is due again when its claim is over."""
    write(4)
    real = delivery._finish

    def killed(message: OutboxMessage, **how: Any) -> None:
        if message.to == "ada1@buyer.example":
            raise SystemExit
        real(message, **how)

    with monkeypatch.context() as patched:
        patched.setattr(delivery, "_finish", killed)
        with pytest.raises(SystemExit):
            draining.drain(clock=lambda: AT)

    assert draining.drain(clock=lambda: AT) is False
    assert len(mail.outbox) == 2, "nobody else touches it while it may be on its way"
    draining.drain(clock=lambda: AT + delivery.SENDING_FOR)
    names = Counter(sent.extra_headers["Message-ID"] for sent in mail.outbox)
    assert names == {f"<{n}@shop.example>": 1 + (n == 1) for n in range(4)}
    assert statuses() == {"sent": 4}
