"""The control surface, the command line, and independence of the project."""

import ast
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import stripe

import shop.devstripe
from shop.devstripe.server import Server
from tests.shop.devstripe.harness import call, client_of

PACKAGE = Path(shop.devstripe.__file__).parent
ROOT = Path(__file__).parents[3]


def pay(v1: Any, method: str = "pm_card_visa", **more: Any) -> Any:
    return v1.payment_intents.create(
        {"amount": 2000, "currency": "gbp", "payment_method": method, "confirm": True, **more}
    )


def test_the_ledger_adds_up(v1: Any, server: Server) -> None:
    paid = pay(v1)
    v1.refunds.create({"payment_intent": paid.id, "amount": 500})
    with pytest.raises(stripe.CardError):
        pay(v1, "pm_card_chargeDeclined")
    assert call(f"{server.url}/_test/dispute", "POST", {"payment_intent": paid.id, "amount": 100})[0] == 200

    ledger = call(f"{server.url}/_test/ledger")[2]

    assert ledger["totals"] == {"gbp": {"captured": 2000, "refunded": 500, "disputed": 100}}
    counts = {name: len(ledger[name]) for name in ("intents", "charges", "refunds", "disputes")}
    assert counts == {"intents": 2, "charges": 2, "refunds": 1, "disputes": 1}


def test_a_payout_empties_the_balance(v1: Any, server: Server) -> None:
    pay(v1)

    payout = call(f"{server.url}/_test/payout", "POST", {"currency": "gbp"})[2]

    rows = v1.balance_transactions.list({"payout": payout["id"]}).data
    assert (payout["amount"], sorted(row.amount for row in rows)) == (1950, [-1950, 2000])
    assert v1.payouts.list({}).data[0].status == "paid"
    assert call(f"{server.url}/_test/payout", "POST", {})[2]["error"]["code"] == "balance_insufficient"


def test_cards_expire_and_are_reissued(v1: Any, server: Server) -> None:
    customer = v1.customers.create({}).id
    card = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id

    call(f"{server.url}/_test/expire-card", "POST", {"payment_method": card})
    with pytest.raises(stripe.CardError) as refusal:
        pay(v1, card, customer=customer, off_session=True)
    call(f"{server.url}/_test/update-card", "POST", {"payment_method": card, "exp_year": 2040})

    assert refusal.value.code == "expired_card"
    assert pay(v1, card, customer=customer, off_session=True).status == "succeeded"
    types = {event.type for event in v1.events.list({"types": ["payment_method.automatically_updated"]}).data}
    assert types == {"payment_method.automatically_updated"}


def test_requests_are_logged_and_everything_can_be_reset(v1: Any, server: Server) -> None:
    v1.customers.create({}, {"idempotency_key": "k"})

    row = call(f"{server.url}/_test/requests?since=0")[2]["requests"][0]
    call(f"{server.url}/_test/reset", "POST", {})

    assert (row["method"], row["path"], row["idempotency_key"]) == ("POST", "/v1/customers", "k")
    assert call(f"{server.url}/_test/requests?since={row['n']}")[2]["requests"] == []
    assert v1.customers.list({}).data == []


def test_requests_that_never_arrive_and_answers_that_get_lost(v1: Any, server: Server) -> None:
    fault = f"{server.url}/_test/faults"

    call(fault, "POST", {"kind": "unreached"})
    with pytest.raises(stripe.APIConnectionError):
        v1.customers.create({}, {"idempotency_key": "a"})
    call(fault, "POST", {"kind": "lost", "every": 2})
    heard = v1.customers.create({}, {"idempotency_key": "b"})
    with pytest.raises(stripe.APIConnectionError):
        v1.customers.create({}, {"idempotency_key": "c"})
    call(fault, "POST", {"kind": "unavailable"})
    with pytest.raises(stripe.APIError):
        v1.customers.create({}, {"idempotency_key": "d"})
    call(fault, "POST", {"kind": ""})

    there = [customer.id for customer in v1.customers.list({}).data]
    assert len(there) == 2, "the first never arrived, the fourth was turned away"
    assert v1.customers.create({}, {"idempotency_key": "c"}).id in there
    assert there[-1] == heard.id
    assert call(fault, "POST", {"kind": "other"})[0] == 400


def test_the_line_stays_silent_though_what_was_asked_is_done(v1: Any, server: Server) -> None:
    call(f"{server.url}/_test/faults", "POST", {"kind": "silent"})
    impatient = client_of(server, timeout_s=0.5)
    with pytest.raises(stripe.APIConnectionError, match="timed out"):
        impatient.customers.create({}, {"idempotency_key": "a"})
    call(f"{server.url}/_test/faults", "POST", {"kind": ""})

    [there] = v1.customers.list({}).data
    assert v1.customers.create({}, {"idempotency_key": "a"}).id == there.id


def test_its_clock_moves_along_and_forgets_keys_after_a_day(v1: Any, server: Server) -> None:
    first = v1.customers.create({}, {"idempotency_key": "k"})
    again = v1.customers.create({}, {"idempotency_key": "k"})

    a_day_on = first.created + 25 * 3600
    moved = call(f"{server.url}/_test/clock", "POST", {"now": a_day_on})[2]
    later = v1.customers.create({}, {"idempotency_key": "k"})
    back = call(f"{server.url}/_test/clock", "POST", {})[2]

    assert again.id == first.id
    assert later.id != first.id
    assert moved["now"] <= later.created <= moved["now"] + 60
    assert back["now"] < a_day_on


def test_it_starts_says_where_and_stops_on_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "shop.devstripe", "--port", "0", "--store", tmp_path / "d.sqlite3"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None

    line = process.stdout.readline()

    url = line.removeprefix("devstripe listening on ").strip()
    assert call(f"{url}/v3/")[0] == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0


def test_it_imports_the_standard_library_only() -> None:
    for path in PACKAGE.glob("*.py"):
        if path.name == "apps.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert {name.name.split(".")[0] for name in node.names} <= sys.stdlib_module_names
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert str(node.module).split(".")[0] in sys.stdlib_module_names
