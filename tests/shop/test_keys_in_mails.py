"""Mails as staff read them: every word, but no link that would let them act as the customer."""

import html

import pytest
from django.test import Client

from orders import links, refill_links
from orders.refill_links import Purpose
from shop.accounts.models import User
from shop.clock import reading
from shop.mail.models import OutboxMessage

pytestmark = pytest.mark.django_db


class _Named:
    reference = "K7MPW2"


def test_staff_read_a_mail_without_its_keys() -> None:
    """With the link they could move a parcel to an address of their own, in the customer's name."""
    keys = [refill_links.url(Purpose.ALL, "S-0123456789AB"), links.order_url(_Named())]
    client, at = Client(), reading.now()
    client.force_login(User.objects.create_superuser("manager@shop.example", "secret-words-9"))
    message = OutboxMessage.objects.create(
        kind="refill_upcoming",
        subject_key="refill:R-0123456789AB",
        to="ada@buyer.example",
        subject="Your next parcel",
        text="\n".join(f"Look: {key}" for key in keys),
        html="".join(f'<p><a href="{key}">Look</a> or type {key}</p>' for key in keys),
        message_id="<1@shop.example>",
        next_attempt_at=at,
        created_at=at,
    )

    answer = client.get(f"/admin/mail/outboxmessage/{message.pk}/change/")

    page = html.unescape(answer.content.decode())
    assert answer.status_code == 200
    assert "Look: http://testserver/r/[key]" in page
    assert '<a href="http://testserver/o/[key]">Look</a> or type http://testserver/o/[key]</p>' in page
    assert not any(key.rpartition("/")[2] in page for key in keys)
