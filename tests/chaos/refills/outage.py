"""Nobody at work for hours: everything that fell due meanwhile is charged once, as fast as Stripe may be asked.

The worker and the timetable stop once the reminders are out, the clock moves past the due times and so many hours
more, and both start again. How fast Stripe was asked is read from its own log of requests.
"""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import requests

from orders import stripe_events
from shop.devstripe import endpoints
from tests.chaos.refills.drill import WAITING_MAILS, Drill
from tests.chaos.stack import SECRET_KEY

RATE_PER_S = 20
# The share of the rate that is to be reached while there is work.
NEAR = 0.9
STOPPED = ("beat", "worker")
LEFT = "SELECT count(*) FROM orders_refill WHERE status <> 'paid'"
CREATE, CONFIRM = "POST /v1/payment_intents", "POST /v1/payment_intents/*/confirm"


@dataclass
class Outage(Drill):
    """One outage of so many hours."""

    hours: int = 6
    rates: dict[str, float] = field(default_factory=dict)
    busiest: dict[str, int] = field(default_factory=dict)

    def run(self) -> list[str]:
        """Carry everything out and return what is wrong."""
        self._timed("checkouts", self._begin)
        self._subscribe()
        _, last_due = self._due_times()
        self._timed("reminders", lambda: self._announce(last_due))
        for name in STOPPED:
            self.stack.services[name].stop()
        since = self._asked_so_far()
        self._move_to(last_due + timedelta(hours=self.hours))
        due = self._count(
            "SELECT count(*) FROM orders_refill WHERE status = 'planned' AND next_attempt_at <= %s",
            self._shop_time(),
        )
        for name in reversed(STOPPED):
            self.stack.services[name].start()
        self._timed("charging", self._charge)
        self._measure(since)
        self._timed("the rest of the mails", lambda: self._wait(self._is_quiet, 600))
        found = self._books_differ()
        if due != self.refills:
            found.append(f"{due} refills were due after the outage, not {self.refills}")
        return [*found, *self._pace_differs()]

    def _move_to(self, moment: datetime) -> None:
        """Stripe's clock goes along: payments of a day that it never lived would be asked about one by one."""
        super()._move_to(moment)
        given = {"now": self._shop_time().timestamp()}
        requests.post(f"{self.stack.devstripe_url}/_test/clock", json=given, timeout=30).raise_for_status()

    def _subscribe(self) -> None:
        """Let Stripe send what the README says an endpoint is to be sent, as production does."""
        url = f"{self.stack.devstripe_url}/v1/webhook_endpoints/{endpoints.CONFIGURED}"
        form = {f"enabled_events[{number}]": kind for number, kind in enumerate(stripe_events.WANTED)}
        bearer = {"Authorization": f"Bearer {SECRET_KEY}"}
        requests.post(url, data=form, headers=bearer, timeout=30).raise_for_status()

    def _charge(self) -> None:
        deadline = time.monotonic() + 120 + self.refills
        while self._count(LEFT) and time.monotonic() < deadline:
            time.sleep(0.5)

    def _is_quiet(self) -> bool:
        waits = "SELECT count(*) FROM orders_webhook_event WHERE processed_at IS NULL"
        return self._count(WAITING_MAILS) == 0 and self._count(waits) == 0

    def _asked_so_far(self) -> int:
        rows = self._log(0)
        return int(rows[-1]["n"]) if rows else 0

    def _log(self, since: int) -> list[dict[str, object]]:
        url = f"{self.stack.devstripe_url}/_test/requests?since={since}"
        return list(requests.get(url, timeout=120).json()["requests"])

    def _measure(self, since: int) -> None:
        """By endpoint: the most requests in any sliding second, and the rate from the first to the last."""
        moments: dict[str, list[float]] = defaultdict(list)
        for row in self._log(since):
            moments[_endpoint(str(row["method"]), str(row["path"]))].append(float(str(row["at"])))
        for endpoint, found in moments.items():
            found.sort()
            self.busiest[endpoint] = _busiest_second(found)
            if len(found) > 1:
                self.rates[endpoint] = (len(found) - 1) / (found[-1] - found[0])
        longest = max((later - before for before, later in pairwise(moments[CONFIRM])), default=0.0)
        self.seconds["longest pause between two charges"] = longest

    def _pace_differs(self) -> list[str]:
        found = [
            f"{name}: {count} requests in one second"
            for name, count in self.busiest.items()
            if count > RATE_PER_S
        ]
        rate = self.rates.get(CONFIRM, 0.0)
        if rate < NEAR * RATE_PER_S:
            found.append(f"{rate:.1f} charges a second while there was work, not {NEAR * RATE_PER_S:.0f}")
        return found


def _endpoint(method: str, path: str) -> str:
    parts = path.split("?")[0].split("/")
    if len(parts) > 3:
        parts[3] = "*"
    return f"{method} {'/'.join(parts)}"


def _busiest_second(moments: list[float]) -> int:
    most = start = 0
    for end, at in enumerate(moments):
        while at - moments[start] >= 1.0:
            start += 1
        most = max(most, end - start + 1)
    return most
