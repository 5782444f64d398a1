"""What a mail server's no means: try again, give this mail up, or write to that address no more."""

from datetime import UTC, datetime, timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPSenderRefused
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.urls import reverse

from shop.accounts.models import User
from shop.mail import delivery, outbox, suppression
from shop.mail.models import OutboxMessage, SuppressedAddress

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


class Refusing(EmailBackend):
    """A mail server that answers every mail with the error of the moment."""

    error: Exception

    def send_messages(self, messages: Any) -> int:
        raise self.error


@pytest.fixture
def refuse_with(settings: Any) -> Any:
    def refuse(error: Exception) -> None:
        settings.EMAIL_BACKEND = "tests.shop.test_mail_refusals.Refusing"
        Refusing.error = error

    return refuse


def written(*, kind: str = "refund", subject_key: str = "order:1", **fields: Any) -> OutboxMessage:
    defaults = {
        "to": "ada@buyer.example", "subject": "Hello", "text": "text", "html": "<p>html</p>",
        "message_id": f"<{kind}-{subject_key}@shop.example>", "next_attempt_at": AT, "created_at": AT,
    }  # fmt: skip
    return OutboxMessage.objects.create(kind=kind, subject_key=subject_key, **{**defaults, **fields})


def recipients(code: int, words: str) -> SMTPRecipientsRefused:
    return SMTPRecipientsRefused({"ada@buyer.example": (code, words.encode())})


@pytest.mark.parametrize(
    ("error", "status", "is_suppressed"),
    [
        (recipients(550, "5.1.1 No such user"), "failed", True),
        (recipients(550, "User unknown"), "failed", True),
        (recipients(550, "5.7.1 Blocked by policy"), "failed", False),
        (recipients(552, "5.2.2 Mailbox full"), "failed", False),
        (recipients(550, "5.2.1 Mailbox disabled"), "failed", True),
        (recipients(450, "4.2.1 Try again"), "pending", False),
        (SMTPDataError(554, b"5.6.0 Message refused"), "failed", False),
        (SMTPDataError(451, b"4.3.0 Later"), "pending", False),
        (SMTPSenderRefused(550, b"Sender unknown", "orders@shop.example"), "pending", False),
        (ConnectionRefusedError("nobody there"), "pending", False),
        (ValueError("Header values can't contain newlines"), "failed", False),
    ],
    ids=str,
)
def test_only_what_is_refused_for_good_is_given_up(
    error: Exception, status: str, is_suppressed: bool, refuse_with: Any
) -> None:
    message = written()
    refuse_with(error)

    assert delivery.deliver(message.pk, at=AT) is False

    message.refresh_from_db()
    assert (message.status, message.attempts, message.sent_at) == (status, 1, None)
    assert message.last_error
    assert suppression.is_suppressed("Ada@Buyer.example", kind="refill_paid") is is_suppressed
    assert delivery.due_ids(at=AT + timedelta(days=30)) == ([message.pk] if status == "pending" else [])


def test_a_mail_that_cannot_be_built_does_not_keep_the_others_waiting() -> None:
    poisoned = written(to="ada@buyer.example\nBcc: all@shop.example")
    good = written(subject_key="order:2")

    assert delivery.deliver_due(at=AT) == 1

    poisoned.refresh_from_db()
    good.refresh_from_db()
    assert (poisoned.status, good.status) == ("failed", "sent")
    assert [sent.recipients() for sent in mail.outbox] == [["ada@buyer.example"]]


def test_what_the_law_demands_goes_out_all_the_same_and_each_kind_says_why() -> None:
    suppression.suppress("ada@buyer.example", cause="complained", reason="spam button", at=AT)
    for kind in [*suppression.LEGALLY_REQUIRED, "payment_failed"]:
        written(kind=kind)

    delivery.deliver_due(at=AT)

    sent = OutboxMessage.objects.filter(status="sent").values_list("kind", flat=True)
    assert set(sent) == set(suppression.LEGALLY_REQUIRED)
    assert OutboxMessage.objects.get(kind="payment_failed").status == "suppressed"
    assert all(suppression.LEGALLY_REQUIRED.values())


