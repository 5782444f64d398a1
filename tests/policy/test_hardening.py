"""What keeps strangers out beside permissions: origins, headers, logs, links, and settings of production."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery.app.task import Task
from django.core import signing
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import IsAuthenticated

from orders import links
from orders.models import Cart
from shop.accounts import registration
from shop.accounts.models import User
from shop.api.permissions import DenyAll, Public
from shop.clock import reading
from shop.logs import redact
from shop.mail.models import OutboxMessage
from tests.factories.catalog import make_variant
from tests.factories.orders import make_paid_order
from tests.till import ADDRESS, Till

ROOT = Path(__file__).parents[2]
FRIEND, STRANGER = "https://app.shop.example", "https://evil.example"


def api_views(patterns: Any = None, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the address and class of every REST view."""
    for pattern in patterns if patterns is not None else get_resolver().url_patterns:
        here = path + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from api_views(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern) and hasattr(pattern.callback, "cls"):
            yield here, pattern.callback.cls


def test_every_view_names_its_permission() -> None:
    ours = {path: view for path, view in api_views() if not view.__module__.startswith("drf_spectacular")}

    assert len(ours) > 40
    for path, view in ours.items():
        assert set(view.permission_classes) & {Public, IsAuthenticated}, path
        assert DenyAll not in view.permission_classes, path


@pytest.mark.django_db
def test_only_known_origins_read_the_api_and_never_with_cookies(client: Client, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [FRIEND]
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}

    for origin, allowed in (
        (FRIEND, FRIEND),
        (STRANGER, None),
        ("null", None),
        (f"{FRIEND}.evil.example", None),
    ):
        read = client.get("/api/v1/products", headers={"Origin": origin})
        first = client.options("/api/v1/carts", headers={"Origin": origin, **asks})
        for answer in (read, first):
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed, origin
            assert "Origin" in answer.headers["Vary"]
            assert "Access-Control-Allow-Credentials" not in answer.headers
        assert first.status_code == (204 if allowed else 405)
    assert "Access-Control-Allow-Origin" not in client.get("/", headers={"Origin": FRIEND}).headers


@pytest.mark.django_db
def test_a_cart_and_an_account_are_counted_from_wherever_they_are_used(settings: Any) -> None:
    settings.RATE_LIMIT_SCALE = 3 / 240
    cart = Client().post("/api/v1/carts", {}, content_type="application/json").json()["id"]
    user = User.objects.create_user("ada@buyer.example")

    by_cart = [Client(REMOTE_ADDR=f"198.51.100.{n}").get(f"/api/v1/carts/{cart}") for n in range(5)]
    by_account = []
    for n in range(10):
        browser = Client(REMOTE_ADDR=f"203.0.113.{n}")
        browser.force_login(user)
        by_account.append(browser.get("/api/v1/me"))

    assert [answer.status_code for answer in by_cart] == [200, 200, 200, 429, 429]
    assert int(by_cart[-1].headers["Retry-After"]) <= 60
    assert [answer.status_code for answer in by_account] == [200] * 7 + [429] * 3
    assert Client().get("/api/v1/products").status_code == 200


@pytest.mark.django_db
def test_answers_are_not_framed_sniffed_or_named_to_others(client: Client) -> None:
    order = make_paid_order()

    for path in ("/", f"/o/{links.order_token(order)}", "/api/v1/products", "/account/login"):
        headers = client.get(path).headers
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        policy = headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


@pytest.mark.django_db
def test_security_txt_says_who_to_write_to_and_until_when(client: Client) -> None:
    lines = client.get("/.well-known/security.txt").content.decode().splitlines()
    fields = dict(line.split(": ", 1) for line in lines)

    assert fields["Contact"].startswith("mailto:")
    until = datetime.fromisoformat(fields["Expires"])
    assert timedelta(0) < until - reading.now() < timedelta(days=366)


