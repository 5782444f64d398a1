"""Every kind of mail: previewed without a row, readable as text, in its reader's language, safe in its headers."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from django.apps import apps
from django.conf import settings as project
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from catalog.cautions import TEXTS
from orders import emails, lifecycle, links, sample_data, terms
from orders.emails.samples import SAMPLES, order
from orders.models import Order
from shop.accounts import mails
from shop.accounts.models import User
from shop.mail import delivery, outbox, preview
from shop.mail.models import OutboxMessage
from tests.factories.catalog import AT, make_variant
from tests.factories.orders import HOME, make_order, make_paid_order
from tests.stripe_side import CARD_DECLINED, CARD_OK
from tests.till import Till

pytestmark = pytest.mark.django_db

ROOT = Path(project.BASE_DIR)
# Every kind has a page of its own name; a part of one begins with an underscore.
TEMPLATES = {
    path.stem
    for app in apps.get_app_configs()
    if Path(app.path).is_relative_to(ROOT) and ".venv" not in app.path
    for path in Path(app.path).glob("templates/*/mail/*.html")
    if not path.stem.startswith("_")
}
# These differ in their words alone, and share a page.
ACCOUNT_KINDS = {kind for kind, _ in mails.KINDS.values()}


def test_every_kind_has_a_sample_and_two_bodies() -> None:
    assert len(TEMPLATES) >= 17
    assert set(preview.kinds()) == TEMPLATES | ACCOUNT_KINDS, "offer a sample to shop.mail.preview"
    for letter in preview.samples():
        page = "_letter" if letter.kind in ACCOUNT_KINDS else letter.kind
        assert letter.template.rpartition("/")[2] == page


@pytest.mark.parametrize("kind", sorted(TEMPLATES | ACCOUNT_KINDS))
def test_a_preview_writes_nothing_and_reads_like_a_letter(kind: str) -> None:
    with CaptureQueriesContext(connection) as asked:
        shown = preview.of(kind)

    assert [row["sql"] for row in asked if not row["sql"].startswith("SELECT")] == []
    assert shown.text.endswith("\n")
    assert not re.search(r"\n\n\n|[ \t]\n|&\w+;|<\w+|{{|{%", shown.text)
    assert "width=device-width" in shown.html
    assert "prefers-color-scheme: dark" in shown.html
    assert "http" in shown.text


@pytest.mark.parametrize("kind", sorted(set(SAMPLES) - {"staff_books", "staff_refills_stopped"}))
def test_every_mail_about_an_order_carries_its_reference(kind: str) -> None:
    assert f"[{order().reference}]" in preview.of(kind).subject


def test_staff_see_every_kind_and_others_see_none(admin_client: Client, client: Client) -> None:
    page = admin_client.get(reverse("admin:mail_preview", args=["order_confirmation"]))
    words = page.content.decode()
    assert words.count("<iframe") == 2
    assert 'sandbox=""' in words
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    assert all(f">{kind}</a>" in words for kind in TEMPLATES)
    assert admin_client.get(reverse("admin:mail_preview", args=["nothing"])).status_code == 404

    packer = User.objects.create_user("packer@shop.example", "-", is_staff=True)
    packer.user_permissions.add(Permission.objects.get(codename="view_stocklevel"))
    client.force_login(packer)
    assert client.get(reverse("admin:mail_preview", args=["refund"])).status_code == 404
    assert not OutboxMessage.objects.exists()


def test_the_confirmation_is_a_copy_of_the_terms_that_were_agreed() -> None:
    sample_data.load(at=AT)
    given = make_paid_order()
    bodies = outbox.render(emails.order_confirmation(given))

    seller = terms.seller_of(given)
    assert seller is not None
    for section in terms.sections(seller, version=given.terms_version):
        assert section.title in bodies["text"]
        for paragraph in section.paragraphs:
            assert paragraph in bodies["text"]
    assert "14 days" in bodies["html"]
    assert seller.legal_name in bodies["html"]
    assert "version 2026-11" in bodies["text"]
    assert project.TERMS_VERSION in terms.VERSIONS


def test_the_page_of_the_terms_says_the_same(client: Client) -> None:
    sample_data.load(at=AT)
    shown = client.get("/terms").content.decode()

    for section in terms.sections(None):
        assert f'id="{section.anchor}"' in shown
    assert "We pay back" not in shown
    assert "we pay back what you paid, standard delivery included" in shown
    assert 'href="mailto:' in shown


def test_a_pouch_lasts_until_a_day_and_the_mail_and_the_page_say_at_which_use(client: Client) -> None:
    """1 kg at 150 g three times a week: 15 days, from four days after the payment."""
    given = make_paid_order(variant=make_variant(), units=1)

    text = outbox.render(emails.order_confirmation(given))["text"]

    assert "lasts until about 12 December." in text
    assert "Counted with 150 g a foot soak, 3 times a week" in text
    page = client.get(f"/o/{links.order_token(given)}").content.decode()
    assert "<strong>12 December</strong>" in page
    assert "150 g a foot soak, 3 times a week" in page


def test_a_day_in_another_year_names_the_year() -> None:
    given = make_paid_order(variant=make_variant(), units=30)

    assert "lasts until about 22 February 2028." in outbox.render(emails.order_confirmation(given))["text"]


def test_an_order_that_ended_promises_no_day(client: Client) -> None:
    given = make_paid_order(variant=make_variant(), status=Order.Status.CANCELLED)

    assert "lasts until" not in client.get(f"/o/{links.order_token(given)}").content.decode()


def test_directions_come_with_the_first_order_and_cautions_with_each() -> None:
    variant = make_variant(product__directions={"foot": ["Dissolve, soak, rinse."]})
    first = make_paid_order(variant=variant, email="ada@buyer.example")
    second = make_paid_order(variant=variant, email="ada@buyer.example")
    stranger = make_paid_order(variant=variant, email="bob@buyer.example")

    bodies = [outbox.render(emails.order_confirmation(row))["text"] for row in (first, second, stranger)]

    assert ["Dissolve, soak, rinse." in body for body in bodies] == [True, False, True]
    assert all(TEXTS["NUMB_FEET"] in body for body in bodies)


def test_a_name_with_line_breaks_and_turned_letters_stays_in_its_place() -> None:
    name = "Ada\r\nBcc: all@shop.example\u202e"
    given = make_paid_order(shipping_address={**HOME, "name": name})
    letter = emails.staff_review(given, f"odd name: {name}")
    outbox.enqueue(letter, to="staff@shop.example", at=AT)
    outbox.enqueue(emails.order_confirmation(given), to=given.email, at=AT)

    assert delivery.deliver_due(at=AT) == 2

    for sent in mail.outbox:
        message = sent.message()
        assert message["Bcc"] is None
        assert "\u202e" not in str(message["Subject"])
        assert len(sent.recipients()) == 1
        assert "List-Unsubscribe" not in message


def test_a_mail_speaks_the_language_of_its_order(settings: Any, tmp_path: Path) -> None:
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    words = Catalog(locale="de")
    words.add("Thank you for your order", "Danke für Ihre Bestellung")
    words.add("Your order %(reference)s is confirmed", "Ihre Bestellung %(reference)s ist bestätigt")
    with (folder / "django.mo").open("wb") as file:
        write_mo(file, words)
    settings.LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]
    settings.LOCALE_PATHS = [str(tmp_path)]
    given = make_paid_order(variant=make_variant(), locale="de-de", units=1)

    letter = emails.order_confirmation(given)
    bodies = outbox.render(letter)

    assert letter.subject == f"Ihre Bestellung [{given.reference}] ist bestätigt"
    assert "Danke für Ihre Bestellung" in bodies["text"]
    assert "12. Dezember" in bodies["text"] or "12 Dezember" in bodies["text"]
    assert '<html lang="de">' in bodies["html"]
    assert translation.get_language() == "en-gb"


def test_a_locale_without_words_speaks_english_throughout() -> None:
    given = make_paid_order(variant=make_variant(), locale="de-de", units=1)

    assert "lasts until about 12 December." in outbox.render(emails.order_confirmation(given))["text"]


@pytest.mark.django_db(transaction=True)
def test_a_declined_card_is_written_about_only_if_nobody_pays_soon(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    placed = till.order(("FLK", 1))
    till.stripe.pay(placed["payment"]["client_secret"], CARD_DECLINED)
    till.settle()

    letter = OutboxMessage.objects.get(kind="payment_failed")
    assert letter.status == "pending"
    assert letter.next_attempt_at > letter.created_at
    assert "Your items are set aside until" in letter.text

    till.stripe.pay(placed["payment"]["client_secret"], CARD_OK)
    till.settle()

    letter.refresh_from_db()
    assert (letter.status, letter.last_error) == ("withdrawn", "It is paid.")
    assert OutboxMessage.objects.get(kind="order_confirmation").status == "pending"


def test_an_order_that_ends_takes_its_reminder_back() -> None:
    given = make_order()
    outbox.enqueue(emails.payment_failed(given), to=given.email, at=AT, not_before=AT)
    lifecycle.end(given, Order.Status.EXPIRED, at=AT, reason="Not paid in time.")

    assert OutboxMessage.objects.get().status == "withdrawn"


def test_the_confirmation_asks_the_database_a_fixed_number_of_times(
    django_assert_max_num_queries: Callable[..., Any],
) -> None:
    given = make_paid_order(variant=make_variant())

    with django_assert_max_num_queries(8):
        emails.order_confirmation(given)
