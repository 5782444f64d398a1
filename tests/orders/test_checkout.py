"""From cart to order over the API: what is written, what is refused, and that refusals write nothing."""

from typing import Any

import pytest
from django.conf import settings

from catalog.models import StockLevel, StockReservation
from orders.models import CartLine, Consent, Customer, Order, Payment, PaymentAttempt
from tests.factories.catalog import make_bundle, make_variant
from tests.stripe_side import StripeSide
from tests.till import ADDRESS, Till

pytestmark = pytest.mark.django_db


def test_a_checkout_freezes_what_was_agreed(till: Till) -> None:
    flakes = make_variant(sku="FLK", prices={"GBP": 1195})

    placed = till.order(("FLK", 2))

    order = Order.objects.get()
    line = order.lines.get()
    assert placed["reference"] == order.reference
    assert (order.status, order.payment_status) == ("pending", "unpaid")
    assert (line.sku, line.quantity, line.unit_price, line.gross) == ("FLK", 2, 1195, 2390)
    assert (order.items_total, order.shipping_total, order.total) == (2390, 595, 2985)
    assert order.total == order.payment.amount
    assert StockLevel.objects.get(variant=flakes).reserved == 2
    assert StockReservation.objects.get().status == "held"
    assert Consent.objects.get().kind == "terms"
    assert not Customer.objects.exists(), "nobody's card is kept without a refill"


def test_the_intent_asks_for_the_order_total_and_names_the_order(till: Till, stripe_side: StripeSide) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})

    placed = till.order(("FLK", 1))

    intent = stripe_side.intent(placed["payment"]["client_secret"].split("_secret_")[0])
    assert intent["amount"] == placed["totals"]["total"]["amount"]
    assert intent["currency"] == "gbp"
    assert intent["metadata"] == {"order_id": placed["reference"]}
    assert intent["status"] == "requires_payment_method"


def test_an_attempt_is_written_before_every_call(till: Till) -> None:
    make_variant(sku="FLK", is_subscribable=True)

    till.order(("FLK", 1, {"unit": "week", "count": 4}))

    attempts = PaymentAttempt.objects.values_list("number", "kind", "outcome")
    assert list(attempts) == [(1, "create_customer", "ok"), (2, "create_intent", "ok")]


def test_asking_twice_gives_the_same_order(till: Till) -> None:
    make_variant(sku="FLK")
    token = till.cart(("FLK", 1))

    first, second = till.check_out(token), till.check_out(token)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["reference"] == second.json()["reference"]
    assert first.json()["payment"]["client_secret"] == second.json()["payment"]["client_secret"]
    assert Order.objects.count() == Payment.objects.count() == 1


