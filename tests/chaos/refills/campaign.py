"""The drill: refills fall due in waves under faults and blows; then calm, a stopwatch, and the auditor."""

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
import redis
import requests

from tests.chaos import auditor as money_auditor
from tests.chaos import ledgers
from tests.chaos.refills import auditor, plan, victims
from tests.chaos.refills.mail_sink import Sink
from tests.chaos.stack import Stack

# Of each kind that must not be charged; see people.KINDS.
OTHERS = ("skip", "cancel", "decline", "authenticate", "short")
# Django has to be set up before the imports of `people`.
PEOPLE = "import django; django.setup(); from tests.chaos.refills import people; people.main()"
LOOK_EVERY_S = 0.03
WAVE_PATIENCE_S = 90.0
SETTLED_WITHIN_S = 60.0
# Due refills that no worker has brought to their end.
OPEN = """
SELECT count(*) FROM orders_refill r JOIN orders_customer c ON c.id = r.customer_id
WHERE c.email LIKE 'pay-%%' AND r.status IN ('planned', 'claimed', 'charging', 'dunning') AND r.due_at <= %s
"""
UNSETTLED = """
SELECT (SELECT count(*) FROM orders_refill WHERE status IN ('claimed', 'charging')
           OR (status = 'planned' AND next_attempt_at <= %s)),
       (SELECT count(*) FROM orders_payment_attempt WHERE outcome IN ('started', 'unknown')),
       (SELECT count(*) FROM mail_outbox WHERE status = 'pending')
"""


