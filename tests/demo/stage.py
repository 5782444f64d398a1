"""What the demo acts with: HTTP, a read-only look at the database, the shop's clock, and printed proof."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import requests

PATIENCE_S = 90.0


class FactMissing(Exception):
    """Something that had to be true is not."""


@dataclass
class Stage:
    """The running shop as a stranger sees it, and the auditor's two windows: database and ledger."""

    base_url: str
    stripe_url: str
    database_url: str
    publishable_key: str
    steps: int = 0

    @classmethod
    def from_environment(cls) -> "Stage":
        return cls(
            base_url=os.environ["BASE_URL"],
            stripe_url=os.environ["STRIPE_API_BASE"],
            database_url=os.environ["DATABASE_URL"],
            publishable_key=os.environ["STRIPE_PUBLISHABLE_KEY"],
        )

    def proof(self, step: str, what: str) -> None:
        """Print one step with its proof."""
        self.steps += 1
        print(f"{self.steps:>3}. {step}\n     {what}", flush=True)

    def call(
        self, method: str, path: str, body: Any = None, *, expect: int = 200, token: str = ""
    ) -> dict[str, Any]:
        """Send one request to the shop's API and return its answer.

        :raises FactMissing: if the status is another one than expected.
        """
        headers = {"Authorization": f"OrderToken {token}"} if token else {}
        answer = requests.request(
            method, f"{self.base_url}/api/v1/{path}", json=body, headers=headers, timeout=30
        )
        if answer.status_code != expect:
            raise FactMissing(f"{method} {path} answered {answer.status_code}: {answer.text[:400]}")
        return answer.json()

    def page(self, url: str) -> str:
        """Return a page of the shop."""
        answer = requests.get(url if url.startswith("http") else self.base_url + url, timeout=30)
        if answer.status_code != 200:
            raise FactMissing(f"{url} answered {answer.status_code}")
        return answer.text

    def pay_as_browser(self, client_secret: str, number: str = "4242424242424242") -> str:
        """Pay as stripe.js does: publishable key and client secret only; return the intent's id."""
        intent_id = client_secret.split("_secret_")[0]
        form = {
            "client_secret": client_secret,
            "return_url": self.base_url,
            "payment_method_data[type]": "card",
            "payment_method_data[card][number]": number,
            "payment_method_data[card][exp_month]": "12",
            "payment_method_data[card][exp_year]": "2034",
            "payment_method_data[card][cvc]": "123",
        }
        answer = requests.post(
            f"{self.stripe_url}/v1/payment_intents/{intent_id}/confirm",
            data=form,
            headers={"Authorization": f"Bearer {self.publishable_key}"},
            timeout=30,
        )
        if answer.json().get("status") != "succeeded":
            raise FactMissing(f"the card was not charged: {answer.text[:400]}")
        return intent_id

    def ledger(self) -> dict[str, Any]:
        """Return devstripe's own books."""
        return requests.get(f"{self.stripe_url}/_test/ledger", timeout=30).json()

    def charges_of(self, reference: str) -> list[dict[str, Any]]:
        """Return the successful charges that the ledger holds for an order."""
        return [
            charge
            for charge in self.ledger()["charges"]
            if charge["metadata"].get("order_id") == reference and charge["status"] == "succeeded"
        ]

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read from the database; the connection refuses to write."""
        with psycopg.connect(self.database_url, options="-c default_transaction_read_only=on") as connection:
            return connection.execute(sql, values).fetchall()

    def manage(self, *arguments: str) -> str:
        """Run a management command, as staff would."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise FactMissing(f"manage.py {' '.join(arguments)} failed: {done.stderr[-400:]}")
        return done.stdout.strip()

    def wait_for(self, what: str, look: Callable[[], Any]) -> Any:
        """Look until there is something to see, and return it.

        :raises FactMissing: after PATIENCE_S seconds.
        """
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if found := look():
                return found
            time.sleep(0.25)
        raise FactMissing(f"waited {PATIENCE_S:.0f} s in vain for {what}")

    def need(self, fact: bool, what: str) -> None:
        """:raises FactMissing: unless the fact holds."""
        if not fact:
            raise FactMissing(what)


def show(value: Any) -> str:
    """Return a value as short JSON."""
    return json.dumps(value, ensure_ascii=False, default=str)


def joined(values: Sequence[str]) -> str:
    """Return values as a list for people."""
    return ", ".join(values)
