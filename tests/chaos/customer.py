"""One run: a customer who shops over HTTP, impatient, forgetful, and unlucky as the plan says."""

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.chaos.browser import Browser
from tests.chaos.plan import CARD_3DS, CARD_DECLINED, CARD_INSUFFICIENT, Plan

PATIENCE_S = 60.0
TRIES = 8
ADDRESS = {
    "name": "Chaos Customer",
    "line1": "12 Canal Street",
    "city": "Leeds",
    "postal_code": "LS1 4AP",
    "country": "GB",
}


class GaveUp(Exception):
    """The customer goes away; the text says why."""


class Surprise(Exception):
    """The shop answered what it must never answer."""


@dataclass
class Outcome:
    """How a run ended, as the customer saw it."""

    plan: Plan
    ended: str = ""
    reference: str = ""
    client_secret: str = ""
    surprises: list[str] = field(default_factory=list)


@dataclass
class Customer:
    """Carries out one plan against the shop at `base_url`."""

    plan: Plan
    base_url: str
    browser: Browser
    session: requests.Session = field(default_factory=requests.Session)
    outcome: Outcome = field(init=False)

    def __post_init__(self) -> None:
        self.outcome = Outcome(self.plan)

    def shop(self) -> Outcome:
        """Go through the whole journey."""
        try:
            order = self._order(self._cart())
            self.outcome.reference = order["reference"]
            self.outcome.client_secret = order["payment"]["client_secret"]
            self.outcome.ended = self._end(order)
        except GaveUp as reason:
            self.outcome.ended = f"gave up: {reason}"
        except Surprise as surprise:
            self.outcome.ended = "surprised"
            self.outcome.surprises.append(str(surprise))
        return self.outcome

    def _cart(self) -> str:
        cart = self._ask("POST", "carts", {"country": "GB"})["id"]
        for sku, quantity, on_refill in self.plan.lines:
            refill = {"unit": "week", "count": 4} if on_refill else None
            self._ask("POST", f"carts/{cart}/lines", {"sku": sku, "quantity": quantity, "refill": refill})
        details = {"email": self.plan.email, "shipping_address": ADDRESS, "shipping_method": "standard"}
        self._ask("PATCH", f"carts/{cart}", details)
        return str(cart)

    def _order(self, cart: str) -> dict[str, Any]:
        total = self._ask("GET", f"carts/{cart}")["totals"]["total"]["amount"]
        body = {"expected_total": total, "consents": {"terms": True, "refill": True}}
        key = uuid.uuid4().hex if self.plan.keyed else ""
        if self.plan.double_click:
            twin = threading.Thread(target=self._send, args=("POST", f"carts/{cart}/checkout", body, key))
            twin.start()
        try:
            return self._ask("POST", f"carts/{cart}/checkout", body, key=key)
        finally:
            if self.plan.double_click:
                twin.join()

    def _end(self, order: dict[str, Any]) -> str:
        secret, token = order["payment"]["client_secret"], order["token"]
        path, plan = f"orders/{order['reference']}", self.plan
        if plan.ending in {"abandon", "late"}:
            return plan.ending
        if plan.ending == "cancel":
            return self._cancel(path, token)
        if plan.ending == "cancel_while_paying":
            paying = threading.Thread(target=self.browser.pay, args=(secret,))
            paying.start()
            said = self._cancel(path, token)
            paying.join()
            return f"{said} while paying"
        said = self._pay(secret, path, token)
        if plan.comes_back:
            self._come_back(path, token)
        return said

    def _pay(self, secret: str, path: str, token: str) -> str:
        ending = self.plan.ending
        if ending == "declined":
            return self.browser.pay(secret, CARD_INSUFFICIENT)
        if ending == "authenticate":
            if self.browser.pay(secret, CARD_3DS) == "requires_action":
                self.browser.authenticate(secret)
            return "authenticated"
        if ending == "declined_then_pay":
            self.browser.pay(secret, CARD_DECLINED)
            # the till asks the shop for the same intent again
            secret = self._ask("POST", f"{path}/payment", token=token)["payment"]["client_secret"]
        if not self.plan.double_click:
            return self.browser.pay(secret)
        twin = threading.Thread(target=self.browser.pay, args=(secret,))
        twin.start()
        said = self.browser.pay(secret)
        twin.join()
        return said

    def _cancel(self, path: str, token: str) -> str:
        answer = self._send("POST", f"{path}/cancel", {"reason": "changed my mind"}, token=token)
        return f"cancel answered {answer.status_code if answer is not None else 'nothing'}"

    def _come_back(self, path: str, token: str) -> None:
        """Open the return page; whether it answers changes nothing."""
        self._send("POST", f"{path}/refresh", token=token)

    def _ask(
        self, method: str, path: str, body: Any = None, *, key: str = "", token: str = ""
    ) -> dict[str, Any]:
        """Send until there is a definite answer, as a patient customer presses the button again.

        :raises GaveUp: on a refusal, or when patience ends.
        """
        until, said = time.monotonic() + PATIENCE_S, "nothing"
        for number in range(TRIES * 4):
            answer = self._send(method, path, body, key, token=token)
            if answer is not None and answer.status_code < 300:
                return answer.json()
            said = f"{answer.status_code} {_code(answer)}" if answer is not None else "nothing"
            if answer is not None and answer.status_code not in {409, 429, 503}:
                break
            if answer is not None and _code(answer) in {"already_ordered", "out_of_stock", "not_payable"}:
                break
            if "idempotency_key_in_use" in said and number > 3:
                key = ""  # whoever reloads the page sends another key, or none
            if time.monotonic() > until or (answer is not None and number >= TRIES):
                break
            time.sleep(min(1.0, 0.2 * (number + 1)))
        raise GaveUp(f"{method} {path.split('/')[0]}…{path.rsplit('/', 1)[-1][:12]}: {said}")

    def _send(
        self, method: str, path: str, body: Any = None, key: str = "", *, token: str = ""
    ) -> requests.Response | None:
        """Send one request; None when the connection broke.

        :raises Surprise: on a status that no fault excuses.
        """
        headers = {"Idempotency-Key": key} if key else {}
        if token:
            headers["Authorization"] = f"OrderToken {token}"
        try:
            answer = self.session.request(
                method, f"{self.base_url}/api/v1/{path}", json=body, headers=headers, timeout=PATIENCE_S
            )
        except requests.RequestException:
            return None
        if answer.status_code >= 500 and answer.status_code != 503:
            surprise = (
                f"run {self.plan.number}: {method} {path} answered {answer.status_code} {answer.text[:200]}"
            )
            self.outcome.surprises.append(surprise)
        return answer


def _code(answer: requests.Response) -> str:
    try:
        return str(answer.json().get("code", ""))
    except ValueError:
        return ""


def in_parallel(work: Callable[[Any], Any], items: list[Any], at_a_time: int) -> list[Any]:
    """Return the results of `work` on every item, so many at a time, in order."""
    results: list[Any] = [None] * len(items)
    numbers = iter(range(len(items)))
    lock = threading.Lock()

    def labour() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            results[number] = work(items[number])

    threads = [threading.Thread(target=labour) for _ in range(at_a_time)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
