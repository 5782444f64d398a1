"""The two windows of the invariants: Stripe's ledger, and our tables. Nothing else is ever looked at."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.db.models import Prefetch

from orders.models import BillingCycle, Refill, RefillItem, Subscription


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge at Stripe. Amount in minor units; `order` is the reference that its metadata names."""

    id: str
    order: str
    amount: int
    succeeded: bool
    at: datetime


@dataclass
class Evidence:
    """What Stripe and our tables say at a moment, each read once."""

    charges: list[Charge]
    # Per currency, in minor units.
    captured: dict[str, int]
    refunded: dict[str, int]
    at: datetime
    _by_order: dict[str, list[Charge]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for charge in sorted(self.charges, key=lambda row: row.at):
            self._by_order[charge.order].append(charge)

    def of(self, order: str) -> list[Charge]:
        """Return every charge that was tried for an order, oldest first."""
        return self._by_order.get(order, [])

    def paid(self, order: str) -> list[Charge]:
        """Return the charges of an order that succeeded, oldest first."""
        return [charge for charge in self.of(order) if charge.succeeded]

    @cached_property
    def subscriptions(self) -> list[Subscription]:
        """Every subscription with its cycles in their order."""
        cycles = Prefetch("cycles", BillingCycle.objects.order_by("index"), to_attr="in_order")
        rows = Subscription.objects.select_related("started_by__order").prefetch_related(cycles)
        return list(rows.order_by("pk"))

    @cached_property
    def refills(self) -> list[Refill]:
        """Every refill with its items, order and notice."""
        items = Prefetch("items", RefillItem.objects.select_related("cycle").order_by("pk"))
        rows = Refill.objects.select_related("order__payment", "notice")
        return list(rows.prefetch_related(items, "cycles", "order__lines").order_by("pk"))


def read(ledger: Mapping[str, Any], *, at: datetime) -> Evidence:
    """Return what a ledger of devstripe says, beside our tables."""
    totals = ledger["totals"]
    return Evidence(
        charges=list(_charges(ledger["charges"])),
        captured={currency.upper(): sums["captured"] for currency, sums in totals.items()},
        refunded={currency.upper(): sums["refunded"] for currency, sums in totals.items()},
        at=at,
    )


def _charges(rows: Iterable[Mapping[str, Any]]) -> Iterable[Charge]:
    for row in rows:
        yield Charge(
            id=row["id"],
            order=row["metadata"].get("order_id", ""),
            amount=row["amount_captured"],
            succeeded=row["status"] == "succeeded",
            at=datetime.fromtimestamp(row["created"], UTC),
        )
