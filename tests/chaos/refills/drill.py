"""What every drill of refills begins with: people who check out, their reminders; and the reckoning at its end."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import requests

from tests.chaos import auditor as money_auditor
from tests.chaos import ledgers
from tests.chaos.refills import auditor
from tests.chaos.refills.mail_sink import Sink
from tests.chaos.stack import Stack

# Of each kind that must not be charged; see people.KINDS.
OTHERS = ("skip", "cancel", "decline", "authenticate", "short")
PEOPLE = "tests.chaos.refills.people"
WAITING_MAILS = "SELECT count(*) FROM mail_outbox WHERE status = 'pending'"


@dataclass
class Drill:
    """Refills on a running stack, with a mail server of our own."""

    stack: Stack
    sink: Sink
    seed: int
    refills: int
    others: int
    struck: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def _say(self, words: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {words}", flush=True)

    def _timed(self, what: str, work: Callable[[], object]) -> None:
        started = time.monotonic()
        self._say(f"{what} …")
        work()
        self.seconds[what] = time.monotonic() - started

    def _begin(self) -> None:
        """Let everybody check out, by two clerks at a time. Stripe's events of that are lost: none is needed."""
        self._webhooks("swallow")
        half = self.refills // 2 if self.refills >= 40 else 0
        shares = [("pay", 1, half)] if half else []
        shares += [("pay", half + 1, self.refills - half)]
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

        threads = [threading.Thread(target=labour) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._webhooks("webhook_in")
        began = int(str(self.stack.rows("SELECT count(*) FROM orders_subscription")[0][0]))
        assert began == self.refills + self.others, f"{began} subscriptions were begun"

    def _people(self, *arguments: str) -> None:
        self.stack.do(PEOPLE, *arguments)

    def _webhooks(self, where: str) -> None:
        """Let Stripe send its events to one of the proxy's routes, after those that are on their way."""
        time.sleep(1.0)
        given = {"url": f"{self.stack.proxy_url}/_proxy/{where}"}
        requests.post(f"{self.stack.devstripe_url}/_test/webhooks", json=given, timeout=30).raise_for_status()

    def _due_times(self) -> tuple[datetime, datetime]:
        look = "SELECT min(due_at), max(due_at) FROM orders_billing_cycle WHERE status = 'open'"
        first, last = self.stack.rows(look)[0]
        return first, last  # type: ignore[return-value]

    def _announce(self, last_due: datetime) -> None:
        """Move to the days of the reminders, and wait until all were sent; some change their mind then."""
        self._move_to(last_due - timedelta(days=5))
        told = "SELECT count(*) FROM orders_refill r JOIN mail_outbox m ON m.id = r.notice_id WHERE m.sent_at > '-infinity'"
        everybody = self.refills + self.others
        patience = 180 + everybody / 3
        self._wait(lambda: self._count(told) == everybody, patience, "the reminders")
        if self.others:
            self._people("think-again")
        self._wait(lambda: self._count(WAITING_MAILS) == 0, patience, "the mails")

    def _move_to(self, moment: datetime) -> None:
        now = self._shop_time()
        minutes = int((moment - now).total_seconds() // 60) + 1
        if minutes > 0:
            self.stack.do("manage", "move_clock", "--minutes", str(minutes))

    def _shop_time(self) -> datetime:
        look = "SELECT now() + coalesce((SELECT \"offset\" FROM clock_offset), interval '0')"
        return self.stack.rows(look)[0][0]  # type: ignore[return-value]

    def _books_differ(self) -> list[str]:
        """Compare Stripe's ledger, our tables and the mail server's count."""
        ledger, books = ledgers.read_ledger(self.stack.devstripe_url), ledgers.read_books(self.stack)
        return [
            *money_auditor.differences(ledger, books),
            *auditor.differences(self.stack, self.sink.mails, refills=self.refills, others=self.others),
        ]

    def _revive(self) -> None:
        """A worker whose children are killed while it starts them gives up, and is started anew."""
        for name in self.stack.revive():
            self.struck[f"{name} had given up and was started anew"] += 1

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
