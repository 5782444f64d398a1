"""The whole drill: customers, faults and kills; then calm, the reconciler, and the auditor's reckoning."""

import json
import random
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field

from shop.devstack.project import ROOT
from tests.chaos import auditor, ledgers, plan
from tests.chaos.browser import Browser
from tests.chaos.customer import Customer, Outcome, in_parallel
from tests.chaos.office import Office
from tests.chaos.stack import KILLABLE, PUBLISHABLE_KEY, Stack

CHECKER = ROOT.parent / "shared" / "stripe" / "stripe_spec_check.py"


@dataclass
class Campaign:
    """One drill on a running stack."""

    stack: Stack
    seed: int
    runs: int
    customers: int = 6
    seconds_between_kills: tuple[float, float] = (6.0, 16.0)
    refills: bool = True
    outcomes: list[Outcome] = field(default_factory=list)
    rounds: int = 0
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.browser = Browser(self.stack.devstripe_url, PUBLISHABLE_KEY)
        self.office = Office(self.stack)

    def run(self) -> list[str]:
        """Carry everything out and return the differences; none is what is hoped for."""
        shopping = threading.Thread(target=self._shop)
        shopping.start()
        try:
            self._kill_while(shopping)
        finally:
            shopping.join()
        return [*self._reckon(), *self.failures, *(text for one in self.outcomes for text in one.surprises)]

    def _shop(self) -> None:
        try:
            plans = [plan.draw(self.seed, number) for number in range(1, self.runs + 1)]
            self.outcomes = in_parallel(self._journey, plans, self.customers)
            if self.refills:
                self._let_weeks_pass()
        except Exception:
            self.failures.append(f"the drill itself failed: {traceback.format_exc()}")

    def _journey(self, drawn: plan.Plan) -> Outcome:
        self.stack.faults(list(drawn.faults))
        outcome = Customer(drawn, self.stack.base_url, self.browser).shop()
        self.office.refund(outcome)
        with (self.stack.folder / "runs.jsonl").open("a") as log:
            log.write(
                json.dumps({"run": drawn.number, "ended": outcome.ended, **vars(drawn)}, default=str) + "\n"
            )
        return outcome

    def _kill_while(self, shopping: threading.Thread) -> None:
        """Kill web or worker now and then.

        In the main thread: a child of another one would be told to end when that thread does.
        """
        rng = random.Random(f"{self.seed}:kills")
        while shopping.is_alive():
            shopping.join(rng.uniform(*self.seconds_between_kills))
            if shopping.is_alive():
                self.stack.kill(rng.choice(KILLABLE), down_for=rng.uniform(0, 1.0))

    def _let_weeks_pass(self) -> None:
        """Let the refills come due, still under faults and kills; and the late customers pay."""
        refills = int(str(self.stack.rows("SELECT count(*) FROM orders_subscription")[0][0]))
        late = threading.Thread(target=self._pay_late)
        late.start()
        self._move("--minutes", "58")
        late.join()
        self.stack.faults(plan.draw_refill_faults(self.seed, refills))
        self._move("--days", "24")
        self.stack.forget_keys()
        self.stack.manage("dispatch_due_refills")
        self.stack.manage("deliver_outbox")
        self._move("--days", "5")
        self._wait(lambda: self._count_refills("planned", "claimed", "charging") == 0, 60)

    def _count_refills(self, *statuses: str) -> int:
        look = "SELECT count(*) FROM orders_refill WHERE status = ANY(%s)"
        return int(str(self.stack.rows(look, list(statuses))[0][0]))

    def _wait(self, done: object, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not done():  # type: ignore[operator]
            time.sleep(0.5)

    def _pay_late(self) -> None:
        """Those who had left come back just as their orders expire."""
        late = [outcome for outcome in self.outcomes if outcome.ended == "late"]
        in_parallel(lambda outcome: self.browser.pay(outcome.client_secret), late, 3)

    def _move(self, *by: str) -> None:
        self.stack.manage("move_clock", *by)

    def _reckon(self) -> list[str]:
        """Faults off; everything that waits is worked off; the auditor looks."""
        self.stack.faults_off()
        self.stack.wait_for_web()
        drained = self.stack.flush_webhooks()
        is_quiet = self._drain()
        # orders that expired in the drain made Stripe speak once more
        drained = self.stack.flush_webhooks() and drained
        self._wait(lambda: self._loose("stored events that were not worked off") == 0, 30)
        found = auditor.differences(
            ledgers.read_ledger(self.stack.devstripe_url), ledgers.read_books(self.stack)
        )
        if not drained:
            found.append("webhooks were still on their way when the patience ended")
        if not is_quiet:
            found.append(f"the reconciler was not quiet after {self.rounds} rounds")
        if found:
            self.stack.dump(ledgers.TABLES)
        return found

    def _loose(self, what: str) -> int:
        return int(str(self.stack.rows(ledgers.LOOSE_ENDS[what])[0][0]))

    def _drain(self) -> bool:
        """Let staff repeat `reconcile --all` with a moving clock until nothing is left to do."""
        said = self.stack.python("-m", "tests.chaos.drain")
        self.rounds = said["rounds"]
        return bool(said["is_quiet"])


def faults_by_kind(stack: Stack) -> Counter[str]:
    """Count the faults that the proxy's log says were injected."""
    with stack.traffic_log.open(encoding="utf-8") as log:
        lines = [json.loads(line) for line in log]
    return Counter(f"{line['kind']} {line['fault']}" for line in lines if line.get("fault"))


def check_traffic(stack: Stack) -> subprocess.CompletedProcess[str] | None:
    """Hold every recorded request to Stripe's specification; None where the checker is absent."""
    if not CHECKER.exists():
        return None
    argv = [sys.executable, str(CHECKER), str(stack.traffic_log), "--order-key", "order_id"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    (stack.folder / "spec_check.txt").write_text(done.stdout + done.stderr)
    return done