@dataclass
class Campaign:
    """One drill on a running stack."""

    stack: Stack
    sink: Sink
    seed: int
    refills: int
    others: int
    kills: int
    waves: int
    struck: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    left_open: int = 0
    last_fault_at: float = 0.0

    def __post_init__(self) -> None:
        self._rng = random.Random(f"{self.seed}:victims")
        self._asked = requests.Session()
        self._began = time.monotonic()
        self._seen: set[int] = set()
        self.plan = [
            plan.draw(
                self.seed, number, refills=-(-self.refills // self.waves), kills=-(-self.kills // self.waves)
            )
            for number in range(self.waves)
        ]

    def run(self) -> list[str]:
        """Carry everything out and return what is wrong; nothing is what is hoped for."""
        self._timed("checkouts", self._begin)
        first_due, last_due = self._due_times()
        self._timed("reminders", lambda: self._announce(last_due))
        self._timed("faults and kills", lambda: self._strike(first_due, last_due))
        self._timed("settled after the last fault", self._settle)
        self._timed("the rest of Stripe's events", self._work_off)
        return self._reckon()

    def _say(self, words: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {words}", flush=True)

    def _timed(self, what: str, work: Callable[[], object]) -> None:
        started = time.monotonic()
        self._say(f"{what} …")
        work()
        self.seconds[what] = time.monotonic() - started

    # --- before ------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Let everybody check out, in two processes at a time; Stripe's events wait meanwhile."""
        self._webhooks(paused=True)
        half = self.refills // 2
        shares = [("pay", 1, half), ("pay", half + 1, self.refills - half)]
        each = [self.others // len(OTHERS) + (n < self.others % len(OTHERS)) for n in range(len(OTHERS))]
        shares += [(kind, 1, count) for kind, count in zip(OTHERS, each, strict=True) if count]
        work = deque(shares)
        lock = threading.Lock()

        def labour() -> None:
            while True:
                with lock:
                    if not work:
                        return
                    kind, first, count = work.popleft()
                whom = ("--kind", kind, "--first", str(first), "--count", str(count))
                self._people("begin", *whom, "--stripe", self.stack.devstripe_url)

        # A child of a thread is told to end when that thread does: each ends before its thread.
        threads = [threading.Thread(target=labour) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._webhooks(paused=False)
        began = int(str(self.stack.rows("SELECT count(*) FROM orders_subscription")[0][0]))
        assert began == self.refills + self.others, f"{began} subscriptions were begun"

    def _people(self, *arguments: str) -> None:
        self.stack.python("-c", PEOPLE, *arguments)

    def _webhooks(self, *, paused: bool) -> None:
        url = f"{self.stack.devstripe_url}/_test/webhooks"
        requests.post(url, json={"paused": paused}, timeout=30).raise_for_status()

    def _due_times(self) -> tuple[datetime, datetime]:
        look = "SELECT min(due_at), max(due_at) FROM orders_billing_cycle WHERE status = 'open'"
        first, last = self.stack.rows(look)[0]
        return first, last  # type: ignore[return-value]

    def _announce(self, last_due: datetime) -> None:
        """Move to the days of the reminders, and wait until all were sent; some change their mind then."""
        self._move_to(last_due - timedelta(days=5))
        told = "SELECT count(*) FROM orders_refill r JOIN mail_outbox m ON m.id = r.notice_id WHERE m.sent_at > '-infinity'"
        everybody = self.refills + self.others
        self._wait(lambda: self._count(told) == everybody, 120, "the reminders")
        self._people("think-again")
        # By its own setting no reminder counts that was sent less than 48 hours before.
        self._wait(
            lambda: self._count("SELECT count(*) FROM mail_outbox WHERE status = 'pending'") == 0, 60, "mails"
        )

    def _move_to(self, moment: datetime) -> None:
        now = self._shop_time()
        minutes = int((moment - now).total_seconds() // 60) + 1
        if minutes > 0:
            self.stack.manage("move_clock", "--minutes", str(minutes))

    def _shop_time(self) -> datetime:
        look = "SELECT now() + coalesce((SELECT \"offset\" FROM clock_offset), interval '0')"
        return self.stack.rows(look)[0][0]  # type: ignore[return-value]

    # --- under fire --------------------------------------------------------------------------------------

    def _strike(self, first_due: datetime, last_due: datetime) -> None:
        """Let the refills fall due in waves; the last one ends while some of its refills are still open."""
        step = (last_due - first_due) / self.waves
        for wave in self.plan:
            is_last = wave.number == self.waves - 1
            self.stack.faults(list(wave.rules))
            due_by = last_due if is_last else first_due + step * (wave.number + 1)
            self._move_to(due_by)
            self._say(f"wave {wave.number + 1} of {self.waves}, {len(self.stack.kills)} kills so far")
            self._under_fire(wave, due_by, leave=max(1, self.refills // 20) if is_last else 0)
        self.left_open = self._count(OPEN, last_due + timedelta(minutes=2))
        self.stack.faults_off()
        self.last_fault_at = time.time()

    def _under_fire(self, wave: plan.Wave, due_by: datetime, *, leave: int) -> None:
        began, looked_at, waits = time.monotonic(), 0.0, self.refills
        blows, guilty = deque(wave.blows), deque(wave.victims)
        while time.monotonic() < began + WAVE_PATIENCE_S and (waits > leave or blows):
            self._revive()
            for held in self._held():
                self._kill_for(held, guilty.popleft() if guilty else "child")
            while blows and blows[0].after_s <= time.monotonic() - began:
                self._deal(blows.popleft().kind)
            if time.monotonic() - looked_at > 0.4:
                waits, looked_at = self._count(OPEN, due_by), time.monotonic()
                if waits <= leave and leave:
                    return
            time.sleep(LOOK_EVERY_S)

    def _revive(self) -> None:
        """A worker whose children are killed while it starts them gives up, and is started anew."""
        for name in self.stack.revive():
            self.struck[f"{name} had given up and was started anew"] += 1

    def _held(self) -> list[dict[str, Any]]:
        """Return calls and mails that have been held since the last look."""
        state = self._asked.get(f"{self.stack.proxy_url}/_proxy/state", timeout=30).json()
        found = [
            row
            for row in [*state["held"], *self.sink.held.copy().values()]
            if row["number"] not in self._seen
        ]
        self._seen |= {int(row["number"]) for row in found}
        return found

    def _kill_for(self, held: dict[str, Any], victim: str) -> None:
        """Kill whoever waits for the answer to a call."""
        leader = self._leader("worker")
        child = victims.owner(int(held["port"]), victims.group(leader))
        if child is None:
            return
        self._kill(victim, child, str(held["what"]))

    def _kill(self, victim: str, child: int | None, moment: str) -> None:
        if victim == "worker":
            self.stack.kill("worker", moment=moment)
        elif child is None or not victims.kill(child):
            return
        else:
            self.stack.note_kill("child", f"process {child}, {moment}")
        self.struck[f"{victim}: {moment}"] += 1

    def _deal(self, kind: str) -> None:
        if kind in {"beat", "web"}:
            self.stack.kill(kind, moment="by the second")
            self.struck[f"{kind}: by the second"] += 1
        elif kind in {"child", "worker"}:
            child = victims.any_of(victims.group(self._leader("worker")), self._rng)
            self._kill(kind, child, "by the second")
        elif kind == "mail":
            self.sink.to_hold += 1
        elif kind == "connections":
            self._cut_connections()
        else:
            redis.Redis.from_url(self.stack.redis_url).flushdb()
            self.struck["Redis emptied"] += 1

    def _cut_connections(self) -> None:
        cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        with psycopg.connect(self.stack.database_url, autocommit=True) as connection:
            row = connection.execute(cut).fetchone()
        self.struck["database connections cut, all at once"] += 1
        self.struck["database connections cut"] += row[0] if row else 0

    def _leader(self, name: str) -> int:
        process = self.stack.services[name].process
        assert process is not None
        return process.pid

    # --- after -------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Wait, in real time and doing nothing, until every refill, attempt and mail has come to its end."""
        deadline = time.monotonic() + 3 * SETTLED_WITHIN_S
        while time.monotonic() < deadline:
            if not any(int(str(count)) for count in self.stack.rows(UNSETTLED, self._shop_time())[0]):
                return
            self._revive()
            time.sleep(0.2)

    def _work_off(self) -> None:
        """Events that were refused while faults were on wait for minutes, and change nothing: the clock moves."""
        self.stack.flush_webhooks()
        self.stack.manage("move_clock", "--minutes", "30")
        self._wait(lambda: self._count(ledgers.LOOSE_ENDS["stored events that were not worked off"]) == 0, 90)
        self._wait(lambda: self._count("SELECT count(*) FROM mail_outbox WHERE status = 'pending'") == 0, 30)

    def _reckon(self) -> list[str]:
        """Compare Stripe's ledger, our tables and the mail server's count."""
        ledger, books = ledgers.read_ledger(self.stack.devstripe_url), ledgers.read_books(self.stack)
        found = [
            *money_auditor.differences(ledger, books),
            *auditor.differences(self.stack, self.sink.mails, refills=self.refills, others=self.others),
        ]
        settled = self.seconds["settled after the last fault"]
        if settled > SETTLED_WITHIN_S:
            found.append(f"settled only {settled:.0f} s after the last fault")
        if len(self.stack.kills) < self.kills:
            found.append(f"only {len(self.stack.kills)} kills of {self.kills}")
        if found:
            self.stack.dump(ledgers.TABLES)
        return found

    def _count(self, sql: str, *values: object) -> int:
        return int(str(self.stack.rows(sql, *values)[0][0]))

    def _wait(self, done: Callable[[], bool], seconds: float, what: str = "") -> None:
        """Wait until something is so. :raises RuntimeError: if it must be and is not."""
        until = time.monotonic() + seconds
        while not done():
            if time.monotonic() > until:
                if what:
                    raise RuntimeError(f"{what} took longer than {seconds} s")
                return
            time.sleep(0.3)
