"""A thousand malformed bodies, headers and cursors: each is refused or ignored; none is a 500, none writes."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from orders.models import Cart, CartLine, Order, OrderEvent, Payment, Subscription
from shop.accounts.models import User
from shop.api.models import IdempotencyKey
from shop.mail.models import OutboxMessage
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import Routine
from tests.stripe_side import StripeSide
from tests.till import ADDRESS, Till

# Real connections: a statement that PostgreSQL refuses must end with its own request.
pytestmark = pytest.mark.django_db(transaction=True)

KEPT = (Cart, CartLine, Order, OrderEvent, Payment, Subscription, OutboxMessage, IdempotencyKey, User)
BIG = 10**30
NEVER_VALID = [
    BIG, -BIG, 2**63, -1, 1.5, 1e308, True, [], [1], [[]], {"a": 1}, "\x00", "\ud800", "é\n", "١٢",
    "2026-02-30", "\u202e", "x" * 5000,
]  # fmt: skip
RAW = [
    b"", b"{", b"\xff", b"\xef\xbb\xbf{}", b"nul", b'"\\ud800"', b'{"a":1,"a":2}', b"[" * 5000, b"1" * 6000,
    b"-", b'{"quantity":NaN}', b"\x00", b"1e99999", b"[]", b"3", b"null", b'{"\\u0000":1}', b'{"zzz":1}',
]  # fmt: skip
TYPES = [
    "application/json", "application/json; charset=bogus", "application/json; charset=utf-16", "/", ";", "é/é",
    "multipart/form-data; boundary=x", "multipart/form-data", "application/x-www-form-urlencoded",
]  # fmt: skip
ODD = [
    " ", "é", "\x00", "x" * 300, "'; --", ";;", "*/*;q=abc", "http://[", "//[::1", "http://testserver/\\evil",
    "OrderToken \x00", "OrderToken é", "OrderToken a:b:c", "-1", "sessionid=\x00", "cart=x; market=é",
    "messages=x:y:z",
]  # fmt: skip
HEADERS = [
    "Idempotency-Key", "Authorization", "Accept", "Accept-Language", "X-Forwarded-For", "Referer", "Origin",
    "Cookie", "X-CSRFToken", "Range", "If-Modified-Since", "Content-Length", "X-HTTP-Method-Override",
]  # fmt: skip
READ_BY_PAGES = {"Accept-Language", "Cookie", "Referer"}
POSITIONS = [
    "p=abc", "p=\x00", "p=%00", "p=" + "9" * 40, "p=9223372036854775808", "p=-1", "p=nan", "p=2026-13-45",
    "p=2026-01-01", "p=0001-01-01 00:00:00+23:59", "p=9999-12-31 23:59:59-23:59", "p=True", "p=1e400",
    "o=99999999999999999999999", "o=-1", "o=abc", "r=1&p=x", "r=1&o=5",
    "p=2026-01-01 00:00:00+99:99", "p=2026-01-01 00:00:00+24:00",
]  # fmt: skip


def _rows() -> list[list[dict[str, Any]]]:
    return [list(model.objects.order_by("pk").values()) for model in KEPT]


class Prober:
    """Sends what nobody should, and keeps what came back."""

    def __init__(self) -> None:
        self.answers: dict[str, int] = {}

    def send(self, client: Client, method: str, path: str, raw: bytes = b"", **more: Any) -> None:
        client.raise_request_exception = False
        kind = more.pop("content_type", "application/json")
        answer = client.generic(method, path, data=raw, content_type=kind, **more)
        sent = f"{len(self.answers)}: {method} {path} {raw[-90:]!r} {kind} {more}"
        self.answers[sent] = answer.status_code

    def among(self, *families: int) -> dict[str, int]:
        """Return the answers whose status is in one of the hundreds."""
        return {sent: status for sent, status in self.answers.items() if status // 100 in families}


@pytest.fixture
def prober() -> Prober:
    return Prober()


def _spoilt(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the body with each of its fields, at any depth, replaced by each value that it must not have."""
    for name, good in body.items():
        for bad in NEVER_VALID:
            if not (isinstance(good, bool) and bad is True):
                yield {**body, name: bad}
        if isinstance(good, dict):
            yield from ({**body, name: inner} for inner in _spoilt(good))


