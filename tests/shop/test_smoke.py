"""The smoke test for Stripe itself, run against the double: it must fail when Stripe is not as we rely on."""

import os
import subprocess
import sys

import pytest

from orders import stripe_gateway
from tests.smoke import steps
from tests.smoke.__main__ import refusal
from tests.stripe_side import StripeSide


def test_every_step_is_ok_and_each_call_is_shown_with_its_request_id(stripe_side: StripeSide) -> None:
    said: list[str] = []

    code = steps.run(said.append)

    assert code == 0, said
    assert [line.split()[1] for line in said if line.startswith("ok ")] == [
        step.__name__ for step in steps.STEPS
    ]
    assert sum("→ 402 req_" in line for line in said) == 1
    assert "Webhook delivery was NOT tested" in "\n".join(said)


def test_a_step_that_goes_wrong_fails_the_run_and_the_others_still_run(
    stripe_side: StripeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirm = stripe_gateway.confirm_intent

    def generous(intent_id: str, params: dict[str, object], **more: object) -> object:
        return confirm(intent_id, {**params, "payment_method": "pm_card_visa"}, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(stripe_gateway, "confirm_intent", generous)
    said: list[str] = []

    code = steps.run(said.append)

    assert code == 1
    failed = [line for line in said if line.startswith("FAILED")]
    assert "the card was not declined" in failed[0]
    assert any(line.startswith("ok      webhook") for line in said)


def test_a_stripe_that_is_not_there_fails_every_step(stripe_side: StripeSide, settings: object) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"  # type: ignore[attr-defined]
    said: list[str] = []

    assert steps.run(said.append) == 1
    assert said[-1] == f"0 of {len(steps.STEPS)} steps are ok. {len(steps.STEPS)} FAILED."


@pytest.mark.parametrize("key", ["", "sk_live_abc", "rk_live_abc", "pk_test_abc", "whsec_abc"])
def test_any_key_but_a_secret_test_key_is_refused_in_one_sentence_before_anything_is_sent(key: str) -> None:
    environment = {**os.environ, "STRIPE_SECRET_KEY": key, "STRIPE_API_BASE": "http://127.0.0.1:9"}

    done = subprocess.run(
        [sys.executable, "-m", "tests.smoke"], env=environment, capture_output=True, text=True, timeout=30
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("nothing was sent.\n")


def test_a_secret_test_key_is_taken() -> None:
    assert refusal("sk_test_abc") == refusal("rk_test_abc") == ""