def test_an_idempotency_key_replays_the_stored_answer(till: Till) -> None:
    make_variant(sku="FLK")
    token = till.cart(("FLK", 1))

    first = till.check_out(token, **{"Idempotency-Key": "k-1"})
    second = till.check_out(token, **{"Idempotency-Key": "k-1"})
    other = till.check_out(token, total=1, **{"Idempotency-Key": "k-1"})

    assert (first.status_code, second.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert other.json()["code"] == "idempotency_key_reused"


def test_a_total_that_moved_is_refused_with_the_new_one(till: Till) -> None:
    make_variant(sku="FLK", prices={"GBP": 1195})
    token = till.cart(("FLK", 1))

    answer = till.check_out(token, total=1000)

    assert answer.status_code == 409
    assert answer.json()["code"] == "price_changed"
    assert answer.json()["total"] == {"amount": 1590, "currency": "GBP"}
    assert not Order.objects.exists()


def test_what_is_not_there_is_refused_by_sku(till: Till) -> None:
    make_variant(sku="FLK", stock=2)
    token = till.cart(("FLK", 3))

    answer = till.check_out(token)

    assert answer.status_code == 409
    assert answer.json()["code"] == "out_of_stock"
    assert (answer.json()["sku"], answer.json()["available"]) == ("FLK", 2)
    assert not Order.objects.exists()
    assert StockLevel.objects.get().reserved == 0


def test_a_refill_needs_its_own_consent(till: Till) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    token = till.cart(("FLK", 1, {"unit": "week", "count": 4}))

    answer = till.check_out(token, refill=False)

    assert answer.status_code == 400
    assert answer.json()["code"] == "consent_missing"
    assert list(answer.json()["errors"]) == ["consents.refill"]
    assert not Order.objects.exists()


def test_a_bundle_takes_its_components_and_splits_its_price(till: Till) -> None:
    flakes = make_variant(sku="FLK", prices={"GBP": 1195}, stock=5)
    oil = make_variant(sku="OIL", prices={"GBP": 995}, stock=3)
    make_bundle([(flakes, 1), (oil, 2)], sku="SET", prices={"GBP": 2800})

    till.order(("SET", 1))

    parts = (
        Order.objects.get()
        .lines.get()
        .components.order_by("pk")
        .values_list("sku", "quantity", "gross_share")
    )
    assert list(parts) == [("FLK", 1, 1051), ("OIL", 2, 1749)]
    assert StockLevel.objects.get(variant=oil).reserved == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"sku": "FLK", "quantity": 0}, "quantity"),
        ({"sku": "FLK", "quantity": -1}, "quantity"),
        ({"sku": "FLK", "quantity": 1.5}, "quantity"),
        ({"sku": "FLK", "quantity": "2"}, "quantity"),
        ({"sku": "FLK", "quantity": True}, "quantity"),
        ({"sku": "FLK", "quantity": 10**9}, "quantity"),
        ({"sku": "FLK", "quantity": 10**30}, "quantity"),
        ({"sku": "FLK", "quantity": 100}, "quantity"),
        ({"sku": "NOPE", "quantity": 1}, "sku"),
        ({"sku": "FLK\x00", "quantity": 1}, "sku"),
        ({"sku": ["FLK"], "quantity": 1}, "sku"),
        ({"sku": "FLK", "quantity": 1, "price": 1}, "price"),
        ({"sku": "FLK", "quantity": 1, "refill": {"unit": "year", "count": 1}}, "refill"),
        ({"sku": "FLK", "quantity": 1, "refill": {"unit": "day", "count": 1}}, "refill"),
        ({"quantity": 1}, "sku"),
    ],
)
def test_a_bad_line_is_a_clear_refusal_that_writes_nothing(till: Till, body: Any, field: str) -> None:
    make_variant(sku="FLK", is_subscribable=True)
    token = till.send("POST", "carts", {}).json()["id"]

    answer = till.send("POST", f"carts/{token}/lines", body)

    assert answer.status_code == 400, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert field in answer.json()["errors"], answer.json()
    assert not CartLine.objects.exists()


def test_a_client_cannot_send_a_price(till: Till) -> None:
    make_variant(sku="FLK")
    token = till.send("POST", "carts", {}).json()["id"]

    answer = till.send("POST", f"carts/{token}/lines", {"sku": "FLK", "quantity": 1, "unit_price": 1})

    assert answer.status_code == 400
    assert answer.json()["code"] == "unknown_field"


@pytest.mark.parametrize("path", ["carts/nope", "carts/" + "x" * 200, "carts/%00"])
def test_a_foreign_cart_does_not_exist(till: Till, path: str) -> None:
    answer = till.send("GET", path)

    assert answer.status_code in {400, 404}
    assert answer.json()["code"] in {"cart_not_found", "forbidden_character"}


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b'"x"', b"null", b"\xff", b'{"sku": NaN}', b"[" * 100_000, b'{"sku":"\\ud800"}',
     b'{"sku":"a","sku":"b"}', b'{"sku": "' + b"x" * 300_000 + b'"}'],
)  # fmt: skip
def test_a_malformed_body_is_refused(till: Till, raw: bytes) -> None:
    token = till.send("POST", "carts", {}).json()["id"]

    answer = till.client.generic(
        "POST", f"/api/v1/carts/{token}/lines", data=raw, content_type="application/json"
    )

    assert 400 <= answer.status_code < 500
    assert answer.json()["code"]


def test_a_checkout_stays_within_its_query_budget(till: Till, django_assert_max_num_queries: Any) -> None:
    for sku in ("A", "B", "C"):
        make_variant(sku=sku)
    two, three = till.cart(("A", 1), ("B", 1)), till.cart(("A", 1), ("B", 1), ("C", 1))
    total_of_two, total_of_three = till.total(two), till.total(three)

    with django_assert_max_num_queries(25):
        assert till.check_out(two, total=total_of_two).status_code == 201
    with django_assert_max_num_queries(26):
        assert till.check_out(three, total=total_of_three).status_code == 201


