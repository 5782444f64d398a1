"""Rows written by COPY are rows like all others: ids, JSON, constraints and triggers included."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from orders.models import BillingCycle
from shop import copying
from shop.mail.models import OutboxMessage
from tests.factories.catalog import AT, make_variant
from tests.orders.subscriptions.routine import Routine

pytestmark = pytest.mark.django_db


def _mail(number: int, **fields: object) -> OutboxMessage:
    defaults = {
        "kind": "test", "subject_key": f"order:{number}", "to": "ada@buyer.example", "subject": "Tab\tand \\N",
        "template": "mail/base", "context": {"words": ["Grüße", "a\tb\n", '"c"', None]},
        "message_id": f"<{number}@shop>", "next_attempt_at": AT, "created_at": AT,
    }  # fmt: skip
    return OutboxMessage(**{**defaults, **fields})


def test_rows_come_back_as_they_were_given_and_know_their_keys() -> None:
    given = [_mail(number) for number in range(3)]

    copying.insert(given)

    found = list(OutboxMessage.objects.order_by("pk"))
    assert found == given
    assert [row.subject_key for row in found] == ["order:0", "order:1", "order:2"]
    assert {(row.subject, row.status, row.sent_at, row.locale) for row in found} == {
        ("Tab\tand \\N", "pending", None, "en-gb")
    }
    assert found[0].context == given[0].context


def test_a_constraint_refuses_all_of_them() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        copying.insert([_mail(1), _mail(1, message_id="<other@shop>")])

    assert not OutboxMessage.objects.exists()


def test_nothing_is_written_of_nothing() -> None:
    copying.insert([])

    assert not OutboxMessage.objects.exists()


def test_triggers_fire(regions: None) -> None:
    (subscription,) = Routine(AT).begin((make_variant(), 1, "week", 4))
    BillingCycle.objects.all().delete()

    copying.insert(
        [BillingCycle(subscription=subscription, index=7, due_on=AT.date(), due_at=AT + timedelta(days=1))]
    )

    assert BillingCycle.objects.get().reminder == "long"
