"""What a drill prints at its end."""

import os
from collections import Counter
from pathlib import Path

from tests.chaos import ledgers
from tests.chaos.campaign import Campaign, check_traffic, faults_by_kind
from tests.chaos.stack import Stack


def tell(campaign: Campaign, differences: list[str], seconds: float) -> int:
    """Print the report and return the exit code."""
    stack = campaign.stack
    ledger = ledgers.read_ledger(stack.devstripe_url)
    faults = faults_by_kind(stack)
    kills = Counter(name for _, name in stack.kills)
    endings = Counter(outcome.ended for outcome in campaign.outcomes)
    print(
        f"\nseed {campaign.seed}, {campaign.runs} runs, {campaign.customers} customers at a time, {seconds:.0f} s"
    )
    print(f"machine: {machine()}")
    print(f"faults injected: {sum(faults.values())}: {listed(faults)}")
    print(f"SIGKILL: {sum(kills.values())}: {listed(kills)}")
    print(f"journeys: {listed(endings)}")
    print(f"orders: {listed(Counter(f'{status} {paid}' for status, paid in _orders(stack)))}")
    print(
        f"refills: {listed(Counter(str(row[0]) for row in stack.rows('SELECT status FROM orders_refill')))}"
    )
    print(f"charges: {len(ledger.charges)}, {money(ledger, 'charges')}")
    print(
        f"refunds: {len(ledger.refunds)}, {money(ledger, 'refunds')}; asked for by {listed(Counter(campaign.office.done))}"
    )
    print(f"drained in {campaign.rounds} rounds; rows: {listed(rows(stack))}")
    bad_traffic = _tell_traffic(stack)
    for difference in differences:
        print(f"DIFFERENCE: {difference}")
    print(f"differences {len(differences)}; logs in {stack.folder}")
    return 1 if differences or bad_traffic else 0


def machine() -> str:
    """Return cores and memory."""
    total = next(
        (line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal")),
        "0 0 kB",
    )
    return f"{os.cpu_count()} cores, {int(total.split()[1]) / 1024**2:.1f} GiB"


def rows(stack: Stack) -> Counter[str]:
    """Count the rows of the tables that a run writes."""
    return Counter(
        {table: int(str(stack.rows(f"SELECT count(*) FROM {table}")[0][0])) for table in ledgers.TABLES}
    )


def listed(counts: Counter[str]) -> str:
    """Return counts as words, the largest first."""
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "none"


def money(ledger: ledgers.Ledger, kind: str) -> str:
    """Return the sums of charges or refunds, in minor units."""
    sums: Counter[str] = Counter()
    for charge in ledger.charges if kind == "charges" else ():
        sums[charge.currency] += charge.captured
    for refund in ledger.refunds if kind == "refunds" else ():
        sums[refund.currency] += refund.amount
    return listed(sums)


def _tell_traffic(stack: Stack) -> bool:
    checked = check_traffic(stack)
    if checked is None:
        print("traffic: not checked, ../shared/stripe is not here")
        return False
    print("traffic: " + (checked.stdout.strip().splitlines() or [checked.stderr.strip()])[-1])
    return checked.returncode != 0


def _orders(stack: Stack) -> list[tuple[object, ...]]:
    return stack.rows("SELECT status, payment_status FROM orders_order")