def test_an_order_opens_only_with_its_own_proof(till: Till) -> None:
    make_variant(sku="FLK")
    mine, other = till.order(("FLK", 1)), till.order(("FLK", 1))

    def look(**headers: str) -> int:
        return till.send("GET", f"orders/{mine['reference']}", **headers).status_code

    assert look(Authorization=f"OrderToken {mine['token']}") == 200
    assert look() == 404
    assert look(Authorization=f"OrderToken {other['token']}") == 404
    assert look(Authorization=f"OrderToken {mine['token'][:-1]}x") == 404


def test_without_keys_nothing_can_be_ordered(till: Till, settings: Any) -> None:
    make_variant(sku="FLK")
    token = till.cart(("FLK", 1))
    settings.STRIPE_SECRET_KEY = ""

    answer = till.check_out(token)

    assert answer.status_code == 503
    assert answer.json()["code"] == "payments_not_configured"
    assert not Order.objects.exists()


def test_when_stripe_does_not_answer_the_order_is_kept_and_resumable(
    till: Till, settings: Any, stripe_url: str
) -> None:
    make_variant(sku="FLK")
    token = till.cart(("FLK", 1))
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    refused = till.check_out(token)

    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "5"
    order = Order.objects.get()
    assert refused.json()["order"] == order.reference
    assert order.payment.attempts.get().outcome == "unknown"

    settings.STRIPE_API_BASE = stripe_url
    resumed = till.check_out(token)

    assert resumed.status_code == 200
    assert resumed.json()["reference"] == order.reference
    assert [attempt.outcome for attempt in order.payment.attempts.all()] == ["ok"]


def test_the_hold_lasts_fifteen_minutes(till: Till) -> None:
    make_variant(sku="FLK")

    till.order(("FLK", 1))

    order = Order.objects.get()
    assert order.hold_expires_at is not None
    assert order.hold_expires_at - order.placed_at == settings.HOLD_FOR


@pytest.mark.parametrize(
    "changes",
    [
        {"country": "DE"},
        {"country": "GB", "shipping_address": {**ADDRESS, "country": "DE", "postal_code": "10115"}},
    ],
)
def test_a_country_other_than_the_address_is_refused(till: Till, changes: dict[str, Any]) -> None:
    make_variant(sku="FLK")
    token = till.cart(("FLK", 1))
    before = till.send("GET", f"carts/{token}").json()

    answer = till.send("PATCH", f"carts/{token}", changes)

    assert (answer.status_code, answer.json()["code"]) == (400, "country_mismatch")
    assert list(answer.json()["errors"]) == ["country"]
    assert till.send("GET", f"carts/{token}").json() == before


def test_an_address_abroad_takes_country_and_currency_along(till: Till) -> None:
    make_variant(sku="FLK")
    token = till.cart(("FLK", 1))
    abroad = {**ADDRESS, "city": "Berlin", "country": "DE", "postal_code": "10115"}

    answer = till.send("PATCH", f"carts/{token}", {"shipping_address": abroad})

    assert answer.status_code == 200
    assert (answer.json()["country"], answer.json()["currency"]) == ("DE", "EUR")


def test_a_country_is_read_in_any_case_as_an_address_has_it(till: Till) -> None:
    made = till.send("POST", "carts", {"country": "de"}).json()
    changed = till.send("PATCH", f"carts/{made['id']}", {"country": "us"}).json()
    refused = till.send("PATCH", f"carts/{made['id']}", {"country": "deu"})

    assert (made["country"], made["currency"]) == ("DE", "EUR")
    assert (changed["country"], changed["currency"]) == ("US", "USD")
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["country"])


def test_a_cart_says_what_is_wrong_in_words_that_help(till: Till) -> None:
    make_variant(sku="FLK", stock=0, is_subscribable=True)
    token = till.send("POST", "carts", {}).json()["id"]
    line = {"sku": "FLK", "quantity": 1, "refill": {"unit": "weeks", "count": 4}}
    changes = {"email": "ann@example.com", "shipping_address": ADDRESS, "shipping_method": "teleport"}

    refused = till.send("POST", f"carts/{token}/lines", line)
    line["refill"] = {"unit": "week", "count": 4}
    till.send("POST", f"carts/{token}/lines", line)
    cart = till.send("PATCH", f"carts/{token}", changes).json()

    assert refused.json()["errors"] == {"refill": {"unit": ["Choose one of: day, week, month."]}}
    assert [problem["detail"] for problem in cart["problems"]] == [
        "Choose a shipping method: the one that was chosen does not go there.",
        "Sold out.",
    ]
    assert not Order.objects.exists()