def test_an_address_is_put_down_once_and_again_after_it_was_lifted() -> None:
    staff = User.objects.create_superuser("boss@shop.example", "-")
    for email in ("Ada@buyer.example", "ada@BUYER.example"):
        suppression.suppress(email, cause="bounced", reason="550", at=AT)
    row = SuppressedAddress.objects.get()

    suppression.lift(row, actor=staff, at=AT)
    assert not suppression.is_suppressed("ada@buyer.example", kind="refill_paid")
    with pytest.raises(suppression.AlreadyLifted):
        suppression.lift(row, actor=staff, at=AT)

    suppression.suppress("ada@buyer.example", cause="bounced", reason="550 again", at=AT)
    assert suppression.is_suppressed("ada@buyer.example", kind="refill_paid")
    assert SuppressedAddress.objects.count() == 2


@pytest.mark.parametrize("alike", ["ada@buyer-\u0131n.example", "ada@\u017fhop.example"])
def test_addresses_that_only_look_alike_are_put_down_apart(admin_client: Client, alike: str) -> None:
    plain = alike.replace("\u0131", "i").replace("\u017f", "s")
    suppression.suppress(plain, cause="bounced", reason="550", at=AT)
    assert not suppression.is_suppressed(alike, kind="refill_paid")

    typed = {"email": alike, "cause": "complained", "reason": "Wrote to us."}
    answer = admin_client.post(reverse("admin:mail_suppressedaddress_add"), typed)

    assert answer.status_code == 302
    assert suppression.of(alike).pk != suppression.of(plain.upper()).pk
    assert suppression.is_suppressed(plain.upper(), kind="refill_paid")


def test_staff_put_an_address_down_and_lift_it_with_their_name(
    admin_client: Client, admin_user: User
) -> None:
    typed = {"email": "Ada@buyer.example", "cause": "complained", "reason": "Wrote to us."}
    answer = admin_client.post(reverse("admin:mail_suppressedaddress_add"), typed)
    row = SuppressedAddress.objects.get()
    assert (answer.status_code, row.email, row.created_by) == (302, "ada@buyer.example", admin_user)

    admin_client.post(reverse("admin:mail_suppressedaddress_lift", args=[row.pk]))

    row.refresh_from_db()
    assert row.lifted_by == admin_user
    page = admin_client.get(reverse("admin:mail_suppressedaddress_change", args=[row.pk])).content.decode()
    assert reverse("admin:mail_suppressedaddress_lift", args=[row.pk]) not in page


def test_whoever_may_only_look_can_neither_send_nor_lift(client: Client) -> None:
    looker = User.objects.create_user("looker@shop.example", "-", is_staff=True)
    looker.user_permissions.set(
        Permission.objects.filter(codename__startswith="view_", content_type__app_label="mail")
    )
    client.force_login(looker)
    message, row = written(status="sent", sent_at=AT), SuppressedAddress(email="x@y.example", created_at=AT)
    row.save()

    answers = [
        client.post(reverse("admin:mail_outboxmessage_resend", args=[message.pk])),
        client.post(reverse("admin:mail_suppressedaddress_lift", args=[row.pk])),
    ]
    client.post(
        reverse("admin:mail_outboxmessage_changelist"),
        {"action": "send_now", "_selected_action": [message.pk]},
    )

    row.refresh_from_db()
    assert [answer.status_code for answer in answers] == [403, 403]
    assert (OutboxMessage.objects.count(), row.lifted_at) == (1, None)


def test_any_mail_is_sent_again_from_the_outbox(admin_client: Client, admin_user: User) -> None:
    message = written(status="failed", occasion="refund-7")

    admin_client.post(reverse("admin:mail_outboxmessage_resend", args=[message.pk]))

    copy = OutboxMessage.objects.get(copy_of=message)
    assert (copy.kind, copy.occasion, copy.requested_by) == ("refund", "refund-7 copy-1", admin_user)
    page = admin_client.get(reverse("admin:mail_outboxmessage_change", args=[message.pk])).content.decode()
    assert "refund-7 copy-1" in page
    assert "srcdoc" in page


def test_what_waits_is_taken_back_and_what_went_out_is_not() -> None:
    waits = written(kind="payment_failed")
    gone = written(kind="payment_failed", subject_key="order:2", status="sent", sent_at=AT)

    for key in ("order:1", "order:2"):
        outbox.withdraw(kind="payment_failed", subject_key=key, reason="It is paid.")

    waits.refresh_from_db()
    gone.refresh_from_db()
    assert (waits.status, waits.last_error, gone.status) == ("withdrawn", "It is paid.", "sent")
    assert delivery.deliver_due(at=AT + timedelta(days=1)) == 0
