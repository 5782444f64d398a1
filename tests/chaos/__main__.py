"""`python -m tests.chaos --seed 1 --runs 500`: exit 0 only if the books balance and the traffic is clean."""

import argparse
import shutil
import sys
import time

from shop.devstack.project import LOCAL
from tests.chaos import measures, report
from tests.chaos.campaign import Campaign
from tests.chaos.stack import running


def main() -> int:
    """Run one drill, print its report, and keep its logs."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--customers", type=int, default=6, help="how many shop at the same time")
    parser.add_argument(
        "--proxy", choices=("own", "shared"), default="own", help="shared: ../shared/stripe's"
    )
    parser.add_argument(
        "--no-refills", action="store_true", help="leave out the weeks in which refills come due"
    )
    parser.add_argument(
        "--measure", action="store_true", help="no drill: measure webhooks and a silent Stripe"
    )
    options = parser.parse_args()
    folder = LOCAL / "chaos" / f"seed-{options.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    started = time.monotonic()
    with running(folder, seed=options.seed, shared_proxy=options.proxy == "shared") as stack:
        if options.measure:
            print(f"machine: {report.machine()}")
            measures.tell(stack)
            return 0
        campaign = Campaign(
            stack, options.seed, options.runs, options.customers, refills=not options.no_refills
        )
        found = campaign.run()
        return report.tell(campaign, found, time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
