"""The auditor of refills: Stripe's ledger, our tables and what a mail server took, person by person."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from tests.chaos.stack import Stack

REFILLS = """
SELECT c.email, s.status, coalesce(r.reference, ''), coalesce(r.status, ''), coalesce(r.quoted_total, 0),
       coalesce(o.reference, ''), coalesce(o.total, 0),
       (SELECT count(*) FROM orders_billing_cycle b WHERE b.subscription_id = s.id AND b.status = 'open'),
       (SELECT count(*) FROM orders_billing_cycle b WHERE b.subscription_id = s.id AND b.status = 'paid'),
       (SELECT count(*) FROM orders_refill x WHERE x.customer_id = c.id)
FROM orders_subscription s JOIN orders_customer c ON c.id = s.customer_id
LEFT JOIN orders_refill r ON r.customer_id = c.id LEFT JOIN orders_order o ON o.id = r.order_id
ORDER BY c.id, r.id
"""
MAILS = 'SELECT kind, "to", message_id, status FROM mail_outbox'
# What becomes of a refill by its owner's kind: (subscription, refill, open cycles, paid cycles).
ENDS = {
    "pay": ("active", "paid", 1, 1),
    "skip": ("active", "skipped", 1, 0),
    "cancel": ("cancelled", "skipped", 0, 0),
    "decline": ("active", "dunning", 1, 0),
    "authenticate": ("active", "action_required", 1, 0),
    "short": ("active", "backordered", 1, 0),
}
# Mails about a refill, by kind of its owner: each of these once, and none of the others.
TOLD = {
    "pay": ("refill_upcoming", "refill_paid"),
    "skip": ("refill_upcoming", "subscription_changed"),
    "cancel": ("refill_upcoming", "subscription_cancelled"),
    "decline": ("refill_upcoming", "refill_declined", "subscription_changed"),
    "authenticate": ("refill_upcoming", "action_required", "subscription_changed"),
    "short": ("refill_upcoming", "refill_out_of_stock"),
}
FIRST_ORDER = "order_confirmation"


@dataclass(frozen=True)
class Person:
    """What our tables say of one customer with one subscription."""

    email: str
    subscription: str
    reference: str
    status: str
    quoted: int
    order: str
    total: int
    open_cycles: int
    paid_cycles: int
    refills: int

    @property
    def kind(self) -> str:
        return self.email.split("-")[0]


def differences(stack: Stack, taken: Counter[tuple[str, str]], *, refills: int, others: int) -> list[str]:
    """Return one sentence for each thing that is not as it must be."""
    people = [Person(*row) for row in stack.rows(REFILLS)]  # type: ignore[arg-type]
    charges = requests.get(f"{stack.devstripe_url}/_test/ledger", timeout=120).json()["charges"]
    mails = [tuple(str(value) for value in row) for row in stack.rows(MAILS)]
    return [
        *people_differ(people, charges, refills=refills, others=others),
        *mails_differ(people, mails, taken),
    ]


def people_differ(
    people: list[Person], charges: list[dict[str, Any]], *, refills: int, others: int
) -> Iterator[str]:
    """Each refill that was to be charged was charged once, at its quote; the others not at all."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for charge in charges:
        found[charge["metadata"].get("order_id", "")].append(charge)
    if len(people) != refills + others:
        yield f"{len(people)} people with one refill each, not {refills} and {others}"
    for one in people:
        yield from _person_differs(one, found[one.order] if one.order else [])
    paid = [one for one in people if one.kind == "pay" and one.status == "paid"]
    if len(paid) != refills:
        yield f"{len(paid)} of {refills} refills were paid"


def _person_differs(one: Person, charges: list[dict[str, Any]]) -> Iterator[str]:
    stands = (one.subscription, one.status, one.open_cycles, one.paid_cycles)
    if stands != ENDS[one.kind]:
        yield f"{one.email}: {stands}, not {ENDS[one.kind]}"
    if one.refills != 1:
        yield f"{one.email} has {one.refills} refills"
    succeeded = [charge["amount_captured"] for charge in charges if charge["status"] == "succeeded"]
    if one.kind == "pay" and succeeded != [one.quoted]:
        yield f"{one.email} ({one.order}) was charged {succeeded}, not {one.quoted} once"
    if one.kind != "pay" and succeeded:
        yield f"{one.email} ({one.order}) was charged {succeeded}, and must not have been"
    failed = len(charges) - len(succeeded)
    if failed != (one.kind in {"decline", "authenticate"}):
        yield f"the card of {one.email} ({one.order}) was declined {failed} times"


def mails_differ(
    people: list[Person], mails: list[tuple[str, ...]], taken: Counter[tuple[str, str]]
) -> Iterator[str]:
    """Every mail that was written arrived, nothing arrived that was not written, and nobody was told twice."""
    written = {(message_id, to): status for _, to, message_id, status in mails}
    for key, status in written.items():
        if status != "sent":
            yield f"a mail to {key[1]} is {status}"
        elif not taken[key]:
            yield f"a mail to {key[1]} is marked as sent and never arrived"
    for key in taken:
        if key not in written:
            yield f"a mail {key[0]} to {key[1]} arrived that nobody wrote"
    told: dict[str, list[str]] = defaultdict(list)
    for kind, to, _, _ in mails:
        told[to].append(kind)
    for one in people:
        expected = sorted((FIRST_ORDER, *TOLD[one.kind]))
        if sorted(told[one.email]) != expected:
            yield f"{one.email} got {sorted(told[one.email])}, not {expected}"


def arrived_again(taken: Counter[tuple[str, str]]) -> int:
    """Return how many mails came once more under their Message-ID: the documented at-least-once."""
    return sum(times - 1 for times in taken.values())
