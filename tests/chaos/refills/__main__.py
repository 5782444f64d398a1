"""`python -m tests.chaos.refills --seed 1 --refills 300`: exit 0 only if each was charged once and told once."""

import argparse
import shutil
import sys

from shop.devstack.project import LOCAL
from tests.chaos.refills import report
from tests.chaos.refills.campaign import Campaign
from tests.chaos.refills.mail_sink import Sink
from tests.chaos.refills.outage import Outage
from tests.chaos.stack import running


def main() -> int:
    """Run one drill, print its report, and keep its logs."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.refills", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--refills", type=int, default=300)
    parser.add_argument("--others", type=int, default=20, help="who must not be charged")
    parser.add_argument("--kills", type=int, default=100, help="at least so many SIGKILLs")
    parser.add_argument("--waves", type=int, default=6)
    parser.add_argument("--down", default="", help="no faults: an outage, such as 6h, and then all at once")
    given = parser.parse_args()
    folder = LOCAL / "chaos" / f"refills-{given.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    with Sink() as sink:
        more_env = {"EMAIL_URL": f"smtp://127.0.0.1:{sink.port}"}
        with running(folder, seed=given.seed, more_env=more_env) as stack:
            if given.down:
                outage = Outage(stack, sink, given.seed, given.refills, 0, hours=int(given.down.rstrip("h")))
                return report.tell_outage(outage, outage.run())
            drill = Campaign(
                stack, sink, given.seed, given.refills, given.others, kills=given.kills, waves=given.waves
            )
            return report.tell(drill, drill.run())


if __name__ == "__main__":
    sys.exit(main())
