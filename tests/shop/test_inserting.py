"""A row that is written at most once, while another is about to write the same one."""

import threading
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from shop.inserting import insert_once
from shop.mail.models import OutboxMessage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
UNIQUE = ("kind", "subject_key", "occasion")


def mail(name: str) -> OutboxMessage:
    """Return a mail of the one occasion, unsaved, under a Message-ID of its own."""
    return OutboxMessage(
        kind="refund", subject_key="order:1", to="ada@buyer.example", subject=name, text="-", html="-",
        message_id=f"<{name}@shop.example>", next_attempt_at=AT, created_at=AT,
    )  # fmt: skip


class Second(threading.Thread):
    """Another process that writes the same row in a transaction of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._pid, self._knows = 0, threading.Event()
        self.row, self.is_mine = mail("second"), False

    def run(self) -> None:
        try:
            with transaction.atomic():
                self._pid = connection.connection.info.backend_pid
                self._knows.set()
                self.is_mine = insert_once(self.row, unique=UNIQUE)
        finally:
            connection.close()

    def until_it_waits(self) -> None:
        assert self._knows.wait(10)
        with connection.cursor() as cursor:
            for _ in range(100_000):
                cursor.execute("SELECT cardinality(pg_blocking_pids(%s))", [self._pid])
                if cursor.fetchone()[0]:
                    return
        pytest.fail("it waits for nobody")


@pytest.mark.parametrize("first_stays", [True, False])
def test_who_comes_second_waits_and_writes_only_if_the_first_takes_its_row_back(first_stays: bool) -> None:
    second, first = Second(), mail("first")

    with transaction.atomic():
        assert insert_once(first, unique=UNIQUE) is True
        second.start()
        second.until_it_waits()
        transaction.set_rollback(not first_stays)
    second.join(10)

    assert second.is_mine is not first_stays
    [row] = OutboxMessage.objects.all()
    winner = first if first_stays else second.row
    assert (row.pk, row.subject) == (winner.pk, winner.subject)


def test_a_transaction_goes_on_after_it_came_second() -> None:
    """And the control: after a plain insert nothing more can be written in it."""
    insert_once(mail("first"), unique=UNIQUE)

    with transaction.atomic():
        assert insert_once(mail("second"), unique=UNIQUE) is False
        OutboxMessage.objects.update(subject="still here")
    with pytest.raises(IntegrityError), transaction.atomic():
        mail("third").save()

    assert [row.subject for row in OutboxMessage.objects.all()] == ["still here"]


def test_another_constraint_is_no_reason_to_be_silent() -> None:
    insert_once(mail("first"), unique=UNIQUE)
    twin = mail("first")
    twin.occasion = "another"

    with pytest.raises(IntegrityError, match="message_id"):
        insert_once(twin, unique=UNIQUE)
