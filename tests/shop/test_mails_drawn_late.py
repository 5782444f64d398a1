"""Mails that are written without their words: drawn once when they are sent, and nobody notices before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from shop.accounts.models import User
from shop.mail import delivery, outbox, rendering
from shop.mail.models import OutboxMessage
from shop.mail.outbox import Letter

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
LETTER = Letter(
    kind="refill_upcoming",
    subject_key="refill:R-1",
    occasion="notice-1",
    subject="Your refill on 21 December: £39.70 [R-1]",
    template="orders/mail/refill_upcoming",
    context={
        "rows": [{"name": "Flakes <b>, 1 kg", "quantity": 2, "amount": "£22.50"}],
        "total": "£39.70",
        "day": "21 December",
        "card": "Visa ending in 4242",
        "is_test": False,
        "url": "http://testserver/o/token",
    },
)


class BrokenBackend(EmailBackend):
    def send_messages(self, messages: Any) -> int:
        raise ConnectionRefusedError("no mail server")


def _write(count: int = 1) -> list[OutboxMessage]:
    letters = [(replace(LETTER, subject_key=f"refill:R-{n}"), f"ada{n}@buyer.example") for n in range(count)]
    return outbox.enqueue_many(letters, at=AT)


def test_it_says_what_one_drawn_at_once_says() -> None:
    (late,) = _write()
    now = outbox.enqueue(replace(LETTER, occasion="notice-2"), to="ada@buyer.example", at=AT)
    assert now
    assert (late.text, late.html) == ("", "")

    assert delivery.deliver(late.pk, at=AT) is True

    late.refresh_from_db()
    assert (late.text, late.html) == (now.text, now.html)
    assert (late.template, late.context, late.status) == ("", {}, "sent")
    assert "£39.70" in mail.outbox[0].body
    assert "Flakes &lt;b&gt;, 1 kg" in late.html


def test_a_retry_sends_the_same_words_under_the_same_name(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (message,) = _write()
    working, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.BrokenBackend"
    assert delivery.deliver(message.pk, at=AT) is False
    message.refresh_from_db()
    said = message.text

    settings.EMAIL_BACKEND, settings.SHOP_NAME = working, "Another Shop"
    assert delivery.deliver_due(at=AT + timedelta(minutes=1)) == 1

    assert mail.outbox[0].body == said
    assert "Another Shop" not in said
    assert mail.outbox[0].extra_headers["Message-ID"] == message.message_id


def test_one_that_cannot_be_drawn_waits_and_the_others_go() -> None:
    first, second = _write(2)
    OutboxMessage.objects.filter(pk=first.pk).update(template="orders/mail/no_such")

    assert delivery.deliver_due(at=AT) == 1

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, first.attempts, second.status) == ("pending", 1, "sent")
    assert first.next_attempt_at == AT + timedelta(minutes=1)
    assert "TemplateDoesNotExist" in first.last_error


def test_a_thousand_reminders_hold_up_no_other_mail() -> None:
    reminders = [message.pk for message in _write(3)]
    other = outbox.enqueue(replace(LETTER, kind="order_confirmation"), to="bo@buyer.example", at=AT)
    assert other

    assert delivery.due_ids(at=AT) == [other.pk, *reminders]
    assert delivery.due_ids(at=AT, limit=2) == [other.pk, reminders[0]]


def test_a_suppressed_mail_is_not_drawn_and_its_copy_says_the_words() -> None:
    (message,) = _write()
    OutboxMessage.objects.update(status="suppressed")

    copy = outbox.send_copy(message_now(message), actor=None, at=AT)

    message.refresh_from_db()
    assert (message.text, message.template) == ("", LETTER.template)
    assert copy.template == ""
    assert "£39.70" in copy.text
    assert "£39.70" in copy.html


def message_now(message: OutboxMessage) -> OutboxMessage:
    return OutboxMessage.objects.get(pk=message.pk)


def test_staff_see_what_it_will_say_and_nothing_is_kept_by_looking(client: Client) -> None:
    (message,) = _write()
    client.force_login(User.objects.create_superuser("boss@shop.example", "-"))

    page = client.get(reverse("admin:mail_outboxmessage_change", args=[message.pk])).content.decode()

    assert "Visa ending in 4242" in page
    assert LETTER.template not in page
    assert message_now(message).text == ""


def test_the_page_of_mails_shows_it(client: Client, settings: Any) -> None:
    settings.MAIL_PAGE_ENABLED = True
    _write()

    assert "21 December we charge £39.70" in client.get("/mails").content.decode()


def test_an_occasion_that_was_told_is_refused_with_all_others() -> None:
    _write()

    with pytest.raises(IntegrityError), transaction.atomic():
        _write(2)

    assert OutboxMessage.objects.count() == 1


def test_a_mail_has_words_or_a_template_and_never_both() -> None:
    (message,) = _write()

    with pytest.raises(IntegrityError), transaction.atomic():
        OutboxMessage.objects.filter(pk=message.pk).update(text="words")
    with pytest.raises(IntegrityError), transaction.atomic():
        OutboxMessage.objects.filter(pk=message.pk).update(status="sent", sent_at=AT)

    rendering.settle(message)
    assert message_now(message).text.startswith("Your next refill")
