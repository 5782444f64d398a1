"""One mail when something is back: asked for twice, sent once, and not when it is gone again."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from catalog import back_in_stock, inventory, links
from catalog.models import Lot, StockRequest
from shop.clock import reading
from shop.mail import delivery
from shop.mail.models import OutboxMessage
from tests.catalog.test_races import all_at_once
from tests.factories.catalog import AT, make_bundle, make_variant, put_in_stock

ADA = "ada@buyer.example"

pytestmark = pytest.mark.django_db


def asked(variant: Any, email: str = ADA, *, is_confirmed: bool = True, at: Any = AT) -> StockRequest:
    back_in_stock.ask(sku=variant.sku, email=email, at=at)
    request = StockRequest.objects.get(email=email, variant=variant, status="asked")
    return back_in_stock.confirm(request, at=at) if is_confirmed else request


def mails(kind: str = "back_in_stock") -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(kind=kind).order_by("pk"))


def take_everything(variant: Any) -> None:
    units = inventory.availability([variant.pk])[variant.pk]
    until = AT + timedelta(days=1)
    with transaction.atomic():
        inventory.reserve(
            reference=f"order:{variant.sku}", quantities={variant.pk: units}, until=until, at=AT
        )


def test_nothing_but_a_question_is_sent_before_a_yes() -> None:
    variant = make_variant(stock=0)

    request = asked(variant, is_confirmed=False)
    put_in_stock(variant, 5)

    assert back_in_stock.tell(at=AT) == 0
    assert mails() == []
    [question] = mails("back_in_stock_confirm")
    assert question.to == ADA
    assert links.confirm_url(request) in question.text
    assert links.confirm_url(request) in question.html


@pytest.mark.parametrize("alike", ["ada@buyer-\u0131n.example", "ada@\u017fhop.example"])
def test_addresses_that_only_look_alike_wait_apart(alike: str) -> None:
    variant = make_variant(stock=0)
    plain = alike.replace("\u0131", "i").replace("\u017f", "s")
    theirs = asked(variant, plain, is_confirmed=False)
    StockRequest.objects.update(expires_at=AT)

    asked(variant, alike)

    assert StockRequest.objects.filter(pk=theirs.pk).exists(), "their own request is not cleared away"
    assert StockRequest.objects.filter(email=alike, status="waiting").exists()


def test_one_mail_comes_when_stock_returns_and_never_another() -> None:
    variant = make_variant(stock=0)
    request = asked(variant)
    assert back_in_stock.tell(at=AT) == 0

    put_in_stock(variant, 5)

    assert [back_in_stock.tell(at=AT) for _ in range(3)] == [1, 0, 0]
    [mail] = mails()
    assert (mail.to, mail.subject) == (ADA, f"Back in stock: {variant.product.name}")
    assert links.stop_url(request) in mail.text
    take_everything(variant)
    put_in_stock(variant, 5)
    assert back_in_stock.tell(at=AT) == 0


def test_a_mail_is_not_sent_when_the_stock_is_gone_again_and_comes_the_next_time(mailoutbox: Any) -> None:
    variant = make_variant(stock=0)
    request = asked(variant)
    put_in_stock(variant, 5)
    back_in_stock.tell(at=AT)
    [early] = mails()
    take_everything(variant)

    assert delivery.deliver(early.pk, at=AT) is False

    early.refresh_from_db()
    request.refresh_from_db()
    assert (early.status, early.last_error) == ("suppressed", "no longer true")
    assert (request.status, request.told_at) == ("waiting", None)
    assert mailoutbox == []

    put_in_stock(variant, 5)
    assert back_in_stock.tell(at=AT) == 1
    assert [delivery.deliver(mail.pk, at=AT) for mail in mails()] == [False, True]
    assert [mail.to for mail in mailoutbox] == [[ADA]]
    assert back_in_stock.tell(at=AT) == 0


def test_a_bundle_is_back_when_each_of_its_parts_is() -> None:
    flakes, scoop = make_variant(stock=0), make_variant(stock=0)
    bundle = make_bundle([(flakes, 2), (scoop, 1)])
    asked(bundle)

    put_in_stock(flakes, 1)
    put_in_stock(scoop, 1)
    assert back_in_stock.tell(at=AT) == 0

    put_in_stock(flakes, 1)
    assert back_in_stock.tell(at=AT) == 1


def test_what_is_in_quarantine_is_not_back() -> None:
    variant = make_variant(stock=0)
    asked(variant)
    inventory.receive_lot(
        variant=variant, code="Q", quantity=5, best_before_on=None, cause="q", at=AT, release=False
    )

    assert back_in_stock.tell(at=AT) == 0
    inventory.release_lot(Lot.objects.get(code="Q"), actor=None, cause="r", at=AT)
    assert back_in_stock.tell(at=AT) == 1


def test_who_asks_twice_is_asked_back_once_a_day() -> None:
    variant = make_variant(stock=0)
    for spelling in (ADA, ADA, ADA.upper()):
        back_in_stock.ask(sku=variant.sku, email=spelling, at=AT)
    assert (StockRequest.objects.count(), len(mails("back_in_stock_confirm"))) == (1, 1)

    back_in_stock.ask(sku=variant.sku, email=ADA, at=AT + timedelta(days=1))
    assert (StockRequest.objects.count(), len(mails("back_in_stock_confirm"))) == (1, 2)

    back_in_stock.confirm(StockRequest.objects.get(), at=AT)
    back_in_stock.ask(sku=variant.sku, email=ADA, at=AT + timedelta(days=2))
    assert (StockRequest.objects.count(), len(mails("back_in_stock_confirm"))) == (1, 2)


def test_a_question_holds_for_a_week_and_a_wish_for_half_a_year() -> None:
    variant = make_variant(stock=0)
    late = asked(variant, is_confirmed=False)
    with pytest.raises(back_in_stock.RequestGone):
        back_in_stock.confirm(late, at=AT + back_in_stock.ANSWER_WITHIN)
    assert back_in_stock.forget(at=AT + back_in_stock.ANSWER_WITHIN) == 1

    asked(variant)
    put_in_stock(variant, 5)
    after = AT + back_in_stock.WAIT_AT_MOST
    assert back_in_stock.tell(at=after) == 0
    assert back_in_stock.forget(at=after - timedelta(seconds=1)) == 0
    assert back_in_stock.forget(at=after) == 1
    assert not StockRequest.objects.exists()


def test_an_expired_request_does_not_stand_in_the_way_of_a_new_one() -> None:
    variant = make_variant(stock=0)
    asked(variant, is_confirmed=False)

    again = asked(variant, at=AT + timedelta(days=8))

    assert StockRequest.objects.get() == again


def test_who_stops_is_told_nothing() -> None:
    variant = make_variant(stock=0)
    request = asked(variant)

    for _ in range(2):
        assert back_in_stock.stop(request, at=AT).status == "stopped"

    put_in_stock(variant, 5)
    assert back_in_stock.tell(at=AT) == 0
    with pytest.raises(back_in_stock.RequestGone):
        back_in_stock.confirm(request, at=AT)
    assert mails() == []


def test_who_waits_longest_is_told_first() -> None:
    variant = make_variant(stock=0)
    for number in range(5):
        asked(variant, f"buyer{number}@buyer.example")
    put_in_stock(variant, 1)

    assert back_in_stock.tell(at=AT, limit=2) == 2

    assert [mail.to for mail in mails()] == ["buyer0@buyer.example", "buyer1@buyer.example"]


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_tell_everybody_once() -> None:
    variant = make_variant(stock=0)
    for number in range(24):
        asked(variant, f"buyer{number}@buyer.example")
    put_in_stock(variant, 5)

    told = all_at_once(4, lambda n: back_in_stock.tell(at=AT))

    assert sum(count * times for count, times in told.items()) == 24
    assert len({mail.to for mail in mails()}) == len(mails()) == 24
    assert set(StockRequest.objects.values_list("status", "tries")) == {("told", 1)}


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_ten_clicks_at_once_are_one_request() -> None:
    variant = make_variant(stock=0)

    said = all_at_once(10, lambda n: back_in_stock.ask(sku=variant.sku, email=ADA, at=AT))

    assert said == {None: 10}
    assert (StockRequest.objects.count(), len(mails("back_in_stock_confirm"))) == (1, 1)


def post(client: Any, **body: Any) -> Any:
    return client.post("/api/v1/back-in-stock", body, content_type="application/json")


def test_the_api_answers_alike_whatever_is_known(client: Any) -> None:
    variant = make_variant(stock=0)
    asked(variant)

    known, unknown = (
        post(client, sku=variant.sku, email=ADA),
        post(client, sku=variant.sku, email="eve@x.example"),
    )
    again = post(client, sku=variant.sku, email="eve@x.example")

    assert known.status_code == unknown.status_code == again.status_code == 202
    assert known.json() == unknown.json() == again.json()


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"email": ADA}, "invalid", "sku"),
        ({"sku": "FLK", "email": "nobody"}, "invalid", "email"),
        ({"sku": "FLK", "email": f"{'a' * 250}@x.example"}, "invalid", "email"),
        ({"sku": "FLK", "email": "a@x.example\r\nBcc: b@x.example"}, "invalid", "email"),
        ({"sku": 1, "email": ADA}, "invalid", "sku"),
        ({"sku": "NOTHING", "email": ADA}, "unknown_sku", "sku"),
        ({"sku": "FLK", "email": ADA, "price": 1}, "unknown_field", "price"),
    ],
)
def test_the_api_names_what_is_wrong_and_writes_nothing(
    client: Any, body: Any, code: str, field: str
) -> None:
    make_variant(sku="FLK", stock=0)

    answer = post(client, **body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert list(answer.json()["errors"]) == [field]
    assert (StockRequest.objects.count(), OutboxMessage.objects.count()) == (0, 0)


def test_nobody_can_fill_a_mailbox(client: Any, settings: Any) -> None:
    settings.RATE_LIMIT_SCALE = 1.0
    variants = [make_variant(stock=0) for _ in range(6)]

    answers = [post(client, sku=variant.sku, email=ADA) for variant in variants]

    assert [answer.status_code for answer in answers] == [202] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert len(mails("back_in_stock_confirm")) == 5


def test_the_links_show_and_only_a_click_acts(client: Any) -> None:
    variant = make_variant(stock=0)
    request = asked(variant, is_confirmed=False, at=reading.now())
    path = f"/back-in-stock/{links.request_token(request)}"

    for _ in range(2):
        assert b"Shall we write to you?" in client.get(path).content
    request.refresh_from_db()
    assert request.status == "asked"

    for _ in range(2):
        assert b"Thank you, we will write to you" in client.post(path).content
    request.refresh_from_db()
    assert request.status == "waiting"

    assert b"Shall we stop waiting" in client.get(f"{path}/stop").content
    request.refresh_from_db()
    assert request.status == "waiting"
    assert b"We send you nothing more" in client.post(f"{path}/stop").content
    assert client.post(path).status_code == 404
    assert b"You have taken this back" in client.get(path).content


def test_a_forged_link_and_a_forgotten_request_answer_alike(client: Any) -> None:
    request = asked(make_variant(stock=0), is_confirmed=False)
    token = links.request_token(request)
    request.delete()

    for found in (token, f"{token}x", "x", "1:2:3"):
        for method in (client.get, client.post):
            for tail in ("", "/stop"):
                assert method(f"/back-in-stock/{found}{tail}").status_code == 404


def test_a_sold_out_size_asks_for_an_address_on_its_page(client: Any) -> None:
    variant = make_variant(stock=0, name="1 kg pouch")
    make_variant(product=variant.product, name="500 g pouch", stock=5)
    path = f"/products/{variant.product.slug}"
    assert b"Tell me when it is back" in client.get(path).content

    answer = client.post("/back-in-stock", {"sku": variant.sku, "email": ADA}, follow=True)

    assert b"Look into your mailbox" in answer.content
    assert StockRequest.objects.get().email == ADA
    wrong = client.post("/back-in-stock", {"sku": variant.sku, "email": "nobody"}, follow=True)
    assert b"Please give an e-mail address" in wrong.content
    for body in ({}, {"sku": "x", "email": ADA}, {"sku": "\x00", "email": ADA}):
        assert client.post("/back-in-stock", body).status_code in {302, 400}
    assert StockRequest.objects.count() == 1
    put_in_stock(variant, 5, at=timezone.now())
    assert b"Tell me when it is back" not in client.get(path).content


def test_the_mails_hold_links_to_this_shop_only() -> None:
    variant = make_variant(stock=0)
    asked(variant)
    put_in_stock(variant, 1)
    back_in_stock.tell(at=AT)

    for mail in OutboxMessage.objects.all():
        found = re.findall(r"(?:href|src)=\"([^\"]+)\"", mail.html)
        assert found
        assert [url for url in found if not url.startswith("http://testserver")] == []


def test_who_asked_again_before_the_mail_went_out_waits_once_when_the_stock_is_gone_again() -> None:
    variant = make_variant(stock=0)
    first = asked(variant)
    put_in_stock(variant, 5)
    back_in_stock.tell(at=AT)
    again = asked(variant)
    take_everything(variant)
    [mail] = mails()

    assert delivery.deliver(mail.pk, at=AT) is False

    mail.refresh_from_db()
    first.refresh_from_db()
    again.refresh_from_db()
    assert (mail.status, mail.last_error) == ("suppressed", "no longer true")
    assert (first.status, again.status) == ("told", "waiting")
    assert len(mails()) == 1
