"""The fault proxy does what a rule says, and writes down what happened on both of its sides."""

import argparse
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.chaos.proxy import Server

SIGNED = "whsec_proxy"


class Both(BaseHTTPRequestHandler):
    """Stripe and the shop in one: counts what arrives, and knows a good signature by its time."""

    arrived: list[str]

    def log_message(self, *arguments: Any) -> None:
        """Keep quiet."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.arrived.append(self.path if self.path.startswith("/v1/") else json.loads(body)["id"])
        answer = b'{"id": "pi_1", "object": "payment_intent", "status": "requires_payment_method"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture
def arrived() -> list[str]:
    """What reached the other side, in order."""
    return []


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "traffic.jsonl"


@pytest.fixture
def proxy(arrived: list[str], log: Path) -> Iterator[str]:
    """The address of a proxy in front of `Both`."""
    other = HTTPServer(("127.0.0.1", 0), type("Other", (Both,), {"arrived": arrived}))
    url = f"http://127.0.0.1:{other.server_address[1]}"
    options = argparse.Namespace(
        port=0, seed=1, upstream=url, log=log.open("a"), webhook_target=f"{url}/hook", webhook_secret=SIGNED
    )
    server = Server(options)
    for one in (other, server):
        threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    other.shutdown()
    options.log.close()


def _pay(proxy: str) -> str:
    """Return what the client sees of one request."""
    try:
        answer = requests.post(
            f"{proxy}/v1/payment_intents", data={"amount": "1"}, headers={"Idempotency-Key": "k"}, timeout=5
        )
        answer.json()
    except requests.RequestException:
        return "nothing"
    return str(answer.status_code)


@pytest.mark.parametrize(
    ("fault", "saw", "acted"),
    [
        ("drop_before", "nothing", False),
        ("drop_after", "nothing", True),
        ("reset_before", "nothing", False),
        ("reset_after", "nothing", True),
        ("truncate_after", "nothing", True),
        ("html", "nothing", False),
        ("429", "429", False),
        ("500", "500", False),
        ("500_after", "500", True),
    ],
)
def test_a_fault_strikes_once_before_or_after_stripe_acts(
    proxy: str, arrived: list[str], log: Path, fault: str, saw: str, *, acted: bool
) -> None:
    requests.post(f"{proxy}/_proxy/faults", json=[{"type": fault, "path": "intents$", "times": 1}], timeout=5)

    assert _pay(proxy) == saw
    assert bool(arrived) is acted
    assert _pay(proxy) == "200"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["fault"] for line in lines] == [fault, None]
    assert lines[0]["headers"]["idempotency-key"] == "k"
    assert lines[0]["body"] == "amount=1"


def test_a_saved_500_is_repeated_for_its_key_until_a_day_has_passed(proxy: str, arrived: list[str]) -> None:
    rule = {"type": "500_after", "saved": True, "times": 1}
    requests.post(f"{proxy}/_proxy/faults", json=rule, timeout=5)

    assert [_pay(proxy), _pay(proxy)] == ["500", "500"]
    requests.post(f"{proxy}/_proxy/forget_keys", json={}, timeout=5)
    assert _pay(proxy) == "200"
    assert len(arrived) == 2


@pytest.mark.parametrize(
    ("fault", "copies"),
    [
        ("duplicate", 3),
        ("lost", 0),
        ("drop_first", 1),
        ("bad_signature", 2),
        ("old_timestamp", 2),
        ("reorder", 1),
    ],
)
def test_an_event_arrives_as_often_as_its_fault_says(
    proxy: str, arrived: list[str], fault: str, copies: int
) -> None:
    requests.post(f"{proxy}/_proxy/faults", json={"type": fault, "times": 1}, timeout=5)
    event = {"id": "evt_1", "type": "payment_intent.succeeded", "livemode": False, "data": {}}

    requests.post(f"{proxy}/_proxy/webhook_in", json=event, timeout=5)
    drained = requests.post(f"{proxy}/_proxy/flush", json={"timeout": 10}, timeout=20).json()["drained"]

    assert drained
    assert len(arrived) == copies
