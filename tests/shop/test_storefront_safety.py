"""Headers, errors, and what only a test shop shows."""

from typing import Any

import pytest
from django.test import Client, RequestFactory

from shop.mail.models import OutboxMessage
from shop.storefront import errors
from tests.conftest import AT

pytestmark = pytest.mark.django_db


def policy(answer: Any) -> dict[str, list[str]]:
    parts = [part.split() for part in answer.headers["Content-Security-Policy"].split(";")]
    return {name: values for name, *values in parts}


def test_pages_load_nothing_from_elsewhere(client: Client) -> None:
    found = policy(client.get("/"))

    assert found["default-src"] == ["'none'"]
    assert found["script-src"] == found["style-src"] == found["connect-src"] == ["'self'"]
    assert found["frame-ancestors"] == ["'none'"]


def test_the_admin_may_do_what_its_theme_needs(client: Client) -> None:
    assert "'unsafe-eval'" in policy(client.get("/admin/login/"))["script-src"]


def test_the_api_docs_may_start_themselves(client: Client) -> None:
    found = policy(client.get("/api/v1/docs"))["script-src"]

    assert "'unsafe-inline'" in found
    assert "'unsafe-eval'" not in found


def test_headers_keep_signed_links_to_ourselves(client: Client) -> None:
    headers = client.get("/").headers

    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in client.get("/cart").headers["Cache-Control"]


def test_people_and_programs_are_told_in_their_own_way(client: Client) -> None:
    for_people, for_programs = client.get("/nothing"), client.get("/api/v1/nothing")

    assert for_people.status_code == for_programs.status_code == 404
    assert b"There is nothing here" in for_people.content
    assert for_programs.headers["Content-Type"] == "application/problem+json"
    assert for_programs.json()["code"] == "not_found"


def test_our_own_failure_is_told_without_the_database(
    rf: RequestFactory, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        for_people = errors.server_error(rf.get("/cart"))
        for_programs = errors.server_error(rf.get("/api/v1/carts"))

    assert b"Something failed on our side" in for_people.content
    assert for_people.status_code == for_programs.status_code == 500
    assert for_programs.headers["Content-Type"] == "application/problem+json"


def test_every_page_says_that_it_is_a_test(client: Client, settings: Any) -> None:
    assert b"no real money moves" in client.get("/cart").content

    settings.STRIPE_SECRET_KEY = "sk_live_x"
    assert b"no real money moves" not in client.get("/cart").content


def test_a_mail_is_shown_in_a_frame_that_runs_nothing(client: Client) -> None:
    OutboxMessage.objects.create(
        kind="test", subject_key="test", to="ada@buyer.example", subject="Hello <b>", text="See https://shop.example/o/x",
        html='<p style="color:red">"Hi"</p><script>alert(1)</script>', message_id="<1@x>", next_attempt_at=AT,
        created_at=AT,
    )  # fmt: skip

    shown = client.get("/mails").content.decode()

    assert 'sandbox=""' in shown
    assert "<script>alert" not in shown
    assert "Hello &lt;b&gt;" in shown
    assert 'href="https://shop.example/o/x"' in shown


def test_a_real_shop_shows_no_mails(client: Client, settings: Any) -> None:
    settings.MAIL_PAGE_ENABLED = False

    assert client.get("/mails").status_code == 404
    assert b"/mails" not in client.get("/").content


def test_crawlers_and_finders_of_holes_are_told_where_to_go(client: Client) -> None:
    assert "Disallow: /o/" in client.get("/robots.txt").content.decode()
    assert "Contact: mailto:orders@shop.example" in client.get("/.well-known/security.txt").content.decode()


def test_the_terms_name_the_seller(client: Client, regions: None) -> None:
    assert b"Right of withdrawal" in client.get("/terms").content
