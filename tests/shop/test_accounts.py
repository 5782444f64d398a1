"""Accounts over HTTP: opened, confirmed, entered and left; nobody learns who has one."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.test import Client

from shop.accounts import registration
from shop.accounts.models import User
from shop.clock import reading
from shop.mail.models import OutboxMessage
from tests.strangers import App, key_of_latest_mail, link_of_latest_mail

EMAIL = "ada@buyer.example"
PASSWORD = "seven green otters"

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    user = User.objects.create_user(EMAIL, PASSWORD)
    registration.vouch_for(user, at=reading.now())
    return user


@pytest.fixture
def app() -> App:
    return App()


def test_an_account_is_opened_confirmed_and_entered_with_pages_only(client: Client) -> None:
    answer = client.post("/account/signup", {"email": EMAIL.upper(), "password1": PASSWORD})

    assert (answer.status_code, answer["Location"]) == (302, "/account/confirm")
    assert client.get("/account").status_code == 302, "not before the address is confirmed"
    link = link_of_latest_mail()
    assert link.startswith("http://testserver/account/confirm/")
    page = client.get(link)
    assert EMAIL in page.content.decode()
    assert User.objects.get().email_verified_at is None, "a mail scanner's GET confirms nothing"
    client.post(link)
    user = User.objects.get(email=EMAIL)
    assert user.email_verified_at is not None
    answer = client.post("/account/login", {"login": EMAIL, "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/account")
    assert client.get("/account").status_code == 200


def test_the_session_gets_a_new_key_when_somebody_signs_in(client: Client, ada: User) -> None:
    client.get("/account/login")
    session = client.session
    session["known"] = "before"
    session.save()
    before = session.session_key

    client.post("/account/login", {"login": EMAIL, "password": PASSWORD})

    assert client.session.session_key != before
    assert not Session.objects.filter(session_key=before).exists()


def test_an_app_signs_in_with_a_token_and_uses_it_everywhere(app: App, ada: User) -> None:
    answer = app.post("auth/app/login", {"email": EMAIL, "password": PASSWORD})

    assert answer.status_code == 200
    app.token = answer.json()["meta"]["session_token"]
    assert app.get("me").json()["email"] == EMAIL
    assert app.get("auth/app/session").json()["data"]["user"]["email"] == EMAIL
    assert app.send("DELETE", "auth/app/session").status_code == 204
    gone = app.get("me")
    assert (gone.status_code, gone.json()["code"]) == (401, "not_authenticated")
    assert gone["Content-Type"] == "application/problem+json"


def test_a_token_that_opens_nothing_is_refused_and_never_a_500(app: App, ada: User) -> None:
    for token in ("nonsense", "x" * 5000, "é"):
        app.token = token
        assert app.get("me").status_code == 401
        assert app.get("auth/app/session").status_code in {401, 410}


def test_signing_up_with_a_known_address_answers_the_same_and_tells_its_owner(app: App, ada: User) -> None:
    known = app.post("auth/app/signup", {"email": EMAIL, "password": PASSWORD})
    fresh = App().post("auth/app/signup", {"email": "new@buyer.example", "password": PASSWORD})

    assert (known.status_code, fresh.status_code) == (202, 202)
    assert without_token(known) == without_token(fresh)
    kinds = set(OutboxMessage.objects.values_list("to", "kind"))
    assert kinds == {(EMAIL, "account_exists"), ("new@buyer.example", "account_verify")}
    assert User.objects.count() == 2
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


def test_a_known_and_an_unknown_address_cost_one_password_hash_each(
    app: App, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    real = User.set_password

    def counting(self: User, password: Any) -> None:
        hashed.append(self.email)
        real(self, password)

    monkeypatch.setattr(User, "set_password", counting)

    app.post("auth/app/signup", {"email": EMAIL, "password": PASSWORD})
    known = len(hashed)
    App().post("auth/app/signup", {"email": "new@buyer.example", "password": PASSWORD})

    assert (known, len(hashed) - known) == (1, 1)


def test_asking_for_a_new_password_answers_the_same_for_a_stranger(ada: User) -> None:
    known = App().post("auth/app/password/request", {"email": EMAIL})
    strange = App().post("auth/app/password/request", {"email": "who@buyer.example"})

    assert (known.status_code, strange.status_code) == (204, 204)
    assert (known.content, strange.content) == (b"", b"")
    assert set(OutboxMessage.objects.values_list("to", "kind")) == {
        (EMAIL, "account_reset"),
        ("who@buyer.example", "account_unknown"),
    }


def test_a_new_password_ends_every_session_and_the_key_works_once(
    app: App, ada: User, client: Client
) -> None:
    client.force_login(ada)
    app.sign_in(EMAIL, PASSWORD)
    App().post("auth/app/password/request", {"email": EMAIL})
    key = key_of_latest_mail("account_reset")

    answer = App().post("auth/app/password/reset", {"key": key, "password": "nine purple herons"})

    assert answer.status_code == 204
    assert client.get("/account").status_code == 302
    assert app.get("me").status_code == 401
    again = App().post("auth/app/password/reset", {"key": key, "password": "ten purple herons"})
    assert (again.status_code, list(again.json()["errors"])) == (400, ["key"])
    assert App().sign_in(EMAIL, "nine purple herons").status_code == 200


def test_the_page_for_a_new_password_keeps_its_key_out_of_the_address(client: Client, ada: User) -> None:
    client.post("/account/password/reset", {"email": EMAIL})
    answer = client.get(link_of_latest_mail("account_reset"))

    assert answer.status_code == 302
    assert re.fullmatch(r"/account/password/reset/\w+-set-password", answer["Location"])
    chosen = {"password1": "nine purple herons", "password2": "nine purple herons"}
    assert client.post(answer["Location"], chosen)["Location"] == "/account/password/reset/done"
    ada.refresh_from_db()
    assert ada.check_password("nine purple herons")


def test_weak_passwords_are_refused_beside_the_field(app: App, client: Client) -> None:
    for weak in ("short", "password123", "1234567890"):
        answer = app.post("auth/app/signup", {"email": EMAIL, "password": weak})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["password"]), weak
    page = client.post("/account/signup", {"email": EMAIL, "password1": "short"})
    assert page.context["form"].errors["password1"]
    assert not User.objects.exists()


def test_changing_the_address_asks_who_it_is_and_holds_once_confirmed(app: App, ada: User) -> None:
    app.sign_in(EMAIL, PASSWORD)
    refused = app.post("auth/app/email", {"email": "new@buyer.example"})
    assert (refused.status_code, refused.json()["code"]) == (401, "reauthentication_required")

    assert app.post("auth/app/reauthenticate", {"password": "wrong"}).status_code == 400
    assert app.post("auth/app/reauthenticate", {"password": PASSWORD}).status_code == 200
    assert app.post("auth/app/email", {"email": "New@buyer.example"}).status_code == 200

    ada.refresh_from_db()
    assert ada.email == EMAIL, "the old one stays until the new one is confirmed"
    app.post("auth/app/email/verify", {"key": key_of_latest_mail("account_verify")})
    ada.refresh_from_db()
    assert ada.email == "new@buyer.example"
    assert list(EmailAddress.objects.values_list("email", "verified")) == [("new@buyer.example", True)]
    told = OutboxMessage.objects.get(kind="account_notice")
    assert (told.to, "new@buyer.example" in told.text) == (EMAIL, True)


def test_sessions_are_listed_and_others_are_signed_out(ada: User) -> None:
    here, there = App(), App()
    here.sign_in(EMAIL, PASSWORD)
    there.sign_in(EMAIL, PASSWORD)
    rows = here.get("auth/app/sessions").json()["data"]
    assert sorted(row["is_current"] for row in rows) == [False, True]

    other = next(row["id"] for row in rows if not row["is_current"])
    answer = here.send("DELETE", "auth/app/sessions", {"sessions": [other]})

    assert (answer.status_code, len(answer.json()["data"])) == (200, 1)
    assert here.get("me").status_code == 200
    assert there.get("me").status_code == 401


def test_nobody_ends_a_stranger_s_session(ada: User) -> None:
    eve = User.objects.create_user("eve@buyer.example", PASSWORD)
    registration.vouch_for(eve, at=reading.now())
    hers, theirs = App(), App()
    hers.sign_in("eve@buyer.example", PASSWORD)
    theirs.sign_in(EMAIL, PASSWORD)
    foreign = theirs.get("auth/app/sessions").json()["data"][0]["id"]

    answer = hers.send("DELETE", "auth/app/sessions", {"sessions": [foreign]})

    assert answer.status_code == 400
    assert theirs.get("me").status_code == 200


def test_writes_of_a_browser_need_the_csrf_token(ada: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    body = {"email": EMAIL, "password": PASSWORD}

    refused = browser.post("/api/v1/auth/browser/login", body, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    assert refused["Content-Type"] == "application/problem+json"

    browser.get("/api/v1/auth/browser/session")
    token = browser.cookies["csrftoken"].value
    taken = browser.post(
        "/api/v1/auth/browser/login", body, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert taken.status_code == 200
    assert browser.get("/api/v1/me").status_code == 200


def test_an_app_s_token_does_not_come_from_a_cookie(client: Client, ada: User) -> None:
    client.force_login(ada)

    answer = client.get("/api/v1/auth/app/session")

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"email", "password"}),
        ({"email": EMAIL}, {"password"}),
        ({"email": 5, "password": PASSWORD}, {"email"}),
        ({"email": [EMAIL], "password": PASSWORD}, {"email"}),
        ({"email": "nobody", "password": PASSWORD}, {"email"}),
        ({"email": EMAIL, "password": "x" * 1001}, {"password"}),
        ({"email": EMAIL, "password": PASSWORD, "is_staff": True}, {"is_staff"}),
    ],
)
def test_bad_input_is_named_by_field_and_writes_nothing(
    app: App, body: dict[str, Any], fields: set[str]
) -> None:
    answer = app.post("auth/app/signup", body)

    assert (answer.status_code, set(answer.json()["errors"])) == (400, fields)
    assert not User.objects.exists()
    assert not OutboxMessage.objects.exists()


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"x"', b"\xff", b'{"email": "a\\u0000@x.example"}', b"[" * 99])
def test_what_is_no_json_object_is_a_problem_and_no_500(app: App, raw: bytes) -> None:
    answer = app.raw("POST", "auth/app/login", raw)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_other_methods_and_clients_are_problems_too(app: App) -> None:
    assert app.send("PUT", "auth/app/login", {}).json()["code"] == "method_not_allowed"
    assert app.get("auth/toaster/login").json()["code"] == "not_found"
    form = Client().post("/api/v1/auth/app/login", {"email": EMAIL})
    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")


def test_a_link_never_names_the_host_that_the_request_claims(ada: User) -> None:
    Client().post("/account/password/reset", {"email": EMAIL}, headers={"Host": "evil.example"})

    message = OutboxMessage.objects.get(kind="account_reset")
    assert "evil.example" not in message.text + message.html
    assert "http://testserver/account/password/reset/" in message.text


def test_staff_do_not_read_the_keys_in_other_people_s_mails(client: Client, ada: User) -> None:
    client.post("/account/password/reset", {"email": EMAIL})
    message = OutboxMessage.objects.get(kind="account_reset")
    client.force_login(User.objects.create_superuser("boss@shop.example"))

    page = client.get(f"/admin/mail/outboxmessage/{message.pk}/change/").content.decode()

    key = re.search(r"password/reset/([^\s]+)", message.text)
    assert key is not None
    assert key.group(1) not in page
    assert "holds a key" in page


def without_token(answer: Any) -> dict[str, Any]:
    found = answer.json()
    found["meta"].pop("session_token", None)
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("alike", ["ada@buyer-\u0131n.example", "ada@\u017fhop.example"])
def test_an_account_is_found_by_its_own_address_and_not_by_one_that_looks_alike(alike: str) -> None:
    plain = alike.replace("\u0131", "i").replace("\u017f", "s")
    ada = User.objects.create_user(plain, "secret-words-9")
    with pytest.raises(User.DoesNotExist):
        User.objects.get_by_natural_key(alike)
    eve = User.objects.create_user(alike, "secret-words-9")

    assert User.objects.get_by_natural_key(plain.upper()) == ada
    assert User.objects.get_by_natural_key(alike) == eve
