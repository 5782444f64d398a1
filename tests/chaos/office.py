"""The shop's office: refunds by the admin's form, and refunds in Stripe's own dashboard."""

import contextlib
import random
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from tests import desk
from tests.chaos.browser import refund_in_dashboard
from tests.chaos.customer import Outcome
from tests.chaos.stack import SECRET_KEY, Stack

# the login that `load_sample_data` makes and `make run` prints
STAFF = ("staff@shop.example", "demo-only")
HIDDEN = re.compile(r'name="(csrfmiddlewaretoken|expected_left)"[^>]*value="([^"]*)"')
PAID_WITHIN_S = 20.0


@dataclass
class Office:
    """Someone at a desk with two windows open."""

    stack: Stack
    done: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refund(self, outcome: Outcome) -> None:
        """Carry out what a plan says about refunds, once the order is paid."""
        kind = outcome.plan.refund
        if not kind or not outcome.reference:
            return
        order = self._paid(outcome.reference)
        if order is None:
            return
        rng = random.Random(f"refund:{outcome.plan.number}")
        part = rng.randint(1, max(1, order["total"] - 1)) if kind.endswith("_part") else None
        if kind == "both":
            part = order["total"] // 2
        if kind.startswith("dashboard") or kind == "both":
            refund_in_dashboard(self.stack.devstripe_url, SECRET_KEY, order["intent"], part)
            self._count("dashboard")
        if kind.startswith("staff") or kind == "both":
            self._by_form(order["id"], part if kind != "both" else None)

    def _paid(self, reference: str) -> dict[str, Any] | None:
        """Wait a moment for the order to be paid; staff see nothing to refund before."""
        until = time.monotonic() + PAID_WITHIN_S
        look = (
            "SELECT o.id, o.total, p.stripe_payment_intent_id FROM orders_order o"
            " JOIN orders_payment p ON p.order_id = o.id WHERE o.reference = %s AND p.succeeded_at IS NOT NULL"
        )
        while time.monotonic() < until:
            if found := self.stack.rows(look, reference):
                return dict(zip(("id", "total", "intent"), found[0], strict=True))
            time.sleep(0.5)
        return None

    def _by_form(self, order_id: int, part: int | None) -> None:
        """Fill in the admin's form, and press the button twice, as people do."""
        button = "refund_part" if part else "refund_rest"
        url = f"{self.stack.base_url}/admin/orders/order/{order_id}/{button}/"
        with contextlib.suppress(requests.RequestException):
            session = desk.sign_in(self.stack.base_url, *STAFF)
            hidden = dict(HIDDEN.findall(session.get(url, timeout=60).text))
            typed = {**hidden, "reason": "chaos"} | ({"amount": f"{part / 100:.2f}"} if part else {})
            for _ in range(2):
                session.post(url, data=typed, headers={"Referer": url}, timeout=60)
            self._count("staff" if "expected_left" in hidden else "staff, too late")

    def _count(self, kind: str) -> None:
        with self._lock:
            self.done[kind] = self.done.get(kind, 0) + 1
