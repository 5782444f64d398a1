"""A customer's browser at Stripe itself: straight at devstripe, as stripe.js is, never through the proxy."""

from dataclasses import dataclass
from typing import Any

import requests

from tests.chaos.plan import CARD_OK

TIMEOUT_S = 30


@dataclass(frozen=True)
class Browser:
    """Pays with the publishable key and a client secret."""

    stripe_url: str
    publishable_key: str

    def pay(self, client_secret: str, number: str = CARD_OK) -> str:
        """Confirm as stripe.js does; return the intent's status, or the code of Stripe's refusal."""
        form = {
            "client_secret": client_secret,
            "return_url": "https://shop.example/return",
            "payment_method_data[type]": "card",
            "payment_method_data[card][number]": number,
            "payment_method_data[card][exp_month]": "12",
            "payment_method_data[card][exp_year]": "2034",
            "payment_method_data[card][cvc]": "123",
        }
        answer = requests.post(
            f"{self.stripe_url}/v1/payment_intents/{_id(client_secret)}/confirm",
            data=form,
            headers={"Authorization": f"Bearer {self.publishable_key}"},
            timeout=TIMEOUT_S,
        ).json()
        return str(answer.get("status") or answer.get("error", {}).get("code", "refused"))

    def authenticate(self, client_secret: str, *, passed: bool = True) -> None:
        """Press a button on the bank's page."""
        requests.post(
            f"{self.stripe_url}/hooks/3ds/{_id(client_secret)}?client_secret={client_secret}",
            data={"outcome": "complete" if passed else "fail"},
            timeout=TIMEOUT_S,
            allow_redirects=False,
        )


def _id(client_secret: str) -> str:
    return client_secret.split("_secret_")[0]


def refund_in_dashboard(
    stripe_url: str, secret_key: str, intent_id: str, amount: int | None
) -> dict[str, Any]:
    """Refund in Stripe's dashboard, behind the shop's back; all that is left without an amount."""
    form = {"payment_intent": intent_id} | ({"amount": str(amount)} if amount else {})
    headers = {"Authorization": f"Bearer {secret_key}"}
    return requests.post(f"{stripe_url}/v1/refunds", data=form, headers=headers, timeout=TIMEOUT_S).json()
