"""How close background work comes to its rate: `python -m tests.bench.stripe_pace` beside a running devstripe.

STRIPE_API_BASE=http://127.0.0.1:8421 python -m tests.bench.stripe_pace --processes 3 --threads 4 --requests 200
"""

import argparse
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from orders import stripe_gateway as gateway

MISSING = "pi_0123456789abcdefghijklmn"


def run(url: str, *, processes: int, threads: int, requests_each: int) -> list[dict[str, Any]]:
    """Ask Stripe from many threads in many processes; return the rows of its log, oldest first."""
    before = _log(url, 0)
    since = before[-1]["n"] if before else 0
    argv = [sys.executable, "-m", "tests.bench.stripe_pace", "--worker"]
    argv += ["--threads", str(threads), "--requests", str(requests_each)]
    env = {**os.environ, "STRIPE_API_BASE": url}
    workers = [subprocess.Popen(argv, env=env) for _ in range(processes)]
    codes = [worker.wait(timeout=120) for worker in workers]
    assert codes == [0] * processes
    return [row for row in _log(url, since) if MISSING in row["path"]]


def busiest_second(rows: list[dict[str, Any]]) -> int:
    """Return the most requests that one endpoint saw in any sliding second, by Stripe's own clock."""
    moments: dict[str, list[float]] = {}
    for row in sorted(rows, key=lambda row: row["at"]):
        moments.setdefault(f"{row['method']} {row['path']}", []).append(row["at"])
    return max(
        sum(1 for later in found[index:] if later - at < 1.0)
        for found in moments.values()
        for index, at in enumerate(found)
    )


def _log(url: str, since: int) -> list[dict[str, Any]]:
    return requests.get(f"{url}/_test/requests?since={since}", timeout=10).json()["requests"]


def _work(threads: int, count: int) -> None:
    def ask(_: int) -> None:
        try:
            gateway.retrieve_intent(MISSING, mood=gateway.BACKGROUND)
        except gateway.Refused:
            return

    with ThreadPoolExecutor(max_workers=threads) as pool:
        list(pool.map(ask, range(count)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", action="store_true")
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--requests", type=int, default=100, help="a process")
    given = parser.parse_args()
    if given.worker:
        _work(given.threads, given.requests)
        return
    url = os.environ["STRIPE_API_BASE"]
    rows = run(url, processes=given.processes, threads=given.threads, requests_each=given.requests)
    took = rows[-1]["at"] - rows[0]["at"]
    rate = (len(rows) - 1) / took
    statuses = dict(Counter(row["status"] for row in rows))
    print(
        f"{len(rows)} requests in {took:.2f} s: {rate:.2f}/s, busiest second {busiest_second(rows)}, {statuses}"
    )


if __name__ == "__main__":
    main()
