"""What will happen to a subscription: its next dates, the next charge, or why there is none. Reads only."""

from dataclasses import dataclass, field
from datetime import date, datetime

from orders.models import BillingCycle, Refill, RefillItem, Subscription
from orders.subscriptions import breaker, guards, parcels, quoting, schedule
from orders.subscriptions.facts import Facts
from orders.subscriptions.holding import in_words
from orders.totals import Quote

DATES_AHEAD = 4
# A refill in these is at work, or waits: its contents stand.
_AT_WORK = {
    Refill.Status.CLAIMED: "A charge is on its way.",
    Refill.Status.CHARGING: "A charge is on its way.",
    Refill.Status.BACKORDERED: "Something in it is out of stock: nothing is charged until it is there.",
    Refill.Status.DUNNING: "The card was declined.",
    Refill.Status.ACTION_REQUIRED: "The bank wants its customer to confirm: a link was mailed.",
}


@dataclass(slots=True)
class Outlook:
    """`quote` is what the coming parcel comes to now, `ceiling` the most that is charged for it.

    `notes` say what stands in the way, in words for staff; empty: it goes out as it is.
    """

    dates: list[date] = field(default_factory=list)
    refill: Refill | None = None
    items: list[RefillItem] = field(default_factory=list)
    quote: Quote | None = None
    charge_at: datetime | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def ceiling(self) -> int | None:
        return self.refill.quoted_total if self.refill is not None else None


def of(subscription: Subscription, *, at: datetime) -> Outlook:
    """Return the outlook of a subscription, quoted by the same verb as its charge."""
    found = Outlook()
    cycle = _open_cycle(subscription)
    if cycle is None:
        found.notes.append("It is cancelled: nothing is charged any more.")
        return found
    found.dates = _dates(subscription, cycle, at=at)
    found.notes += _halted(subscription)
    refill = cycle.refill if cycle.refill is not None and cycle.refill.status in Refill.OPEN else None
    if refill is not None:
        _of_refill(found, refill, at=at)
    elif subscription.status == Subscription.Status.ACTIVE and subscription.card_id is not None:
        _of_draft(found, cycle, at=at)
    return found


def _open_cycle(subscription: Subscription) -> BillingCycle | None:
    rows = subscription.cycles.filter(status=BillingCycle.Status.OPEN)
    return rows.select_related("refill__notice", "refill__order", "subscription__customer").first()


def _dates(row: Subscription, cycle: BillingCycle, *, at: datetime) -> list[date]:
    """Return the next days that are due; of a paused one those after its pause, none if it has no end."""
    first = cycle.due_on
    if row.status == Subscription.Status.PAUSED:
        if row.paused_until is None:
            return []
        first = max(row.paused_until, schedule.local_day(at, row.timezone))
    days: list[date] = []
    k = cycle.index - row.anchor_index
    while len(days) < DATES_AHEAD:
        day = schedule.due_on(row.anchor_on, row.interval_unit, row.interval_count, k)
        if day >= first:
            days.append(day)
        k += 1
    return days


def _halted(row: Subscription) -> list[str]:
    notes = []
    if row.status == Subscription.Status.PAUSED:
        until = f" until {in_words(row.paused_until)}" if row.paused_until else ""
        notes.append(f"It rests{until}: {row.status_reason or 'paused'}")
    if row.card_id is None:
        notes.append("It has no card: it waits until its owner saves one.")
    if not guards.may_charge():
        notes.append("Refills are switched off here (REFILLS_ENABLED), or this database is another shop's.")
    if breaker.is_open():
        notes.append("The refill breaker is open: nothing is claimed until charges go well again.")
    if not row.variant.is_sold:
        notes.append("It is no longer sold: it rests when its turn comes, and its owner is offered others.")
    return notes


def _of_refill(found: Outlook, refill: Refill, *, at: datetime) -> None:
    found.refill, found.charge_at = refill, refill.next_attempt_at
    found.items = list(refill.items.select_related("variant__product"))
    if refill.status in _AT_WORK:
        found.notes.append(_AT_WORK[Refill.Status(refill.status)])
    if refill.stumbles:
        found.notes.append(f"Our own work broke over it ({refill.stumbles} ×): {refill.stumbled_over}")
    if refill.order is not None:
        return
    try:
        found.quote = quoting.quote(refill, at=at)
    except quoting.REFUSALS as refusal:
        found.notes.append(refusal.detail)
        return
    if refill.quoted_total is not None and found.quote.total > refill.quoted_total:
        found.notes.append(
            "It comes to more than its owner was told: a new notice goes out first, and 48 hours pass."
        )
    if refill.asked_at is None and (refill.notice is None or refill.notice.sent_at is None):
        found.notes.append("Its notice has not been sent yet: the charge waits for it.")


def _of_draft(found: Outlook, cycle: BillingCycle, *, at: datetime) -> None:
    facts = Facts(at)
    refill, found.items = parcels.preview(cycle, facts=facts)
    found.charge_at = refill.next_attempt_at
    try:
        found.quote = quoting.quote_items(refill, found.items, facts=facts)
    except quoting.REFUSALS as refusal:
        found.notes.append(refusal.detail)
