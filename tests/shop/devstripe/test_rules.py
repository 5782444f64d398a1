"""What is refused: parameters, keys, amounts; and idempotency."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import stripe

from shop.devstripe.server import Server
from tests.shop.devstripe.harness import call, client_of, serving

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OPEN = {"amount": 2000, "currency": "gbp"}


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"colour": "blue"}, "parameter_unknown", "colour"),
        (
            {"shipping": {"name": "T", "address": {"lane": "1"}}},
            "parameter_unknown",
            "shipping[address][lane]",
        ),
        ({"amount": "ten"}, "parameter_invalid_integer", "amount"),
        ({"amount": 29}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": -5}, "parameter_invalid_integer", "amount"),
        ({"currency": "zzz"}, None, "currency"),
        ({"customer": "cus_nobody"}, "resource_missing", "customer"),
        ({"off_session": True}, None, "off_session"),
        ({"metadata": {"k" * 41: "v"}}, None, "metadata"),
        ({"metadata": {"k": "v" * 501}}, None, "metadata[k]"),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, None, "metadata"),
        ({"setup_future_usage": "sometimes"}, None, "setup_future_usage"),
        (
            {"payment_method_types": ["card"]},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        ({"expand": ["colour"]}, None, "expand"),
        ({"automatic_payment_methods": "yes"}, None, "automatic_payment_methods"),
    ],
)
def test_stripe_s_own_refusals(v1: Any, change: dict[str, Any], code: str | None, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        v1.payment_intents.create({**OPEN, **change})

    assert (refusal.value.http_status, refusal.value.code, refusal.value.param) == (400, code, param)
    assert v1.payment_intents.list({}).data == []


def test_metadata_keys_may_be_numbers(v1: Any) -> None:
    assert v1.customers.create({"metadata": {"0": "a", "17": "b"}}).metadata.to_dict() == {
        "0": "a",
        "17": "b",
    }


def test_a_missing_parameter_is_named(v1: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        v1.payment_intents.create({"amount": 2000})

    assert (refusal.value.code, refusal.value.param) == ("parameter_missing", "currency")


@pytest.mark.parametrize("key", ["", "nonsense", "sk_live_abc", "pk_live_abc"])
def test_only_test_keys_are_taken(server: Server, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}

    status, _, body = call(f"{server.url}/v1/customers", headers=headers)

    assert (status, body["error"]["type"]) == (401, "invalid_request_error")


def test_an_unknown_address_is_stripe_s_404(server: Server) -> None:
    status, headers, body = call(f"{server.url}/v1/unicorns", headers={"Authorization": "Bearer sk_test_x"})

    assert (status, body["error"]["type"]) == (404, "invalid_request_error")
    assert headers["Request-Id"].startswith("req_")


def test_a_publishable_key_needs_the_client_secret_and_gets_little(v1: Any, server: Server) -> None:
    intent = v1.payment_intents.create({**OPEN, "metadata": {"order_id": "A1"}})
    url = f"{server.url}/v1/payment_intents/{intent.id}"
    browser = {"Authorization": "Bearer pk_test_x"}

    assert call(f"{server.url}/v1/payment_intents", headers=browser)[0] == 401
    assert call(f"{server.url}/v1/refunds", "POST", "", browser)[0] == 401
    assert call(url, headers=browser)[0] == 400
    assert call(f"{url}?client_secret={intent.id}_secret_wrong", headers=browser)[0] == 400
    status, headers, seen = call(f"{url}?client_secret={intent.client_secret}", headers=browser)
    assert (status, seen["status"], "metadata" in seen) == (200, "requires_payment_method", False)
    assert headers["Access-Control-Allow-Origin"] == "*"


def test_the_browser_confirms_with_a_card_it_describes(v1: Any, server: Server) -> None:
    intent = v1.payment_intents.create(OPEN)
    card = "[card][number]=4242424242424242&payment_method_data[card][exp_month]=12"
    body = f"client_secret={intent.client_secret}&payment_method_data[type]=card&payment_method_data{card}"
    url = f"{server.url}/v1/payment_intents/{intent.id}/confirm"

    year = "&payment_method_data[card][exp_year]=2034"
    status, _, _ = call(url, "POST", body + year, {**FORM, "Authorization": "Bearer pk_test_x"})

    assert (status, v1.payment_intents.retrieve(intent.id).status) == (200, "succeeded")
    assert call(url, "POST", body + year, {**FORM, "Authorization": "Bearer sk_test_x"})[0] == 400


def test_a_key_replays_its_answer_even_a_refusal(v1: Any) -> None:
    option = {"idempotency_key": "k-1"}
    params = {**OPEN, "payment_method": "pm_card_chargeDeclined", "confirm": True}

    answers = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refusal:
            v1.payment_intents.create(params, option)
        answers.append(refusal.value)

    assert answers[0].error.payment_intent.id == answers[1].error.payment_intent.id
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert len(v1.charges.list({}).data) == 1


def test_a_key_is_good_for_one_request_only(v1: Any) -> None:
    option = {"idempotency_key": "k-2"}
    v1.payment_intents.create(OPEN, option)

    with pytest.raises(stripe.IdempotencyError):
        v1.payment_intents.create({**OPEN, "amount": 2001}, option)
    with pytest.raises(stripe.IdempotencyError):
        v1.customers.create({}, option)


def test_a_request_refused_before_it_began_does_not_spend_its_key(v1: Any) -> None:
    option = {"idempotency_key": "k-3"}
    with pytest.raises(stripe.InvalidRequestError):
        v1.payment_intents.create({**OPEN, "colour": "blue"}, option)

    assert v1.payment_intents.create(OPEN, option).amount == 2000


def test_two_at_once_with_one_key_make_one_payment(v1: Any, server: Server) -> None:
    call(f"{server.url}/_test/settings", "POST", {"latency_seconds": 0.3})

    def attempt(_: int) -> int:
        try:
            return (
                client_of(server).payment_intents.create(OPEN, {"idempotency_key": "k-4"}).last_response.code
            )
        except stripe.StripeError as error:
            return error.http_status

    with ThreadPoolExecutor(2) as pool:
        codes = sorted(pool.map(attempt, range(2)))

    assert codes == [200, 409]
    assert len(v1.payment_intents.list({}).data) == 1


def test_pruned_keys_are_forgotten(v1: Any, server: Server) -> None:
    option = {"idempotency_key": "k-5"}
    first = v1.payment_intents.create(OPEN, option)

    assert call(f"{server.url}/_test/idempotency/prune", "POST", {})[2] == {"pruned": 1}

    assert v1.payment_intents.create(OPEN, option).id != first.id


def test_objects_and_keys_survive_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "devstripe.sqlite3")
    with serving(path) as before:
        made = client_of(before).payment_intents.create(OPEN, {"idempotency_key": "k-6"})

    with serving(path) as after:
        again = client_of(after).payment_intents.create(OPEN, {"idempotency_key": "k-6"})

        assert again.id == made.id
        assert len(client_of(after).payment_intents.list({}).data) == 1
