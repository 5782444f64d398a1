"""The books of a simulation: how much of everything there was. No references and no ids: the same seed
prints the same books.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.db.models import Count, Model, Sum

from catalog.models import StockMovement
from orders.models import (
    BillingCycle,
    Order,
    PaymentAttempt,
    ReconciliationDifference,
    Refill,
    StripeRefund,
    Subscription,
)
from shop.mail.models import OutboxMessage
from shop.money import format_money

WIDTH = 58


def lines(played: Mapping[str, Counter[str]], ledger: Mapping[str, Any]) -> list[str]:
    """Return the books as lines to print, what was `played` first."""
    found: list[str] = []
    for title, counts in {**played, **_rows(), **_at_stripe(ledger)}.items():
        found += ["", title]
        found += [f"  {name:<{WIDTH}} {count:>9,}" for name, count in sorted(counts.items()) if count]
    return [*found, "", *_money(ledger)]


def digest(found: list[str]) -> str:
    """Return a short name of the books: the same books have the same one."""
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]


def _rows() -> dict[str, Counter[str]]:
    moved = StockMovement.objects.values("kind").annotate(units=Sum("quantity")).order_by("kind")
    return {
        "Subscriptions": _count(Subscription, "status"),
        "Cycles": _count(BillingCycle, "status"),
        "Refills": _count(Refill, "status"),
        "Orders": _count(Order, "origin", "status", "payment_status", "fulfilment_status"),
        "Requests to Stripe that may move money": _count(PaymentAttempt, "kind", "outcome"),
        "Refunds": _count(StripeRefund, "status"),
        "Mails": _count(OutboxMessage, "kind", "status"),
        "Stock movements, units": Counter({row["kind"]: row["units"] for row in moved}),
        "Differences that the nightly audit listed": _count(ReconciliationDifference, "kind"),
    }


def _count(model: type[Model], *fields: str) -> Counter[str]:
    rows = model._default_manager.order_by(*fields).values_list(*fields).annotate(n=Count("pk"))
    return Counter({", ".join(map(str, row[:-1])): row[-1] for row in rows})


def _at_stripe(ledger: Mapping[str, Any]) -> dict[str, Counter[str]]:
    names = ("intents", "charges", "refunds", "disputes")
    counts = Counter(f"{name}, {row['status']}" for name in names for row in ledger[name])
    return {"At Stripe": counts}


def _money(ledger: Mapping[str, Any]) -> list[str]:
    return [
        f"{currency.upper()}: captured {format_money(sums['captured'], currency.upper())}, "
        f"refunded {format_money(sums['refunded'], currency.upper())}, "
        f"disputed {format_money(sums['disputed'], currency.upper())}"
        for currency, sums in sorted(ledger["totals"].items())
    ]
