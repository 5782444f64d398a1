"""Staff's first page: what waits for a person today, each a number that leads to its list."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from catalog import inventory
from orders import shipments
from orders.admin.payments import declined_payments
from orders.admin.returns import open_returns, open_withdrawals
from orders.admin.subscriptions import due_tomorrow
from orders.models import Order, Refill, Shipment
from orders.subscriptions import giving_back
from shop.admin import site
from shop.clock import reading
from shop.mail import delivery
from shop.mail.models import OutboxMessage


@dataclass(frozen=True, slots=True)
class Task:
    """A number, what it counts, and the list that shows the same rows."""

    title: str
    hint: str
    count: int
    link: str
    is_urgent: bool


@dataclass(frozen=True, slots=True)
class _Kind:
    title: str
    hint: str
    rows: Callable[[datetime], QuerySet[Any]]
    filters: dict[str, str]
    is_urgent: bool = False
    # A page of its own instead of the record's list, and the record whose viewers may open it.
    page: str = ""
    seen_by: type[Model] | None = None


def show(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add to the admin's index what this person may see of it: one query for all numbers."""
    if why := delivery.why_held_back():
        messages.warning(request, why)
    return {**context, "tasks": list(tasks_for(request, at=reading.now()))}


def tasks_for(request: HttpRequest, *, at: datetime) -> Iterator[Task]:
    """Yield the numbers whose lists this person may open."""
    seen = [(kind, rows) for kind in KINDS if _may_see(request, kind, rows := kind.rows(at))]
    for (kind, rows), count in zip(seen, _counts([rows for _, rows in seen]), strict=True):
        meta = rows.model._meta
        address = reverse(kind.page or f"admin:{meta.app_label}_{meta.model_name}_changelist")
        link = f"{address}?{urlencode(kind.filters)}" if kind.filters else address
        yield Task(kind.title, kind.hint, count, link, is_urgent=kind.is_urgent and count > 0)


def _may_see(request: HttpRequest, kind: _Kind, rows: QuerySet[Any]) -> bool:
    return site._registry[kind.seen_by or rows.model].has_view_permission(request)


def _counts(querysets: Sequence[QuerySet[Any]]) -> Sequence[int]:
    """Return how many rows each has, in one query however many there are."""
    parts: list[str] = []
    params: list[Any] = []
    for rows in querysets:
        statement, values = rows.order_by().values("pk").query.sql_with_params()
        parts.append(f"(SELECT count(*) FROM ({statement}) AS counted)")  # noqa: S608 - Django's own SQL
        params += values
    if not parts:
        return ()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", params)
        found: tuple[int, ...] = cursor.fetchone() or ()
    return found


def orders_to_pick(at: datetime) -> QuerySet[Order]:
    """Paid orders that may leave and have something in no parcel yet."""
    return shipments.ready()


def parcels_to_dispatch(at: datetime) -> QuerySet[Shipment]:
    """Parcels that are packed and wait for the van."""
    return Shipment.objects.filter(status=Shipment.Status.PACKED)


def orders_to_review(at: datetime) -> QuerySet[Order]:
    """Orders where what Stripe says and what was agreed differ."""
    return Order.objects.exclude(review_reason="")


def refills_in_trouble(at: datetime) -> QuerySet[Refill]:
    """Refills whose card was declined, or whose bank wants its customer."""
    return Refill.objects.filter(status__in=[Refill.Status.DUNNING, Refill.Status.ACTION_REQUIRED])


def refills_that_stumble(at: datetime) -> QuerySet[Refill]:
    """Refills that our own work breaks over; each is tried again after a pause."""
    return giving_back.stumbling(at=at)


def unsent_mails(at: datetime) -> QuerySet[OutboxMessage]:
    """Mails that were given up, or whose sending failed and is tried again."""
    return OutboxMessage.objects.filter(
        status__in=[OutboxMessage.Status.PENDING, OutboxMessage.Status.FAILED], attempts__gt=0
    )


KINDS = (
    _Kind(
        "Orders to pick", "paid, not in a parcel yet", orders_to_pick, {}, page="admin:warehouse_to_pick",
        seen_by=Shipment,
    ),
    _Kind(
        "Parcels to dispatch", "packed, not handed over", parcels_to_dispatch, {},
        page="admin:warehouse_dispatch",
    ),
    _Kind("Orders to review", "not packed until looked at", orders_to_review, {"review": "waiting"}, True),
    _Kind("Declined payments", "of orders that still wait", declined_payments, {"declined": "waiting"}),
    _Kind(
        "Withdrawals to answer", "each has its last day", open_withdrawals,
        {"status__in": "received,matched"}, True,
    ),
    _Kind(
        "Returns to look at", "on their way, or looked at and not decided", open_returns,
        {"status__in": "expected,inspected"},
    ),
    _Kind("Tomorrow's refills", "are going to be charged", due_tomorrow, {"due": "tomorrow"}),
    _Kind(
        "Refills in dunning", "declined, or the bank wants its customer", refills_in_trouble,
        {"status__in": "dunning,action_required"},
    ),
    _Kind(
        "Refills that stumble", "our own work breaks over them; see why", refills_that_stumble,
        {"stumbles": "yes"}, True,
    ),
    _Kind("Low stock", "at or under the reorder point", inventory.low_levels, {"level": "low"}, True),
    _Kind(
        "Short of stock", "paid, and their stock was taken away: find other", inventory.gone_short,
        {"status__exact": "short"}, True,
    ),
    _Kind("Lots to release", "in quarantine, or returned", inventory.waiting_lots, {"waits": "release"}),
    _Kind("Lots near their end", "sold for 60 days more at most", inventory.ending_lots, {"ends": "soon"}),
    _Kind(
        "Mails not sent", "failed once or more; see the error", unsent_mails,
        {"status__in": "pending,failed", "attempts__gt": "0"}, True,
    ),
)  # fmt: skip
