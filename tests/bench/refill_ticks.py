"""What every turn of beat asks of the database when nothing is to be done, however many refills there are."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from orders import card_testing, checkout, reconciler, refunds, settlement
from orders.books import records
from orders.books.findings import Scope
from orders.subscriptions import (
    abandoning,
    billing,
    breaker,
    changes,
    dunning,
    foresight,
    planning,
    repricing,
)
from shop.mail import delivery

Sweep = Callable[[datetime], object]

TICKS: dict[str, dict[str, Sweep]] = {
    "plan_refills, 15 s": {
        "changes.resume_due": lambda at: changes.resume_due(at=at),
        "dunning.stop_overdue": lambda at: dunning.stop_overdue(at=at),
        "planning.plan": lambda at: planning.plan(at=at),
    },
    "dispatch_due_refills, 15 s": {
        "planning.postpone_unannounced": lambda at: planning.postpone_unannounced(at=at),
        "breaker.allow": lambda at: breaker.allow(1, at=at),
        "billing.room": lambda at: billing.room(),
        "billing.claim": lambda at: billing.claim(at=at),
        "billing.reclaim": lambda at: billing.reclaim(at=at),
    },
    "sweep_outbox, 10 s": {"delivery.due_ids": lambda at: delivery.due_ids(at=at)},
    "reconcile, 60 s": {
        "refunds.waiting_ids": lambda at: refunds.waiting_ids(),
        "silent payments": lambda at: list(reconciler._silent(at)[:200]),
        "settlement.waiting_free_orders": lambda at: list(settlement.waiting_free_orders()),
        "checkout.expired_ids": lambda at: checkout.expired_ids(at=at),
        "card_testing.probed_order_ids": lambda at: card_testing.probed_order_ids(at=at),
        "abandoning.take": lambda at: abandoning.take(at=at),
    },
    "look_ahead, 300 s": {
        "repricing.tell": lambda at: repricing.tell(at=at),
        "repricing.apply_due": lambda at: repricing.apply_due(at=at),
        "foresight.tell_expiring_cards": lambda at: foresight.tell_expiring_cards(at=at),
        "foresight.remind_of_terms": lambda at: foresight.remind_of_terms(at=at),
    },
}


@dataclass
class Slowest:
    """Remembers the statement that took longest."""

    ms: float = 0.0
    sql: str = ""
    parameters: Any = None
    statements: int = field(default=0)

    def __call__(self, execute: Callable[..., Any], sql: str, parameters: Any, *rest: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, parameters, *rest)
        finally:
            self.statements += 1
            took = (time.perf_counter() - began) * 1000
            if took > self.ms:
                self.ms, self.sql, self.parameters = took, sql, parameters


def table(at: datetime, rounds: int, limit_ms: float) -> list[str]:
    """Print the median and the p95 of every sweep, and how PostgreSQL does the slowest statement of those whose
    median is over the limit; return their names.
    """
    print(f"\n{'a turn with nothing to do, ms':44} {'statements':>10} {'p50':>8} {'p95':>8}")
    slow = []
    for tick, sweeps in TICKS.items():
        print(tick)
        for name, sweep in sweeps.items():
            times, slowest = _times(sweep, at, rounds)
            median, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
            print(f"  {name:42} {slowest.statements // rounds:>10} {median:>8.2f} {p95:>8.2f}", flush=True)
            if median > limit_ms:
                slow.append(name)
                _explain(slowest)
    return slow


def nightly(at: datetime) -> None:
    """Print how long the night's look for subscriptions without exactly one open cycle takes: it sees all."""
    began = time.perf_counter()
    found = len(list(records._cycles(Scope(since=None, at=at))))
    print(f"every night: one open cycle each, {found} without: {time.perf_counter() - began:.1f} s")


def _times(sweep: Sweep, at: datetime, rounds: int) -> tuple[list[float], Slowest]:
    sweep(at)
    slowest, times = Slowest(), []
    with connection.execute_wrapper(slowest):
        for _ in range(rounds):
            began = time.perf_counter()
            sweep(at)
            times.append((time.perf_counter() - began) * 1000)
    return times, slowest


def _explain(slowest: Slowest) -> None:
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {slowest.sql}", slowest.parameters)
        lines: Iterator[str] = (row[0] for row in cursor.fetchall())
        print("\n".join(f"      {line[:150]}" for line in lines))
        cursor.execute("ROLLBACK")
