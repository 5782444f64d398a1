"""The drill: refills fall due in waves under faults and blows; then calm, a stopwatch, and the auditor."""

import random
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
import redis
import requests

from tests.chaos import ledgers
from tests.chaos.refills import plan, victims
from tests.chaos.refills.drill import WAITING_MAILS, Drill

LOOK_EVERY_S = 0.03
WAVE_PATIENCE_S = 90.0
# The last one ends when few refills are left, and not before.
LAST_PATIENCE_S = 600.0
SETTLED_WITHIN_S = 60.0
# A gentle drill lets the shop's clock go a minute on whenever so much time has passed.
HURRY_EVERY_S = 2.0
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
class Campaign(Drill):
    """One drill under fire."""

    kills: int = 100
    waves: int = 6
    gently: bool = False
    left_open: int = 0
    _hurried_at: float = 0.0

    def __post_init__(self) -> None:
        self._rng = random.Random(f"{self.seed}:victims")
        self._asked = requests.Session()
        self._seen: set[int] = set()
        each = {"refills": -(-self.refills // self.waves), "kills": -(-self.kills // self.waves)}
        self.plan = [plan.draw(self.seed, n, **each, gently=self.gently) for n in range(self.waves)]

    def run(self, *, within_s: float | None = SETTLED_WITHIN_S) -> list[str]:
        """Carry everything out and return what is wrong; nothing is what is hoped for.

        `within_s` is how soon after the last fault everything must be settled.
        """
        self._timed("checkouts", self._begin)
        first_due, last_due = self._due_times()
        self._timed("reminders", lambda: self._announce(last_due))
        self._timed("faults and kills", lambda: self._strike(first_due, last_due))
        self._timed("settled after the last fault", self._settle)
        self._timed("the rest of Stripe's events", self._work_off)
        return self._reckon(within_s)

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

    def _under_fire(self, wave: plan.Wave, due_by: datetime, *, leave: int) -> None:
        """Strike until what is due is charged and every blow was dealt; the last wave, which leaves some open,
        goes on until there were as many kills as promised.
        """
        began, looked_at, waits = time.monotonic(), 0.0, self.refills
        blows, guilty = deque(wave.blows), deque(wave.victims)
        patience = LAST_PATIENCE_S if leave else WAVE_PATIENCE_S
        while time.monotonic() < began + patience and (waits > leave or blows or (leave and self._is_short)):
            self._revive()
            for held in self._held():
                self._kill_for(held, guilty.popleft() if guilty else "child")
            while blows and blows[0].after_s <= time.monotonic() - began:
                self._deal(blows.popleft().kind)
            if not blows:
                self._hurry()
            if time.monotonic() - looked_at > 0.4:
                waits, looked_at = self._count(OPEN, due_by), time.monotonic()
                if leave and waits <= leave and not self._is_short:
                    return
                if leave and not blows and self._is_short:
                    self._deal("child")
            time.sleep(LOOK_EVERY_S)

    @property
    def _is_short(self) -> bool:
        return len(self.stack.kills) < self.kills

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

    def _settle(self) -> None:
        """Wait, in real time and doing nothing, until every refill, attempt and mail has come to its end."""
        deadline = time.monotonic() + 3 * SETTLED_WITHIN_S
        while time.monotonic() < deadline:
            if not any(int(str(count)) for count in self.stack.rows(UNSETTLED, self._shop_time())[0]):
                return
            self._revive()
            self._hurry()
            time.sleep(0.2)

    def _hurry(self) -> None:
        """What the dead left behind is found by the shop's clock, after half a minute and more: a gentle drill
        moves it instead of waiting.
        """
        if self.gently and time.monotonic() - self._hurried_at > HURRY_EVERY_S:
            self._hurried_at = time.monotonic()
            self.stack.do("manage", "move_clock", "--minutes", "1")

    def _work_off(self) -> None:
        """Events that were refused while faults were on wait for minutes, and change nothing: the clock moves."""
        self.stack.flush_webhooks()
        self.stack.do("manage", "move_clock", "--minutes", "30")
        self._wait(lambda: self._count(ledgers.LOOSE_ENDS["stored events that were not worked off"]) == 0, 90)
        self._wait(lambda: self._count(WAITING_MAILS) == 0, 30)

    def _reckon(self, within_s: float | None) -> list[str]:
        """Say what is wrong in the books, or took too long."""
        found = self._books_differ()
        settled = self.seconds["settled after the last fault"]
        if within_s is not None and settled > within_s:
            found.append(f"settled only {settled:.0f} s after the last fault")
        if len(self.stack.kills) < self.kills:
            found.append(f"only {len(self.stack.kills)} kills of {self.kills}")
        if found:
            self.stack.dump(ledgers.TABLES)
        return found
