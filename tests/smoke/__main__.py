"""`make stripe-smoke`: pay, decline, authenticate, refund, charge a saved card and check an event, at Stripe.

Exit codes: 0 every step is ok, 1 a step failed, 2 there is no test key.
"""

import os
import sys
from importlib import import_module

import django

TEST_KEYS = ("sk_test_", "rk_test_")


def refusal(key: str) -> str:
    """Return why a key is not used, in one sentence; empty for a test key."""
    if not key:
        return "Set STRIPE_SECRET_KEY to your own test key (sk_test_…): nothing was sent."
    if key.startswith(TEST_KEYS):
        return ""
    if "_live_" in key:
        return "STRIPE_SECRET_KEY is a live key, and this would move real money: nothing was sent."
    return "STRIPE_SECRET_KEY is no secret test key (sk_test_… or rk_test_…): nothing was sent."


def main() -> int:
    """Check the key before anything of ours is loaded, then run every step."""
    reason = refusal(os.environ.get("STRIPE_SECRET_KEY", ""))
    if reason:
        print(reason, file=sys.stderr)
        return 2
    os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings.test"
    # Nobody waits at a till here, and a bank at Stripe's test side may take its time.
    os.environ.setdefault("STRIPE_TILL_READ_TIMEOUT", "30")
    django.setup()
    # The shop's modules want the settings above, so that they are loaded only now.
    return import_module("tests.smoke.steps").run(print)


if __name__ == "__main__":
    sys.exit(main())
