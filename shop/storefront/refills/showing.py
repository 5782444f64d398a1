"""Refills as their owner reads them: what comes regularly, which parcels are planned, how each stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from catalog import pictures
from catalog.pricing import NotPriced
from orders import addresses, links
from orders.models import BillingCycle, Refill, RefillExtra, RefillItem, Subscription
from orders.subscriptions import schedule, sending, skipping, tags
from orders.totals import Quote
from shop.exceptions import ShopError
from shop.storefront.refills.holders import Holder

Status = Refill.Status
BY_OWNER = "Paused by the customer."
# The parcel can still be changed: nobody has begun to charge it, and it has no order.
CHANGEABLE = (Status.PLANNED, Status.BACKORDERED)


@dataclass(slots=True)
class Item:
    """A subscription as its owner sees it."""

    row: Subscription
    cycle: BillingCycle | None
    base: str
    tag: str
    state: str
    why: str
    address: list[str]
    can_unskip: bool = False

    @property
    def reference(self) -> str:
        return self.row.reference

    @property
    def is_active(self) -> bool:
        return self.row.status == Subscription.Status.ACTIVE

    @property
    def is_cancelled(self) -> bool:
        return self.row.status == Subscription.Status.CANCELLED

    @property
    def can_resume(self) -> bool:
        is_ours = self.row.status_reason in {Subscription.DISPUTE, Subscription.NOT_SOLD}
        return self.row.status == Subscription.Status.PAUSED and not is_ours

    @property
    def refill(self) -> Refill | None:
        found = self.cycle.refill if self.cycle else None
        return found if found is not None and found.status in Refill.OPEN else None


@dataclass(slots=True)
class Parcel:
    """A refill that is planned or at work."""

    row: Refill
    url: str
    day: date
    items: Sequence[RefillItem]
    address: list[str]
    # Which of its subscriptions a one-off item is added to.
    along_with: str
    pay_token: str = ""

    @property
    def is_changeable(self) -> bool:
        return self.row.status in CHANGEABLE and self.row.order_id is None

    @property
    def can_be_skipped(self) -> bool:
        return self.row.status not in skipping.GONE and self.row.status not in skipping.OVER


@dataclass(slots=True)
class Forecast:
    """The next parcel before it is planned: what it would come to today."""

    quote: Quote
    day: date
    item: Item
    waiting: Sequence[RefillExtra]
    reminder_days: int


@dataclass(slots=True)
class Overview:
    items: list[Item] = field(default_factory=list)
    ended: list[Item] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    forecast: Forecast | None = None


def overview(holder: Holder, *, at: datetime) -> Overview:
    """Return everything about a holder's refills, in as many queries however many they are."""
    everything = [item_of(holder, row, at=at) for row in rows_of(holder.subscriptions())]
    live = [item for item in everything if not item.is_cancelled]
    live.sort(key=lambda item: (not item.is_active, item.cycle.due_at if item.cycle else at))
    planned = {item.refill.pk: item.refill for item in live if item.refill is not None}
    found = Overview(
        items=live,
        ended=[item for item in everything if item.is_cancelled],
        parcels=_parcels(holder, planned.values(), live),
    )
    if not found.parcels:
        found.forecast = _forecast(live, at=at)
    return found


def rows_of(subscriptions: QuerySet[Subscription]) -> QuerySet[Subscription]:
    """Return subscriptions with all that is shown of them."""
    cycles = BillingCycle.objects.filter(status__in=["open", "skipped"]).order_by("-index")
    extras = RefillExtra.objects.filter(status=RefillExtra.Status.WAITING).select_related("variant__product")
    return (
        subscriptions.select_related("variant__product", "card", "customer")
        .annotate(pictures=pictures.riding_along("variant__product"))
        .prefetch_related(
            Prefetch("cycles", cycles.select_related("refill__card", "refill__order"), to_attr="some_cycles"),
            Prefetch("extras", extras, to_attr="waiting_extras"),
        )
        .order_by("-pk")
    )


def one(holder: Holder, reference: str, *, at: datetime) -> Item:
    """Return one subscription of a holder as it is now.

    :raises Http404: for one that is not theirs.
    """
    pk = holder.subscription(reference).pk
    return item_of(holder, rows_of(holder.subscriptions()).get(pk=pk), at=at)


