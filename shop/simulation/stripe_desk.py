"""Stripe seen from outside the shop: browsers that pay, banks, the dashboard, the ledger, and bad days.

Speaks plain HTTP to devstripe, so that nothing of the shop's own way to Stripe is used to check it.
"""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

SECRET_KEY, PUBLISHABLE_KEY = "sk_test_devstripe", "pk_test_devstripe"
PAGE = 100
GOOD_CARD = "4242424242424242"
# It can be saved, and every later charge is declined: softly, so that it is tried again.
EMPTY_CARD = "4000000000000341"
# Its bank wants its owner to confirm each payment.
WATCHED_CARD = "4000002760003184"


class DeskError(Exception):
    """devstripe did not do what a simulation needs."""


class Desk:
    """One devstripe, and everybody who deals with it but the shop."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        # Something has to have happened for the list of events to have an end to go on from.
        self._post("/v1/customers", {"description": "Nobody: the first page of the list of events."})
        self._last_event = self._get("/v1/events?limit=1")["data"][0]["id"]

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def move_clock(self, at: datetime) -> None:
        """Let Stripe's clock show the shop's time: what it writes down and forgets goes by that."""
        self.control("clock", now=int(at.timestamp()))

    @contextmanager
    def faulty(self, kind: str, every: int) -> Iterator[None]:
        """While open, every so many-th request is struck: see `shop.devstripe.faults`; "" strikes none."""
        if kind:
            self.control("faults", kind=kind, every=every)
        try:
            yield
        finally:
            if kind:
                self.control("faults", kind="")

    def control(self, verb: str, **given: Any) -> Any:
        """Make something happen that only banks and Stripe itself do."""
        return self._send("POST", f"/_test/{verb}", json.dumps(given), {"Content-Type": "application/json"})

    def ledger(self) -> dict[str, Any]:
        """Return intents, charges, refunds, disputes and their totals as Stripe has them."""
        return self._send("GET", "/_test/ledger")

    def new_events(self) -> list[dict[str, Any]]:
        """Return the events since the last time this was asked, oldest first."""
        found: list[dict[str, Any]] = []
        more = True
        while more:
            page = self._get(f"/v1/events?limit={PAGE}&ending_before={self._last_event}")
            found += reversed(page["data"])
            more = page["has_more"]
            if found:
                self._last_event = found[-1]["id"]
        return found

    def pay(self, client_secret: str, number: str) -> dict[str, Any]:
        """Confirm an intent in the browser, the bank's question answered with yes; return Stripe's answer."""
        return self._confirm("payment_intents", client_secret, number)

    def save_card(self, client_secret: str, number: str) -> dict[str, Any]:
        """Confirm a SetupIntent in the browser, the bank's question answered with yes."""
        return self._confirm("setup_intents", client_secret, number)

    def detach(self, payment_method_id: str) -> None:
        """Take a card away in Stripe's dashboard."""
        self._post(f"/v1/payment_methods/{payment_method_id}/detach", {})

    def refund(self, payment_intent_id: str, amount: int) -> None:
        """Give money back in Stripe's dashboard, in minor units; Stripe refuses more than is left."""
        form = {"payment_intent": payment_intent_id, "amount": str(amount)}
        self._post("/v1/refunds", form, may_be_refused=True)

    def accept_dispute(self, dispute_id: str) -> None:
        """Give a disputed payment up in Stripe's dashboard; Stripe refuses once it is decided."""
        self._post(f"/v1/disputes/{dispute_id}/close", {}, may_be_refused=True)

    def _confirm(self, kind: str, client_secret: str, number: str) -> dict[str, Any]:
        intent_id = client_secret.partition("_secret_")[0]
        form = {
            "client_secret": client_secret,
            "return_url": "https://shop.example/return",
            "payment_method_data[type]": "card",
            "payment_method_data[card][number]": number,
            "payment_method_data[card][exp_month]": "12",
            "payment_method_data[card][exp_year]": "2039",
            "payment_method_data[card][cvc]": "123",
        }
        answer = self._post(f"/v1/{kind}/{intent_id}/confirm", form, key=PUBLISHABLE_KEY, may_be_refused=True)
        if answer.get("status") == "requires_action":
            page = f"/hooks/3ds/{intent_id}?client_secret={quote(client_secret)}"
            self._send("POST", page, "outcome=complete", may_be_refused=True)
        return answer

    def _get(self, path: str) -> Any:
        return self._send("GET", path, headers={"Authorization": f"Bearer {SECRET_KEY}"})

    def _post(
        self, path: str, form: dict[str, str], *, key: str = SECRET_KEY, may_be_refused: bool = False
    ) -> Any:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-www-form-urlencoded"}
        return self._send("POST", path, urlencode(form), headers, may_be_refused=may_be_refused)

    def _send(
        self,
        method: str,
        path: str,
        body: str = "",
        headers: dict[str, str] | None = None,
        *,
        may_be_refused: bool = False,
    ) -> Any:
        try:
            self._connection.request(method, path, body or None, headers or {})
            answer = self._connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise DeskError(f"{method} {path}: {error!r}") from error
        is_json = answer.headers.get_content_type() == "application/json"
        if answer.status >= 400 and not may_be_refused:
            raise DeskError(f"{method} {path}: {answer.status} {text[:300]}")
        return json.loads(text) if is_json and text else {}
