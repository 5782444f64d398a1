"""A small drill of refills in every test run; `make chaos-refills` is the large one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.campaign import check_traffic
from tests.chaos.refills.campaign import Campaign
from tests.chaos.refills.mail_sink import Sink
from tests.chaos.stack import running

pytestmark = pytest.mark.chaos

SEED, REFILLS, OTHERS, KILLS = 7, 10, 1, 6


@pytest.fixture(scope="module")
def drill(
    tmp_path_factory: pytest.TempPathFactory, lent: dict[str, str]
) -> Iterator[tuple[Campaign, list[str]]]:
    """A drill that has taken place, its stack still running."""
    folder: Path = tmp_path_factory.mktemp("refills")
    with Sink() as sink:
        more_env = {"EMAIL_URL": f"smtp://127.0.0.1:{sink.port}"}
        with running(folder, seed=SEED, more_env=more_env, **lent) as stack:
            campaign = Campaign(stack, sink, SEED, REFILLS, OTHERS, kills=KILLS, waves=1, gently=True)
            yield campaign, campaign.run(within_s=None)


def test_each_refill_is_charged_and_told_of_once_whoever_is_killed(drill: tuple[Campaign, list[str]]) -> None:
    campaign, found = drill

    assert found == [], f"logs in {campaign.stack.folder}"
    assert len(campaign.stack.kills) >= KILLS


def test_every_request_for_a_refill_keeps_to_stripes_specification(drill: tuple[Campaign, list[str]]) -> None:
    checked = check_traffic(drill[0].stack)
    if checked is None:
        pytest.skip("../shared/stripe is not here")

    assert checked.returncode == 0, checked.stdout