def test_no_malformed_value_writes(till: Till, prober: Prober) -> None:
    make_variant(sku="FLK", stock=50)
    token = till.cart(("FLK", 1))
    line = CartLine.objects.get().pk
    refill = {"unit": "week", "count": 4}
    targets: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "carts", {"country": "GB", "currency": "GBP"}),
        ("PATCH", f"carts/{token}", {"email": "a@b.example", "locale": "en-gb", "shipping_address": {}}),
        ("POST", f"carts/{token}/lines", {"sku": "FLK", "quantity": 1, "refill": refill}),
        ("PATCH", f"carts/{token}/lines/{line}", {"quantity": 1, "refill": refill}),
        ("POST", f"carts/{token}/checkout", {"expected_total": 1, "consents": {"terms": True}}),
        ("POST", "refill-estimate", {"lines": [{"sku": "FLK"}]}),
    ]
    before = _rows()

    for method, path, body in targets:
        for spoilt in _spoilt(body):
            prober.send(till.client, method, f"/api/v1/{path}", json.dumps(spoilt).encode())
    for bad in NEVER_VALID:
        raw = json.dumps({"shipping_address": {**ADDRESS, "country": bad}}).encode()
        prober.send(till.client, "PATCH", f"/api/v1/carts/{token}", raw)

    assert len(prober.answers) > 300
    assert prober.among(2, 3, 5) == {}
    assert _rows() == before


def test_no_body_that_is_no_json_writes(till: Till, prober: Prober) -> None:
    make_variant(sku="FLK", stock=50)
    token = till.cart(("FLK", 1))
    before = _rows()

    for raw in RAW:
        for kind in TYPES:
            prober.send(till.client, "POST", f"/api/v1/carts/{token}/checkout", raw, content_type=kind)

    assert len(prober.answers) == len(RAW) * len(TYPES)
    assert prober.among(2, 3, 5) == {}
    assert _rows() == before


def test_no_header_is_too_odd(till: Till, prober: Prober) -> None:
    make_variant(sku="FLK", stock=50)
    token = till.cart(("FLK", 1))
    before = _rows()

    for header in HEADERS:
        for value in ODD:
            path = "/country" if header in READ_BY_PAGES else "/api/v1/topics"
            prober.send(Client(), "GET", path, headers={header: value})
    for value in ODD:
        # Pages that lead back to where the visitor came from, and a body whose length is a lie.
        form = {"raw": b"sku=&quantity=x", "content_type": "application/x-www-form-urlencoded"}
        prober.send(Client(), "POST", "/cart/add", headers={"Referer": value}, **form)
        headers = {"Content-Length": value, "Idempotency-Key": value}
        prober.send(Client(), "POST", f"/api/v1/carts/{token}/checkout", b"{}", headers=headers)

    assert len(prober.answers) > 250
    assert prober.among(5) == {}
    assert _rows() == before


@pytest.mark.parametrize(
    "referer", ["http://testserver//evil.example/x", "http://testserver/\\evil", "//[::1"]
)
def test_nobody_is_sent_elsewhere_by_a_referer(till: Till, referer: str) -> None:
    answer = Client().post("/cart/add", {"sku": "", "quantity": "x"}, headers={"Referer": referer})

    assert answer.status_code in {302, 422}
    assert answer.headers.get("Location", "/") == "/"


# A day without an hour is a moment to Django, which warns; the tests make that warning an error.
@pytest.mark.filterwarnings("ignore:.*received a naive datetime")
def test_no_cursor_is_too_odd(till: Till, stripe_side: StripeSide, prober: Prober) -> None:
    user = User.objects.create_user("ada@buyer.example")
    Routine(till.at, stripe_side).begin((make_variant(sku="FLK"), 1, "week", 4), user=user)
    signed_in = Client()
    signed_in.force_login(user)
    lists = ("products", "products?ordering=price", "products?ordering=name", "articles", "subscriptions")

    for position in POSITIONS:
        cursor = base64.b64encode(position.encode()).decode().replace("+", "%2B").replace("=", "%3D")
        for path in lists:
            joint = "&" if "?" in path else "?"
            prober.send(signed_in, "GET", f"/api/v1/{path}{joint}cursor={cursor}")
    for cursor in ("%00", "é", "x", "%FF", "A" * 5000):
        prober.send(signed_in, "GET", f"/api/v1/products?cursor={cursor}")

    assert len(prober.answers) > 100
    assert prober.among(3, 5) == {}


@pytest.mark.parametrize("interval", ["once\n", "week:4\n", "week:0"])
def test_an_interval_that_is_none_changes_nothing(client: Client, till: Till, interval: str) -> None:
    make_variant(sku="FLK")
    client.post("/cart/add", {"sku": "FLK", "quantity": "2", "plan": "refill", "weeks": "4"})
    line = CartLine.objects.get()

    answer = client.post(f"/cart/lines/{line.pk}", {"quantity": "1", "interval": interval})

    assert answer.status_code == 302
    line.refresh_from_db()
    assert (line.quantity, line.refill_unit, line.refill_count) == (2, "week", 4)
