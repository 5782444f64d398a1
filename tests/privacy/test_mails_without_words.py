"""A mail that was written without its words holds a person all the same: in its context."""

from datetime import timedelta

import pytest

from shop.accounts.models import User
from shop.mail import outbox
from shop.mail.models import OutboxMessage
from shop.privacy import erasure, export, retention
from tests.factories.catalog import AT
from tests.shop.test_mails_drawn_late import LETTER

pytestmark = pytest.mark.django_db

EMAIL = "ada@buyer.example"


@pytest.fixture
def _suppressed() -> None:
    outbox.enqueue_many([(LETTER, EMAIL)], at=AT)
    OutboxMessage.objects.update(status="suppressed")


def _is_blank() -> bool:
    row = OutboxMessage.objects.get()
    return (row.subject, row.text, row.html, row.template, row.context) == ("", "", "", "", {})


@pytest.mark.usefixtures("_suppressed")
def test_the_export_holds_its_words_and_not_how_it_is_drawn() -> None:
    user = User.objects.create_user(EMAIL, "seven green otters")

    [told] = export.export(user, at=AT)["mails"]

    assert "Visa ending in 4242" in told["text"]
    assert {"template", "context"} & set(told) == set()


@pytest.mark.usefixtures("_suppressed")
def test_retention_takes_its_context() -> None:
    done = retention.sweep(at=AT + timedelta(days=3000))

    assert done["mails"] == 1
    assert _is_blank()
    assert retention.sweep(at=AT + timedelta(days=3000))["mails"] == 0


@pytest.mark.usefixtures("_suppressed")
def test_an_erasure_takes_its_context() -> None:
    erasure._drop_by_address(EMAIL)

    assert _is_blank()
