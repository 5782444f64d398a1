"""What must be true of refills, whatever happened: read from Stripe's ledger and our tables, never mended.

Each invariant is a sentence with a function that yields what breaks it. Dates and amounts are worked out anew
here where that is possible, not taken from the code that is checked.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from django.db.models import Sum

from catalog import inventory
from orders.models import (
    BillingCycle,
    Order,
    Payment,
    PaymentAttempt,
    PriceRise,
    Refill,
    StripeRefund,
    Subscription,
    WebhookEvent,
)
from orders.subscriptions import schedule
from shop.mail.models import OutboxMessage
from shop.simulation.evidence import Evidence

TOLD_BEFORE = timedelta(hours=48)
# Stripe writes whole seconds.
SECOND = timedelta(seconds=1)
# So long may pass in peace until a sweep has done its part.
SOON = timedelta(hours=12)
OUT_OF_STOCK_AT_MOST = timedelta(days=31)
WAITS_AT_MOST = timedelta(days=16)

Rule = Callable[[Evidence], Iterator[str]]


def broken(found: Evidence) -> list[str]:
    """Return what is wrong, each with the invariant that it breaks; nothing if all hold."""
    return [f"{name}: {what}" for name, rule in INVARIANTS.items() for what in rule(found)]


def _one_open_cycle(found: Evidence) -> Iterator[str]:
    for row in found.subscriptions:
        count = sum(cycle.status == BillingCycle.Status.OPEN for cycle in _cycles(row))
        wanted = 0 if row.status == Subscription.Status.CANCELLED else 1
        if count != wanted:
            yield f"{row.reference} ({row.status}) has {count} open cycles"


def _one_charge_each(found: Evidence) -> Iterator[str]:
    for refill in found.refills:
        order = refill.order
        paid = found.paid(order.reference) if order else []
        if refill.status == Refill.Status.PAID and order is not None:
            wanted = [order.total] if order.total else []
            if [charge.amount for charge in paid] != wanted:
                yield f"{refill.reference} is paid ({order.total}) and Stripe has {[c.amount for c in paid]}"
        elif paid:
            yield f"{refill.reference} is {refill.status} and was charged: {[c.id for c in paid]}"
    yield from _charges_of_nobody(found)


def _charges_of_nobody(found: Evidence) -> Iterator[str]:
    known = set(Order.objects.filter(payment__succeeded_at__isnull=False).values_list("reference", flat=True))
    for charge in found.charges:
        if charge.succeeded and charge.order not in known:
            yield f"{charge.id} paid for {charge.order or 'nothing'}, which is not paid here"


def _within_the_quote(found: Evidence) -> Iterator[str]:
    for refill in found.refills:
        for charge in found.paid(refill.order.reference) if refill.order else []:
            if refill.quoted_total is None or charge.amount > refill.quoted_total:
                yield f"{refill.reference}: {charge.amount} was charged, {refill.quoted_total} was told"


def _told_in_time(found: Evidence) -> Iterator[str]:
    for refill in found.refills:
        asked = found.of(refill.order.reference) if refill.order else []
        if not asked or refill.asked_at is not None:
            continue
        sent_at = refill.notice.sent_at if refill.notice else None
        if sent_at is None or sent_at + TOLD_BEFORE > asked[0].at + SECOND:
            yield f"{refill.reference}: told at {sent_at}, charged at {asked[0].at}"


def _half_an_interval_apart(found: Evidence) -> Iterator[str]:
    payments = _payments_of_subscriptions(found)
    for row in found.subscriptions:
        for (before, _), (after, refill) in pairwise(sorted(payments[row.pk], key=lambda pair: pair[0])):
            least = _half_interval(row, refill)
            if refill is not None and refill.asked_at is None and after + SECOND < before + least:
                yield f"{row.reference} paid at {before} and again at {after}: {refill.reference}"


def _nothing_after_a_cancellation(found: Evidence) -> Iterator[str]:
    ended = {row.pk: row for row in found.subscriptions if row.cancelled_at is not None}
    for refill in found.refills:
        for charge in found.paid(refill.order.reference) if refill.order else []:
            for row in _owners(refill, found):
                if row.pk in ended and row.cancelled_at is not None and charge.at > row.cancelled_at + SECOND:
                    yield f"{row.reference} was cancelled at {row.cancelled_at}, charged at {charge.at}"


def _cadence_kept(found: Evidence) -> Iterator[str]:
    """The open cycle lies on a day of the rhythm. So does every other of a rhythm that nobody has
    changed; there no day was passed over after a skip, nor after a payment once half an interval has gone by.
    """
    for row in found.subscriptions:
        is_as_begun = row.anchor_index == 0
        ours = [cycle for cycle in _cycles(row) if is_as_begun or cycle.status == BillingCycle.Status.OPEN]
        for cycle in ours:
            if cycle.due_on != _due_on(row, cycle.index):
                yield f"{row.reference}: cycle {cycle.index} is due on {cycle.due_on}, not in its rhythm"
        for before, after in pairwise(ours):
            if before.closed_at is not None:
                between = range(before.index + 1, after.index)
                missed = [
                    k for k in between if _due_at(row, k) >= before.closed_at + _rest_after(row, before)
                ]
                if missed:
                    yield f"{row.reference}: cycle {missed[0]} was passed over after one {before.status}"


def _stock_agrees(found: Evidence) -> Iterator[str]:
    for row in inventory.differences():
        yield f"{row.sku}: {row.what} is {row.actual}, should be {row.expected}"


def _sums_agree(found: Evidence) -> Iterator[str]:
    rows = Payment.objects.values("currency").annotate(
        received=Sum("amount_received"), returned=Sum("amount_refunded")
    )
    here = {row["currency"]: (row["received"], row["returned"]) for row in rows.order_by("currency")}
    for currency in sorted({*here, *found.captured}):
        there = (found.captured.get(currency, 0), found.refunded.get(currency, 0))
        if here.get(currency, (0, 0)) != there:
            yield f"{currency}: received and refunded {here.get(currency, (0, 0))} here, {there} at Stripe"


def _mails_delivered(found: Evidence) -> Iterator[str]:
    waiting = OutboxMessage.objects.exclude(
        status__in=[OutboxMessage.Status.SENT, OutboxMessage.Status.WITHDRAWN]
    )
    for mail in waiting.filter(next_attempt_at__lte=found.at).order_by("pk"):
        if mail.status != OutboxMessage.Status.SUPPRESSED or _should_have_gone(mail):
            yield f"{mail.kind} {mail.subject_key} to {mail.to} is {mail.status}: {mail.last_error[:80]}"
    receipts = Counter(
        OutboxMessage.objects.filter(kind="refill_paid", copy_of=None).values_list("subject_key", flat=True)
    )
    for refill in found.refills:
        wanted, written = int(refill.status == Refill.Status.PAID), receipts[f"refill:{refill.reference}"]
        if written != wanted:
            yield f"{refill.reference} is {refill.status} with {written} receipts"


def _should_have_gone(mail: OutboxMessage) -> bool:
    """Return whether a mail that was put aside tells of something that stands: a refill that it is the
    notice of, a rise that was not taken back. All others are only ever put aside for a dead address.
    """
    if mail.kind == "refill_upcoming":
        over = [Refill.Status.SKIPPED, Refill.Status.FAILED]
        return Refill.objects.filter(notice=mail, asked_at=None).exclude(status__in=over).exists()
    if mail.kind == "price_rise":
        rises = PriceRise.objects.filter(notice=mail).exclude(status=PriceRise.Status.WITHDRAWN)
        return rises.exclude(subscription__status=Subscription.Status.CANCELLED).exists()
    return True


def _states_allowed(found: Evidence) -> Iterator[str]:
    for refill in found.refills:
        wrong = _state_of(refill, at=found.at)
        if wrong:
            yield f"{refill.reference} is {refill.status} {wrong}"


def _state_of(refill: Refill, *, at: datetime) -> str:
    """Return why a refill may not be as it is, or nothing."""
    status, waits_for = refill.status, refill.next_attempt_at
    owner_took_too_long = (
        refill.first_declined_at is not None and refill.first_declined_at + WAITS_AT_MOST < at
    )
    if status in {Refill.Status.CLAIMED, Refill.Status.CHARGING}:
        return f"since {refill.claimed_at}"
    if status in {Refill.Status.SKIPPED, Refill.Status.FAILED}:
        is_loose = refill.order is not None and refill.order.status == Order.Status.PENDING
        return "with an order that can still be paid" if is_loose else ""
    if status == Refill.Status.PAID:
        is_placed = refill.order is not None and refill.order.status == Order.Status.PLACED
        return "" if is_placed else "without an order that is placed"
    if not any(cycle.status == BillingCycle.Status.OPEN for cycle in refill.cycles.all()):
        return "and holds no open cycle"
    if waits_for is None:
        return "and has waited for its owner too long" if owner_took_too_long else ""
    if status == Refill.Status.BACKORDERED and (refill.short_since or at) + OUT_OF_STOCK_AT_MOST < at:
        return f"since {refill.short_since}"
    is_overdue = waits_for + SOON < at and refill.card_id is not None
    return f"and was to be looked at on {waits_for}" if is_overdue else ""


def _nothing_left_open(found: Evidence) -> Iterator[str]:
    """Calls without an answer, events, refunds and orders that nobody brought to an end."""
    late = found.at - SOON
    unresolved = PaymentAttempt.objects.filter(outcome__in=["started", "unknown"], started_at__lt=late)
    for attempt in unresolved.select_related("payment__order").order_by("pk"):
        yield f"{attempt} of order {attempt.payment.order.reference}, since {attempt.started_at}"
    for event in WebhookEvent.objects.filter(processed_at__isnull=True, received_at__lt=late):
        yield f"event {event.type} was not worked off: {event.last_error}"
    for refund in StripeRefund.objects.filter(status="requested", requested_at__lt=late):
        yield f"refund {refund.pk} was never asked for at Stripe"


INVARIANTS: dict[str, Rule] = {
    "one open cycle a live subscription": _one_open_cycle,
    "one charge a paid refill, and none else": _one_charge_each,
    "never above the quoted total": _within_the_quote,
    "never without a notice 48 hours before": _told_in_time,
    "no second charge within half an interval": _half_an_interval_apart,
    "nothing after a cancellation": _nothing_after_a_cancellation,
    "the cadence is kept": _cadence_kept,
    "stock agrees with its ledger": _stock_agrees,
    "the sums are Stripe's": _sums_agree,
    "no mail is left": _mails_delivered,
    "every refill is in a state that the rules allow": _states_allowed,
    "nothing is left open": _nothing_left_open,
}


def _cycles(row: Subscription) -> list[BillingCycle]:
    return row.in_order  # type: ignore[attr-defined]


def _due_on(row: Subscription, index: int) -> object:
    k = index - row.anchor_index
    return schedule.due_on(row.anchor_on, row.interval_unit, row.interval_count, k)


def _due_at(row: Subscription, index: int) -> datetime:
    k = index - row.anchor_index
    on = schedule.due_on(row.anchor_on, row.interval_unit, row.interval_count, k)
    return schedule.due_at(on, row.timezone, row.customer_id)


def _rest_after(row: Subscription, cycle: BillingCycle) -> timedelta:
    """Return how long after the end of a cycle its next one has to wait."""
    is_paid = cycle.status == BillingCycle.Status.PAID
    return schedule.half_interval(row.interval_unit, row.interval_count) if is_paid else timedelta(0)


def _payments_of_subscriptions(found: Evidence) -> dict[int, list[tuple[datetime, Refill | None]]]:
    """Return when each subscription was paid for, with the refill; None for the order that began it."""
    times: dict[int, list[tuple[datetime, Refill | None]]] = {row.pk: [] for row in found.subscriptions}
    for row in found.subscriptions:
        times[row.pk] += [(charge.at, None) for charge in found.paid(row.started_by.order.reference)]
    for refill in found.refills:
        for charge in found.paid(refill.order.reference) if refill.order else []:
            for item in refill.items.all():
                if item.cycle is not None:
                    times[item.cycle.subscription_id].append((charge.at, refill))
    return times


def _half_interval(row: Subscription, refill: Refill | None) -> timedelta:
    """Return half of the interval that a subscription had when a refill was ordered: its line remembers."""
    order = refill.order if refill is not None else None
    lines = order.lines.all() if order is not None else []
    halves = [
        schedule.half_interval(line.refill_unit, line.refill_count)
        for line in lines
        if line.refill_unit and line.refill_count
    ]
    return min(halves, default=schedule.half_interval(row.interval_unit, row.interval_count))


def _owners(refill: Refill, found: Evidence) -> Iterator[Subscription]:
    """Yield the subscriptions whose items a refill held. Of a refill that was dissolved only the goods are
    known; then they are those of its customer that had the goods, unless one of them still lives.
    """
    by_id = {row.pk: row for row in found.subscriptions}
    for item in refill.items.all():
        if item.cycle is not None:
            yield by_id[item.cycle.subscription_id]
        elif item.extra_id is None:
            same = [
                row
                for row in found.subscriptions
                if (row.customer_id, row.variant_id) == (refill.customer_id, item.variant_id)
            ]
            if all(row.cancelled_at is not None for row in same):
                yield from same
