"""Numbers, not verdicts: how fast webhooks are answered and worked off, and what a silent Stripe costs."""

import json
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import requests

from tests.chaos.browser import Browser
from tests.chaos.customer import ADDRESS, Customer, in_parallel
from tests.chaos.plan import Plan
from tests.chaos.stack import PUBLISHABLE_KEY, Stack

PURCHASES, SHOPPERS, HANGING = 60, 3, 6
SILENCE = {
    "type": "hang_after",
    "method": "^POST$",
    "path": "^/v1/payment_intents$",
    "seconds": 12,
    "times": 1000,
}
WORKED_OFF = "SELECT extract(epoch FROM processed_at - received_at) * 1000 FROM orders_webhook_event"


def tell(stack: Stack) -> None:
    """Measure on a calm stack, and print."""
    _webhooks(stack)
    _silence(stack)


def _webhooks(stack: Stack) -> None:
    browser = Browser(stack.devstripe_url, PUBLISHABLE_KEY)
    customers = [Customer(_calm(-number), stack.base_url, browser) for number in range(1, PURCHASES + 1)]
    in_parallel(lambda customer: customer.shop(), customers, SHOPPERS)
    stack.flush_webhooks()
    time.sleep(6)
    with stack.traffic_log.open(encoding="utf-8") as log:
        lines = [json.loads(line) for line in log]
    answered = [line["ms"] for line in lines if line["kind"] == "webhook" and line["status"] == 200]
    worked_off = [float(str(row[0])) for row in stack.rows(f"{WORKED_OFF} WHERE processed_at IS NOT NULL")]
    waiting = stack.rows("SELECT count(*) FROM orders_webhook_event WHERE processed_at IS NULL")[0][0]
    print(f"webhooks answered, while {SHOPPERS} customers shop: {_spread(answered)}")
    print(f"webhooks worked off after: {_spread(worked_off)}; still waiting 6 s after the last: {waiting}")


def _silence(stack: Stack) -> None:
    calm = _browse(stack, until=_after(3))
    carts = [_cart(stack, number) for number in range(HANGING)]
    stack.faults([SILENCE])
    answers: list[tuple[requests.Response, float]] = []
    asking = threading.Thread(
        target=lambda: answers.extend(in_parallel(lambda cart: _check_out(stack, cart), carts, HANGING))
    )
    asking.start()
    hanging = _browse(stack, until=lambda: not asking.is_alive())
    asking.join()
    stack.faults_off()
    resumed = [_check_out(stack, cart)[0].status_code for cart in carts]
    seconds = [took for _, took in answers]
    said = sorted(
        {f"{answer.status_code} Retry-After {answer.headers.get('Retry-After')}" for answer, _ in answers}
    )
    print(
        f"checkout while Stripe hangs, {HANGING} at once: {said}, at most {max(seconds):.1f} s; asked again: {resumed}"
    )
    print(f"browsing before: {_spread(calm)}; while Stripe hangs: {_spread(hanging)}")


def _calm(number: int) -> Plan:
    return Plan(
        number, (("FLK-ORI-1000", 1, False), ("OIL-STR-100", 1, False)), "pay", True, False, False, "", ()
    )


def _cart(stack: Stack, number: int) -> tuple[str, int]:
    api = f"{stack.base_url}/api/v1/carts"
    cart = requests.post(api, json={"country": "GB"}, timeout=30).json()["id"]
    line = {"sku": "FLK-FOT-1000", "quantity": 1, "refill": None}
    requests.post(f"{api}/{cart}/lines", json=line, timeout=30)
    details = {
        "email": f"hang-{number}@customer.example",
        "shipping_address": ADDRESS,
        "shipping_method": "standard",
    }
    found = requests.patch(f"{api}/{cart}", json=details, timeout=30).json()
    return cart, found["totals"]["total"]["amount"]


def _check_out(stack: Stack, cart: tuple[str, int]) -> tuple[requests.Response, float]:
    body = {"expected_total": cart[1], "consents": {"terms": True, "refill": False}}
    started = time.perf_counter()
    answer = requests.post(f"{stack.base_url}/api/v1/carts/{cart[0]}/checkout", json=body, timeout=60)
    return answer, time.perf_counter() - started


def _browse(stack: Stack, *, until: Callable[[], bool]) -> list[float]:
    took = []
    while not until():
        started = time.perf_counter()
        requests.get(f"{stack.base_url}/api/v1/products", timeout=60).raise_for_status()
        took.append((time.perf_counter() - started) * 1000)
        time.sleep(0.05)
    return took


def _after(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() > deadline


def _spread(values: list[Any]) -> str:
    cuts = statistics.quantiles(values, n=20) if len(values) > 1 else values * 19
    return f"p50 {cuts[9]:.0f} ms, p95 {cuts[18]:.0f} ms, most {max(values):.0f} ms ({len(values)})"