def item_of(holder: Holder, row: Any, *, at: datetime) -> Item:
    """Return a row of `rows_of` with words for how it stands."""
    cycle = next((cycle for cycle in row.some_cycles if cycle.status == BillingCycle.Status.OPEN), None)
    before = next((c for c in row.some_cycles if cycle is not None and c.index == cycle.index - 1), None)
    state, why = _state(row)
    return Item(
        row=row,
        cycle=cycle,
        base=holder.url(row.reference),
        tag=tags.of_subscription(row, cycle),
        state=state,
        why=why,
        address=addresses.lines(row.shipping_address),
        can_unskip=before is not None
        and row.status == Subscription.Status.ACTIVE
        and before.status == BillingCycle.Status.SKIPPED
        and before.due_at > at,
    )


def parcel_of(holder: Holder, refill: Refill, items: Sequence[RefillItem], along_with: str = "") -> Parcel:
    """Return a refill with its items, as its owner reads it."""
    zone = refill.customer.timezone
    order = refill.order
    return Parcel(
        row=refill,
        url=holder.url(refill.reference),
        day=schedule.local_day(refill.next_attempt_at or refill.due_at, zone),
        items=items,
        address=addresses.lines(refill.shipping_address),
        along_with=along_with,
        pay_token=links.order_token(order) if order is not None and not order.is_paid else "",
    )


def items_in(refills: Iterable[Refill]) -> dict[int, list[RefillItem]]:
    """Return what refills hold, by refill. One query."""
    found: dict[int, list[RefillItem]] = {refill.pk: [] for refill in refills}
    rows = RefillItem.objects.filter(refill__in=found).select_related(
        "variant__product", "extra", "cycle__subscription"
    )
    for row in rows.order_by("pk"):
        found[row.refill_id].append(row)
    return found


def _parcels(holder: Holder, planned: Iterable[Refill], live: Sequence[Item]) -> list[Parcel]:
    refills = sorted(planned, key=lambda refill: (refill.due_at, refill.pk))
    held = items_in(refills)
    first = {item.refill.pk: item for item in reversed(live) if item.refill is not None}
    for refill in refills:
        refill.customer = first[refill.pk].row.customer
    return [parcel_of(holder, one, held[one.pk], first[one.pk].reference) for one in refills]


def _forecast(live: Sequence[Item], *, at: datetime) -> Forecast | None:
    """Return what the next parcel would come to today; None if nothing is due or chargeable."""
    first = next((item for item in live if item.is_active and item.row.card_id and item.cycle), None)
    if first is None or first.cycle is None:
        return None
    try:
        quote = sending.preview(first.row, at=at)
    except (ShopError, NotPriced):
        return None
    row = first.row
    return Forecast(
        quote=quote,
        day=first.cycle.due_on,
        item=first,
        waiting=row.waiting_extras,  # type: ignore[attr-defined]
        reminder_days=schedule.reminder_days(row.interval_unit, row.interval_count),
    )


def _state(row: Subscription) -> tuple[str, str]:
    """Return how a subscription stands in a word, and why in a sentence."""
    if row.status == Subscription.Status.CANCELLED:
        return "ended", "Nothing is charged for it any more."
    if row.status == Subscription.Status.PAUSED:
        return "paused", _why_paused(row)
    if row.card_id is None:
        return "needs a card", "The card is gone. It waits, and nothing is charged, until you choose another."
    return "active", ""


def _why_paused(row: Subscription) -> str:
    if row.status_reason == Subscription.DISPUTE:
        return "A payment is disputed with your bank. Write to us to take it up again."
    if row.status_reason == Subscription.NOT_SOLD:
        return "It is no longer sold. Choose another size or scent, and it goes on by itself."
    until = f" until {schedule_words(row.paused_until)}" if row.paused_until else ""
    if row.status_reason in {"", BY_OWNER}:
        return f"Paused by you{until or ' until you take it up again'}. Nothing is charged meanwhile."
    return f"{row.status_reason} It rests{until}, and nothing is charged meanwhile."


def schedule_words(day: date) -> str:
    """Return a day as people say it: 14 December 2026."""
    return f"{day:%d %B %Y}".lstrip("0")
