"""How refills scale: `make bench-refills`.

A shop with a million subscriptions, a hundred thousand of them due, is written into a database of its own; and
a second one with as many due, but a tenth of the subscriptions. In each, worker processes plan what is due and
claim it. Then requests to Stripe's double are counted for a while. Exit 1 when a target is missed:

- finding what is due takes 20 ms at most (p95), for planning and for claiming;
- 2,000 refills a second are planned and claimed, both together;
- with ten times the subscriptions, a refill costs at most half as much again;
- no sweep with nothing to do takes longer than 20 ms (median);
- no more than 20 requests a second reach an endpoint of Stripe, and no less than 18 while there is work.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from tests.bench import server, stripe_pace
from tests.bench.refill_crew import CLAIMED_AT_ONCE, Crew, Done, Job
from tests.chaos.report import machine
from tests.chaos.stack import database_of_its_own

QUERY_MS, REFILLS_PER_S, MOST_GROWTH = 20, 2000, 1.5
MOST_PER_S, LEAST_PER_S = 20, 18.0


@dataclass
class Figures:
    """What was measured in one database."""

    subscriptions: int
    queries_ms: dict[str, float] = field(default_factory=dict)
    one_planner: Done | None = None
    planned: Done | None = None
    claimed: Done | None = None
    slow_ticks: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Refills a second through planning and claiming, one after the other."""
        assert self.planned
        assert self.claimed
        return 1 / (1 / self.planned.rate + 1 / self.claimed.rate)

    @property
    def cost(self) -> float:
        """What a refill costs: milliseconds of processor, or of waiting if the server's cannot be seen."""
        assert self.planned
        assert self.claimed
        seen = self.planned.server_cpu > 0
        return self.planned.cpu_ms + self.claimed.cpu_ms if seen else 1000 / self.rate


def main() -> int:
    """Seed, measure, print and say by the exit code whether the targets were met."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.refills", description=__doc__)
    parser.add_argument("--subscriptions", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--rounds", type=int, default=100, help="of each query")
    parser.add_argument("--stripe-seconds", type=int, default=60, help="0: Stripe's double is not asked")
    options = parser.parse_args()
    print(f"machine: {machine()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")
    few = _apart(max(options.subscriptions // 10, options.due), options, with_ticks=False)
    many = _apart(options.subscriptions, options, with_ticks=True)
    missed = _verdicts(few, many)
    if options.stripe_seconds:
        missed += _stripe(options.stripe_seconds)
    print(f"\nmissed: {'; '.join(missed)}" if missed else "\nall targets met")
    return 1 if missed else 0


def _apart(total: int, options: argparse.Namespace, *, with_ticks: bool) -> Figures:
    """Measure in a process and a database of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with database_of_its_own(os.environ["DATABASE_URL"]) as url:
        process = context.Process(target=_child, args=(theirs, url, total, options, with_ticks))
        process.start()
        theirs.close()
        try:
            return ours.recv()
        finally:
            process.join()


def _child(pipe: Connection, url: str, total: int, options: argparse.Namespace, with_ticks: bool) -> None:
    os.environ["DATABASE_URL"] = url
    django.setup()
    call_command("migrate", verbosity=0)
    seed(total, options.due)
    found = Figures(total)
    with Crew(options.workers) as crew:
        measure(found, crew.do, workers=options.workers, rounds=options.rounds, with_ticks=with_ticks)
    pipe.send(found)
    connection.close()


def seed(total: int, due: int) -> None:
    """Write the shop and say what it has."""
    from tests.bench import refill_rows  # noqa: PLC0415 - records can be loaded only after setup

    began = time.monotonic()
    counts = refill_rows.seed(total, due)
    ran_on = server.described("fsync", "shared_buffers")
    print(f"\n{total:,} subscriptions, {due:,} of them due; {ran_on}")
    print("rows: " + ", ".join(f"{count:,} {table}" for table, count in counts.items()))
    print(f"written in {time.monotonic() - began:.0f} s; the database has {server.size()}", flush=True)


