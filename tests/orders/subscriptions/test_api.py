"""Refills over REST: your own, and nobody else's."""

import json
from typing import Any

import pytest
from django.test import Client

from orders.models import Refill, Subscription
from shop.accounts.models import User
from tests.factories.catalog import make_variant
from tests.orders.subscriptions.routine import Routine, cycle_of, days

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("doors_clock")]


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada@buyer.example", "secret-words-9")


@pytest.fixture
def signed_in(ada: User) -> Client:
    client = Client()
    client.force_login(ada)
    return client


def post(client: Client, path: str, body: Any = None, **headers: str) -> Any:
    data = json.dumps({} if body is None else body)
    return client.post(f"/api/v1/{path}", data, content_type="application/json", headers=headers)


def test_a_subscription_shows_what_comes_when_and_for_how_much(
    routine: Routine, ada: User, signed_in: Client
) -> None:
    (subscription,) = routine.begin((make_variant(), 2, "week", 4), user=ada)

    shown = signed_in.get(f"/api/v1/subscriptions/{subscription.reference}").json()

    assert shown["interval"] == {"unit": "week", "count": 4}
    assert shown["unit_price"] == {"amount": 1125, "currency": "GBP", "formatted": "£11.25"}
    assert (shown["next"]["due_on"], shown["next"]["refill"]) == ("2026-12-21", None)
    assert shown["card"]["last4"] == "4242"
    assert (shown["status"], shown["quantity"]) == ("active", 2)


def test_a_refill_shows_what_the_parcel_holds(routine: Routine, ada: User, signed_in: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 2, "week", 4), user=ada)
    refill = routine.remind(cycle_of(subscription).due_at - days(5))

    shown = signed_in.get(f"/api/v1/refills/{refill.reference}").json()

    assert shown["total"]["amount"] == 2 * 1125 + 595
    assert shown["items"][0]["subscription"] == subscription.reference
    assert (shown["status"], shown["order"]) == ("planned", None)


def test_to_others_it_does_not_exist(routine: Routine, signed_in: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4))
    refill = routine.remind(cycle_of(subscription).due_at - days(5))

    answers = [
        signed_in.get(f"/api/v1/subscriptions/{subscription.reference}"),
        post(signed_in, f"subscriptions/{subscription.reference}/cancel"),
        signed_in.get(f"/api/v1/refills/{refill.reference}"),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_found")] * 3
    assert signed_in.get("/api/v1/subscriptions").json()["results"] == []
    assert Subscription.objects.get().status == "active"


def test_strangers_are_asked_to_sign_in(db: None) -> None:
    answer = Client().get("/api/v1/subscriptions")

    assert answer.status_code in {401, 403}
    assert answer.json()["code"] == "not_authenticated"


def test_every_verb_answers_with_the_subscription_as_it_is_then(
    routine: Routine, ada: User, signed_in: Client
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4), user=ada)
    base = f"subscriptions/{subscription.reference}"

    assert post(signed_in, f"{base}/skip").json()["next"]["due_on"] == "2027-01-18"
    assert post(signed_in, f"{base}/unskip").json()["next"]["due_on"] == "2026-12-21"
    assert post(signed_in, f"{base}/change-quantity", {"quantity": 3}).json()["quantity"] == 3
    body = {"interval": {"unit": "week", "count": 6}}
    assert post(signed_in, f"{base}/reschedule", body).json()["next"]["due_on"] == "2027-01-04"
    paused = post(signed_in, f"{base}/pause", {"until": "2027-02-01"}).json()
    assert (paused["status"], paused["next"], paused["paused_until"]) == ("paused", None, "2027-02-01")
    assert post(signed_in, f"{base}/resume").json()["status"] == "active"
    cancelled = post(signed_in, f"{base}/cancel", {"reason": "Enough for now"}).json()
    assert (cancelled["status"], cancelled["next"]) == ("cancelled", None)


def test_a_repeated_request_skips_once(routine: Routine, ada: User, signed_in: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4), user=ada)
    key = {"Idempotency-Key": "skip-once"}

    first, second = [post(signed_in, f"subscriptions/{subscription.reference}/skip", **key) for _ in range(2)]

    assert first.json() == second.json()
    assert subscription.cycles.filter(status="skipped").count() == 1


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("skip", {"price": 1}, "price"),
        ("pause", {"until": "soon"}, "until"),
        ("change-quantity", {"quantity": "2"}, "quantity"),
        ("change-quantity", {"quantity": 0}, "quantity"),
        ("change-quantity", {"quantity": 100}, "quantity"),
        ("reschedule", {}, "interval"),
        ("reschedule", {"interval": {"unit": "year", "count": 1}}, "interval"),
        ("reschedule", {"interval": {"unit": "day", "count": 1}}, "interval"),
        ("change-card", {}, "card"),
        ("send-now", {}, "expected_total"),
        ("send-now", {"expected_total": -1}, "expected_total"),
        ("swap", {"sku": "NOPE"}, "sku"),
        ("items", {"sku": "NOPE", "quantity": 1}, "sku"),
        ("items", {"sku": "NOPE", "quantity": 0}, "quantity"),
        ("items", {"sku": "NOPE", "quantity": 1, "price": 1}, "price"),
        ("cancel", {"reason": 7}, "reason"),
    ],
)
def test_bad_input_names_its_field_and_writes_nothing(
    routine: Routine, ada: User, signed_in: Client, verb: str, body: dict[str, Any], field: str
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4), user=ada)

    answer = post(signed_in, f"subscriptions/{subscription.reference}/{verb}", body)

    assert answer.status_code == 400
    assert answer["Content-Type"].startswith("application/problem+json")
    assert field in answer.json()["errors"]
    subscription.refresh_from_db()
    assert (subscription.status, subscription.quantity, subscription.interval_count) == ("active", 1, 4)


