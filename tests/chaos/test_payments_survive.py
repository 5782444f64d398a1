"""A small drill in every test run, with a control that shows the auditor at work on the same stack."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.chaos import auditor, ledgers
from tests.chaos.campaign import Campaign, check_traffic, faults_by_kind
from tests.chaos.stack import SECRET_KEY, Stack, running

pytestmark = pytest.mark.chaos

SEED, RUNS = 11, 12


@pytest.fixture(scope="module")
def drill(
    tmp_path_factory: pytest.TempPathFactory, lent: dict[str, str]
) -> Iterator[tuple[Campaign, list[str]]]:
    """A drill that has taken place, its stack still running."""
    folder: Path = tmp_path_factory.mktemp("chaos")
    with running(folder, seed=SEED, **lent) as stack:
        campaign = Campaign(stack, SEED, RUNS, customers=4, seconds_between_kills=(0.4, 1.2), refills=False)
        yield campaign, campaign.run()


def test_the_books_balance_after_faults_and_kills(drill: tuple[Campaign, list[str]]) -> None:
    campaign, found = drill

    assert found == [], f"logs in {campaign.stack.folder}"
    assert sum(faults_by_kind(campaign.stack).values()) > RUNS
    assert campaign.stack.kills
    assert ledgers.read_ledger(campaign.stack.devstripe_url).charges


def test_every_request_to_stripe_keeps_to_its_specification(drill: tuple[Campaign, list[str]]) -> None:
    checked = check_traffic(drill[0].stack)
    if checked is None:
        pytest.skip("../shared/stripe is not here")

    assert checked.returncode == 0, checked.stdout


def test_a_charge_made_behind_our_back_in_an_orders_name_is_found(drill: tuple[Campaign, list[str]]) -> None:
    stack = drill[0].stack
    victim = ledgers.read_ledger(stack.devstripe_url).charges[0].order

    _charge_at_stripe(stack, victim)
    stack.flush_webhooks()

    found = auditor.differences(ledgers.read_ledger(stack.devstripe_url), ledgers.read_books(stack))
    assert any(line.startswith(f"order {victim} was charged 2 times") for line in found), found
    assert any(line.startswith("GBP captured") for line in found), found


def _charge_at_stripe(stack: Stack, reference: str) -> None:
    form = {
        "amount": "123",
        "currency": "gbp",
        "confirm": "true",
        "payment_method": "pm_card_visa",
        "automatic_payment_methods[enabled]": "true",
        "automatic_payment_methods[allow_redirects]": "never",
        "metadata[order_id]": reference,
    }
    headers = {"Authorization": f"Bearer {SECRET_KEY}"}
    answer = requests.post(
        f"{stack.devstripe_url}/v1/payment_intents", data=form, headers=headers, timeout=30
    )
    assert answer.json()["status"] == "succeeded", answer.text