def test_production_passes_djangos_own_check() -> None:
    env = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "DJANGO_SETTINGS_MODULE": "shop.settings.production",
        "SECRET_KEY": "qX7-" + "kP3vZ9mW2rT8" * 5,
        "ALLOWED_HOSTS": "shop.example",
        "BASE_URL": "https://shop.example",
        "DEPLOYMENT_NAME": "production",
        "DATABASE_URL": "postgres://shop@127.0.0.1:1/shop",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "DEFAULT_FROM_EMAIL": "orders@shop.example",
        "STRIPE_SECRET_KEY": "sk_live_1",
        "STRIPE_PUBLISHABLE_KEY": "pk_live_1",
        "STRIPE_WEBHOOK_SECRETS": "whsec_1",
    }
    argv = [sys.executable, "-W", "ignore", "manage.py", "check", "--deploy", "--fail-level", "WARNING"]

    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.django_db
@pytest.mark.parametrize("salt", ["", "catalog.back_in_stock", "orders.withdrawal", "content.preview"])
def test_a_link_signed_for_something_else_opens_no_order(client: Client, salt: str) -> None:
    order = make_paid_order()
    token = signing.dumps(order.reference, salt=salt)

    assert client.get(f"/o/{token}").status_code == 404
    proof = {"Authorization": f"OrderToken {token}"}
    assert client.get(f"/api/v1/orders/{order.reference}", headers=proof).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("next_page", [STRANGER, "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(client: Client, next_page: str) -> None:
    user = User.objects.create_user("ada@buyer.example", "seven green otters")
    registration.vouch_for(user, at=reading.now())
    body = {"login": user.email, "password": "seven green otters", "next": next_page}

    answer = client.post("/account/login", body)

    assert (answer.status_code, answer["Location"]) == (302, "/account")


@pytest.mark.parametrize(
    "line",
    [
        "Not Found: /o/IkszTE0i:1vNabc:signature-signature-signature",
        "Bad Request: /api/v1/carts/i3fzUq1epHRwZlCXOXq_alJwwRIIH7CU/lines",
        "Gone: /account/password/reset/5-d2abc-0123456789abcdef0123",
        "Authorization: OrderToken IkszTE0i:1vNabc:signature",
        "DETAIL:  Failing row contains (5, ada@buyer.example, 12 Canal Street).",
        "to Ada <ada.b+x@buyer.example>",
        "client_secret=pi_1_secret_abc",
    ],
)
def test_a_line_of_the_log_holds_no_key_and_no_address(line: str) -> None:
    said = redact(line)

    for secret in ("signature", "i3fzUq1", "0123456789", "ada", "Canal", "secret_abc"):
        assert secret not in said, said


def test_a_usual_line_stays_as_it_is() -> None:
    line = "2026-11-23 Not Found: /api/v1/articles/how-to-take-a-magnesium-foot-soak"

    assert redact(line) == line


@pytest.mark.django_db(transaction=True)
def test_a_purchase_leaves_no_person_in_logs_tasks_or_metadata(
    till: Till, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(Task, "apply_async", lambda self, *a, **k: sent.append(f"{self.name} {a} {k}"))
    caplog.set_level(logging.DEBUG)
    make_variant(sku="FLK")

    order = till.bought(("FLK", 1, {"unit": "week", "count": 4}))
    Client().get(f"/o/{links.order_token(order)}x")

    lines = [logging.Formatter("%(message)s").format(record) for record in caplog.records]
    shown = [redact(line) for line in lines]
    cart = Cart.objects.latest("pk").token
    for secret in ("ada@buyer.example", ADDRESS["name"], ADDRESS["line1"], cart, links.order_token(order)):
        assert not [line for line in shown if secret in line]
        assert not [line for line in sent if secret in line]
    intent = till.stripe.intent(order.payment.stripe_payment_intent_id or "")
    assert ADDRESS["name"] not in str(intent["metadata"])
    assert "@" not in str(intent["metadata"])
    assert OutboxMessage.objects.filter(to="ada@buyer.example").exists(), "the mail knows, and it alone"
    assert sent, "tasks were woken, by id"
