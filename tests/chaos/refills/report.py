"""What a drill of refills prints at its end."""

from collections import Counter

from tests.chaos import ledgers
from tests.chaos.campaign import check_traffic, faults_by_kind
from tests.chaos.refills import auditor
from tests.chaos.refills.campaign import Campaign
from tests.chaos.refills.outage import Outage
from tests.chaos.report import listed, machine, money, rows
from tests.chaos.stack import Stack


def tell_outage(drill: Outage, differences: list[str]) -> int:
    """Print the report of an outage and return the exit code."""
    stack = drill.stack
    print(f"\nseed {drill.seed}: {drill.hours} hours without a worker, {drill.refills} refills due")
    print(f"machine: {machine()}")
    charges = ledgers.read_ledger(stack.devstripe_url).charges
    print(f"charges: {len(charges)}, first orders included; mails: {len(drill.sink.mails)} arrived")
    for endpoint, count in sorted(drill.busiest.items()):
        rate = drill.rates.get(endpoint, 0.0)
        print(f"{endpoint}: {rate:.2f} a second, {count} in the busiest second")
    print("seconds: " + ", ".join(f"{what} {took:.1f}" for what, took in drill.seconds.items()))
    return _conclude(stack, differences)


def _conclude(stack: Stack, differences: list[str]) -> int:
    for difference in differences[:200]:
        print(f"DIFFERENCE: {difference}")
    print(f"differences {len(differences)}; logs in {stack.folder}")
    return 1 if differences else 0


def tell(campaign: Campaign, differences: list[str]) -> int:
    """Print the report and return the exit code."""
    stack = campaign.stack
    ledger = ledgers.read_ledger(stack.devstripe_url)
    faults = faults_by_kind(stack)
    statuses = stack.rows("SELECT status FROM orders_refill")
    print(f"\nseed {campaign.seed}: {campaign.refills} refills to charge and {campaign.others} others")
    print(f"machine: {machine()}")
    print(f"faults injected: {sum(faults.values())}: {listed(faults)}")
    print(f"SIGKILL: {len(stack.kills)}: {listed(Counter(name for _, name in stack.kills))}")
    print(f"moments: {listed(campaign.struck)}")
    print(f"refills: {listed(Counter(str(row[0]) for row in statuses))}")
    print(f"charges: {len(ledger.charges)}, {money(ledger, 'charges')}")
    again = auditor.arrived_again(campaign.sink.mails)
    print(f"mails: {len(campaign.sink.mails)} arrived, {again} of them again under the same Message-ID")
    print(f"rows: {listed(rows(stack))}")
    print("seconds: " + ", ".join(f"{what} {took:.1f}" for what, took in campaign.seconds.items()))
    settled = campaign.seconds["settled after the last fault"]
    print(f"settled {settled:.1f} s after the last fault, when {campaign.left_open} refills were open")
    checked = check_traffic(stack)
    if checked is not None:
        print("traffic: " + (checked.stdout.strip().splitlines() or [checked.stderr.strip()])[-1])
    code = _conclude(stack, differences)
    return 1 if checked is not None and checked.returncode else code