def test_too_late_is_a_conflict_that_says_when_it_applies(
    routine: Routine, ada: User, signed_in: Client
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4), user=ada)
    routine.remind(cycle_of(subscription).due_at - days(5))
    Refill.objects.update(status="claimed", claimed_at=routine.at)

    answer = post(signed_in, f"subscriptions/{subscription.reference}/skip")

    assert (answer.status_code, answer.json()["code"]) == (409, "applies_from_next_refill")


def test_the_list_costs_the_same_however_long_it_is(
    routine: Routine, ada: User, signed_in: Client, django_assert_max_num_queries: Any
) -> None:
    customer = routine.customer(user=ada)
    routine.begin(*[(make_variant(), 1, "week", 4) for _ in range(12)], customer=customer)

    with django_assert_max_num_queries(5):
        page = signed_in.get("/api/v1/subscriptions?page_size=10").json()

    assert len(page["results"]) == 10
    assert page["next"]
    assert signed_in.get("/api/v1/subscriptions?status=paused").json()["results"] == []
    assert signed_in.get("/api/v1/subscriptions?colour=blue").status_code == 400


def test_send_now_takes_the_total_that_was_shown(routine: Routine, ada: User, signed_in: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4), user=ada)
    base = f"subscriptions/{subscription.reference}/send-now"
    total = signed_in.get(f"/api/v1/{base}").json()["total"]["amount"]

    wrong = post(signed_in, base, {"expected_total": total - 1})
    sent = post(signed_in, base, {"expected_total": total})

    assert (wrong.status_code, wrong.json()["code"]) == (409, "price_changed")
    assert wrong.json()["total"] == {"amount": total, "currency": "GBP"}
    assert sent.status_code == 200
    refill = Refill.objects.get()
    assert (refill.quoted_total, sent.json()["next"]["refill"]) == (total, refill.reference)


def test_whoever_has_seen_an_earlier_state_changes_nothing(
    routine: Routine, ada: User, signed_in: Client
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4), user=ada)
    base = f"subscriptions/{subscription.reference}"
    seen = signed_in.get(f"/api/v1/{base}")["ETag"]

    first = post(signed_in, f"{base}/change-quantity", {"quantity": 2}, **{"If-Match": seen})
    second = post(signed_in, f"{base}/change-quantity", {"quantity": 3}, **{"If-Match": seen})

    assert (first.status_code, second.status_code, second.json()["code"]) == (200, 412, "stale")
    assert first["ETag"] != seen
    subscription.refresh_from_db()
    assert subscription.quantity == 2
    newest = {"If-Match": f'"other", {first["ETag"]}'}
    assert post(signed_in, f"{base}/change-quantity", {"quantity": 3}, **newest).status_code == 200
    assert post(signed_in, f"{base}/change-quantity", {"quantity": 4}, **{"If-Match": "*"}).status_code == 200
    weak = {"If-Match": f"W/{signed_in.get(f'/api/v1/{base}')['ETag']}"}
    assert post(signed_in, f"{base}/skip", **weak).status_code == 412


def test_one_off_items_are_added_and_removed_by_parcel_and_by_subscription(
    routine: Routine, ada: User, signed_in: Client
) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4), user=ada)
    oil, spare = make_variant(), make_variant()
    base = f"subscriptions/{subscription.reference}"
    waits = post(signed_in, f"{base}/items", {"sku": oil.sku, "quantity": 1}).json()["items"]
    refill = routine.remind(cycle_of(subscription).due_at - days(5))
    parcel = f"refills/{refill.reference}"
    seen = signed_in.get(f"/api/v1/{parcel}")["ETag"]

    added = post(signed_in, f"{parcel}/items", {"sku": spare.sku, "quantity": 2}, **{"If-Match": seen})
    stale = post(signed_in, f"{parcel}/items", {"sku": spare.sku, "quantity": 2}, **{"If-Match": seen})
    gone = signed_in.delete(f"/api/v1/{parcel}/items/{waits[0]['id']}")
    left = signed_in.delete(f"/api/v1/{base}/items/{added.json()['items'][2]['id']}")

    assert [(item["sku"], item["refill"]) for item in waits] == [(oil.sku, None)]
    assert [item["quantity"] for item in added.json()["items"]] == [1, 1, 2]
    assert (stale.status_code, gone.status_code, left.status_code) == (412, 200, 200)
    assert left.json()["items"] == []
    assert signed_in.get(f"/api/v1/{parcel}").json()["total"]["amount"] == 1125 + 395
    assert signed_in.delete(f"/api/v1/{parcel}/items/X-NONE").status_code == 404


def test_swap_and_lengthen_answer_with_what_is_then(routine: Routine, ada: User, signed_in: Client) -> None:
    (subscription,) = routine.begin((make_variant(), 1, "week", 4), user=ada)
    other = make_variant(prices={"GBP": 2000})
    base = f"subscriptions/{subscription.reference}"

    offered = signed_in.get(f"/api/v1/{base}/swap").json()["results"]
    swapped = post(signed_in, f"{base}/swap", {"sku": other.sku}).json()
    longer = post(signed_in, f"{base}/lengthen").json()

    assert [(row["sku"], row["unit_price"]["amount"]) for row in offered] == [(other.sku, 1800)]
    assert (swapped["sku"], swapped["unit_price"]["amount"]) == (other.sku, 1800)
    assert (longer["interval"], longer["next"]["due_on"]) == ({"unit": "week", "count": 6}, "2027-01-04")