def measure(found: Figures, do: Callable[..., Done], *, workers: int, rounds: int, with_ticks: bool) -> None:
    """Find, plan and claim what is due, and write down the figures and whatever came out wrong."""
    from tests.bench import refill_rows, refill_ticks  # noqa: PLC0415 - records can be loaded only after setup

    now, due = refill_rows.NOW, refill_rows.parcels_due()
    found.queries_ms["what PLAN finds"] = _p95(_find_unplanned(now), rounds)
    _explain_unplanned(now)
    if with_ticks:
        found.slow_ticks = refill_ticks.table(now - timedelta(days=3), rounds, QUERY_MS)
        refill_ticks.nightly(now)
    found.one_planner = do(Job("plan", now, due // 5), workers=1)
    found.planned = do(Job("plan", now, due), workers=workers)
    _show("planned by one process", found.one_planner)
    _show(f"planned by {workers} at once", found.planned)
    planned = found.one_planner.refills + found.planned.refills
    _compare(found, "refills planned", planned, due)
    refill_rows.send_reminders(now + timedelta(hours=1))
    # The short reminders' day comes first; what is overdue for longer would be told anew.
    first, second = now + timedelta(days=2, hours=4), now + timedelta(days=4, hours=4)
    found.queries_ms["what CLAIM finds"] = _p95(_find_claimable(second), rounds)
    _explain_claimable(second)
    early = do(Job("claim", first, due), workers=workers)
    found.claimed = do(Job("claim", second, due), workers=workers)
    _show(f"claimed by {workers} at once", found.claimed)
    _compare(found, "refills claimed", early.refills + found.claimed.refills, due)
    for what, (is_, should_be) in refill_rows.doubles(due).items():
        _compare(found, what, is_, should_be)


def _compare(found: Figures, what: str, is_: int, should_be: int) -> None:
    if is_ != should_be:
        found.faults.append(f"{what}: {is_:,}, not {should_be:,}")


def _find_unplanned(now: Any) -> Callable[[], Any]:
    from orders.subscriptions import planning, waiting  # noqa: PLC0415 - verbs can be loaded only after setup

    return lambda: next(waiting.customers(at=now, limit=planning.BATCH, size=planning.BATCH))


def _find_claimable(at: Any) -> Callable[[], Any]:
    from orders.subscriptions import billing  # noqa: PLC0415 - verbs can be loaded only after setup

    def find() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(billing._DUE, _claim_values(at))
            cursor.fetchall()
            transaction.set_rollback(True)

    return find


def _claim_values(at: Any) -> dict[str, Any]:
    return {
        "at": at,
        "limit": CLAIMED_AT_ONCE,
        "told_by": at - timedelta(hours=48),
        "stale": at - timedelta(hours=72),
    }


def _p95(find: Callable[[], Any], rounds: int) -> float:
    find()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        find()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.quantiles(times, n=20)[-1]


def _show(what: str, done: Done) -> None:
    ours, server = (1000 * cpu / max(done.refills, 1) for cpu in (done.our_cpu, done.server_cpu))
    print(
        f"{what:26} {done.refills:>8,} in {done.seconds:>6.1f} s: {done.rate:>7,.0f} a second; processor a "
        f"refill: {ours:.2f} ms ours, {server:.2f} ms the server's; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def _explain_unplanned(now: Any) -> None:
    from orders.subscriptions import planning, waiting  # noqa: PLC0415 - verbs can be loaded only after setup

    until = now + timedelta(days=settings.REFILL_REMINDER_DAYS)
    page = waiting._due("long", until=until)[: planning.BATCH]
    print("\nEXPLAIN ANALYZE of what PLAN finds")
    print(
        "\n".join(line[:150] for line in page.explain(analyze=True, buffers=True, costs=False).splitlines())
    )


def _explain_claimable(at: Any) -> None:
    from orders.subscriptions import billing  # noqa: PLC0415 - verbs can be loaded only after setup

    print("\nEXPLAIN ANALYZE of what CLAIM finds")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {billing._DUE}", _claim_values(at))
        print("\n".join(row[0][:150] for row in cursor.fetchall()), flush=True)
        transaction.set_rollback(True)


def _verdicts(few: Figures, many: Figures) -> list[str]:
    """Print what was reached beside what was wanted; return what was missed."""
    print()
    growth = many.cost / few.cost
    missed = [*few.faults, *many.faults, *(f"{name} is slow" for name in many.slow_ticks)]
    for what, ms in many.queries_ms.items():
        _judge(missed, f"{what}: p95 {ms:.1f} ms", f"{QUERY_MS} ms at most", ms <= QUERY_MS)
    words = f"planned and claimed: {many.rate:,.0f} refills a second"
    _judge(missed, words, f"{REFILLS_PER_S:,}", many.rate >= REFILLS_PER_S)
    words = (
        f"a refill among {few.subscriptions:,}: {few.cost:.2f} ms, among {many.subscriptions:,}: "
        f"{many.cost:.2f} ms, ratio {growth:.2f}"
    )
    _judge(missed, words, f"{MOST_GROWTH} at most", growth <= MOST_GROWTH)
    return missed


def _judge(missed: list[str], words: str, target: str, is_met: bool) -> None:
    print(f"{words}; target {target}: {'met' if is_met else 'MISSED'}")
    if not is_met:
        missed.append(words)


def _stripe(seconds: int) -> list[str]:
    """Ask Stripe's double from three processes for a while; print the pace, and return what was missed."""
    argv = [sys.executable, "-m", "shop.devstripe", "--port", "0", "--store", ":memory:"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as double:
        assert double.stdout is not None
        try:
            url = double.stdout.readline().rsplit(" ", 1)[1].strip()
            rows = stripe_pace.run(url, processes=3, threads=4, requests_each=MOST_PER_S * seconds // 3)
        finally:
            double.terminate()
    rate = (len(rows) - 1) / (rows[-1]["at"] - rows[0]["at"])
    busiest = stripe_pace.busiest_second(rows)
    missed: list[str] = []
    words = f"requests to one endpoint of Stripe: {rate:.1f} a second, {busiest} in the busiest"
    is_met = busiest <= MOST_PER_S and rate >= LEAST_PER_S
    _judge(missed, words, f"{LEAST_PER_S:.0f} to {MOST_PER_S}", is_met)
    return missed


if __name__ == "__main__":
    sys.exit(main())
