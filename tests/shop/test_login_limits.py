"""Guessing is stopped within 15 tries per account and per address, at every door, with Redis or without."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.cache import cache
from django.db import connection
from django.test import Client

from shop import redis
from shop.accounts import registration
from shop.accounts.models import User
from shop.clock import reading
from tests.strangers import App

EMAIL = "ada@buyer.example"
PASSWORD = "seven green otters"
MOST_TRIES = 15
NOBODY_LISTENS = "redis://127.0.0.1:9/0"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _real_limits(settings: Any) -> None:
    settings.RATE_LIMIT_SCALE = 1.0


@pytest.fixture
def ada() -> User:
    user = User.objects.create_user(EMAIL, PASSWORD)
    registration.vouch_for(user, at=reading.now())
    return user


@pytest.fixture(params=["with redis", "without redis"])
def counters(request: pytest.FixtureRequest, settings: Any) -> str:
    """Where tries are counted: in Redis, or in PostgreSQL while Redis is gone."""
    if request.param == "without redis":
        settings.REDIS_URL = NOBODY_LISTENS
        redis.forget_failure()
    return request.param


def by_app(address: str, email: str, password: str) -> Any:
    return App(address=address).post("auth/app/login", {"email": email, "password": password})


def by_browser_api(address: str, email: str, password: str) -> Any:
    body = {"email": email, "password": password}
    return Client().post(
        "/api/v1/auth/browser/login", body, content_type="application/json", REMOTE_ADDR=address
    )


def by_page(address: str, email: str, password: str) -> Any:
    return Client().post("/account/login", {"login": email, "password": password}, REMOTE_ADDR=address)


def by_admin(address: str, email: str, password: str) -> Any:
    """The admin has no login form of its own: follow it to where it sends people."""
    client = Client()
    answer = client.get("/admin/login/", REMOTE_ADDR=address)
    assert answer["Location"].startswith("/account/login?")
    form = {"login": email, "password": password}
    return client.post(answer["Location"], form, REMOTE_ADDR=address)


Door = Callable[[str, str, str], Any]
DOORS = pytest.mark.parametrize("door", [by_app, by_browser_api, by_page, by_admin])


def tries_until_stopped(guess: Callable[[int], Any]) -> int:
    """Return how many guesses were looked at before the first that was not."""
    return next(n for n in range(100) if guess(n).status_code == 429)


@DOORS
def test_one_account_is_guessed_at_ten_times_from_anywhere(ada: User, counters: str, door: Door) -> None:
    looked_at = tries_until_stopped(
        lambda n: door(f"203.0.113.{n}", EMAIL.upper() if n % 2 else EMAIL, f"no{n}")
    )

    assert looked_at == 10 <= MOST_TRIES
    refused = door("203.0.113.200", EMAIL, PASSWORD)
    assert refused.status_code == 429, "now the right one helps nobody either"
    assert 0 < int(refused["Retry-After"]) <= 900


@DOORS
def test_one_address_guesses_fifteen_times_at_anybody(ada: User, counters: str, door: Door) -> None:
    looked_at = tries_until_stopped(lambda n: door("203.0.113.9", f"user{n}@buyer.example", "guess"))

    assert looked_at == MOST_TRIES
    assert door("203.0.113.10", EMAIL, PASSWORD).status_code in {200, 302}, "others are not touched"


def test_an_ipv6_line_is_one_address(ada: User) -> None:
    looked_at = tries_until_stopped(lambda n: by_app(f"2001:db8:1:2::{n:x}", f"u{n}@buyer.example", "guess"))

    assert looked_at == MOST_TRIES


def test_a_header_makes_nobody_another_visitor(ada: User) -> None:
    def guess(n: int) -> Any:
        body = {"login": f"u{n}@buyer.example", "password": "guess"}
        headers = {"X-Forwarded-For": f"198.51.100.{n}"}
        return Client().post("/account/login", body, headers=headers, REMOTE_ADDR="203.0.113.9")

    assert tries_until_stopped(guess) == MOST_TRIES


@DOORS
def test_being_right_costs_nothing(ada: User, counters: str, door: Door) -> None:
    answers = [door("203.0.113.9", EMAIL, PASSWORD).status_code for _ in range(20)]

    assert set(answers) <= {200, 302}


def test_being_right_elsewhere_does_not_reset_a_guesser(ada: User) -> None:
    eve = User.objects.create_user("eve@buyer.example", PASSWORD)
    registration.vouch_for(eve, at=reading.now())

    def guess(n: int) -> Any:
        by_app("203.0.113.9", "eve@buyer.example", PASSWORD)
        return by_app("203.0.113.9", EMAIL, f"no{n}")

    assert tries_until_stopped(guess) == 10


def test_after_its_window_the_customer_gets_in_and_refused_tries_did_not_lengthen_it(ada: User) -> None:
    for n in range(30):
        by_app(f"203.0.113.{n}", EMAIL, f"no{n}")
    assert by_app("203.0.113.99", EMAIL, PASSWORD).status_code == 429

    let_windows_end()

    assert by_app("203.0.113.99", EMAIL, PASSWORD).status_code == 200


def test_without_redis_the_window_ends_as_well(ada: User, settings: Any) -> None:
    settings.REDIS_URL = NOBODY_LISTENS
    for n in range(11):
        by_app(f"203.0.113.{n}", EMAIL, f"no{n}")
    assert by_app("203.0.113.99", EMAIL, PASSWORD).status_code == 429

    with connection.cursor() as cursor:
        cursor.execute("UPDATE api_limit_counter SET ends_at = now() - interval '1 second'")

    assert by_app("203.0.113.99", EMAIL, PASSWORD).status_code == 200


def test_proving_again_who_one_is_counts_as_guessing(ada: User) -> None:
    app = App()
    app.sign_in(EMAIL, PASSWORD)

    looked_at = tries_until_stopped(lambda n: app.post("auth/app/reauthenticate", {"password": f"no{n}"}))

    assert looked_at == 10


def test_the_present_password_is_not_guessed_by_whoever_has_the_session(ada: User) -> None:
    app = App()
    app.sign_in(EMAIL, PASSWORD)
    body = {"new_password": "nine purple herons"}

    looked_at = tries_until_stopped(
        lambda n: app.post("auth/app/password/change", {**body, "current_password": f"no{n}"})
    )

    assert looked_at == 10
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


def test_codes_are_guessed_ten_times_however_often_one_starts_over(ada: User, counters: str) -> None:
    TOTP.activate(ada, "JBSWY3DPEHPK3PXP")

    def guess(n: int) -> Any:
        app = App(address=f"203.0.113.{n}")
        first = app.sign_in(EMAIL, PASSWORD)
        assert (first.status_code, first.json()["code"]) == (401, "mfa_authenticate")
        return app.post("auth/app/2fa/authenticate", {"code": "000000"})

    assert tries_until_stopped(guess) == 10


def test_a_code_opens_the_door_once_with_redis_or_without(ada: User, counters: str) -> None:
    TOTP.activate(ada, "JBSWY3DPEHPK3PXP")
    code = format_hotp_value(hotp_value("JBSWY3DPEHPK3PXP", list(yield_hotp_counters_from_time())[1]))
    first, second = App(), App()
    first.sign_in(EMAIL, PASSWORD)
    second.sign_in(EMAIL, PASSWORD)

    answers = [app.post("auth/app/2fa/authenticate", {"code": code}) for app in (first, second)]

    assert [answer.status_code for answer in answers] == [200, 400]
    assert first.get("me").status_code == 401 or answers[0].json()["meta"]["is_authenticated"]


def test_a_recovery_code_opens_the_door_once(ada: User) -> None:
    TOTP.activate(ada, "JBSWY3DPEHPK3PXP")
    code = RecoveryCodes.activate(ada).get_unused_codes()[0]

    answers = []
    for _ in range(2):
        app = App()
        app.sign_in(EMAIL, PASSWORD)
        answers.append(app.post("auth/app/2fa/authenticate", {"code": code}).status_code)

    assert answers == [200, 400]


def test_mails_to_one_address_are_few(ada: User, counters: str) -> None:
    looked_at = tries_until_stopped(
        lambda n: App(address=f"203.0.113.{n}").post("auth/app/password/request", {"email": EMAIL})
    )

    assert looked_at == 5


def test_one_address_opens_twenty_accounts_an_hour(counters: str) -> None:
    looked_at = tries_until_stopped(
        lambda n: App().post("auth/app/signup", {"email": f"u{n}@buyer.example", "password": PASSWORD})
    )

    assert looked_at == 20
    assert User.objects.count() == 20


def let_windows_end() -> None:
    """Forget what Redis counted, as it does by itself when a window ends."""
    cache.clear()
