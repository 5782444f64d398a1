"""A row that is written at most once, while another is about to write the same one."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from shop.inserting import insert_once
from shop.mail.models import OutboxMessage
from tests.waits import Waiter

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
UNIQUE = ("kind", "subject_key", "occasion")


def mail(name: str) -> OutboxMessage:
    """Return a mail of the one occasion, unsaved, under a Message-ID of its own."""
    return OutboxMessage(
        kind="refund", subject_key="order:1", to="ada@buyer.example", subject=name, text="-", html="-",
        message_id=f"<{name}@shop.example>", next_attempt_at=AT, created_at=AT,
    )  # fmt: skip


@pytest.mark.parametrize("first_stays", [True, False])
def test_who_comes_second_waits_and_writes_only_if_the_first_takes_its_row_back(first_stays: bool) -> None:
    first, theirs = mail("first"), mail("second")
    second = Waiter(lambda: insert_once(theirs, unique=UNIQUE))

    with transaction.atomic():
        assert insert_once(first, unique=UNIQUE) is True
        second.start()
        second.until_it_waits()
        transaction.set_rollback(not first_stays)
    second.join(10)

    assert second.found is not first_stays
    [row] = OutboxMessage.objects.all()
    winner = first if first_stays else theirs
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
