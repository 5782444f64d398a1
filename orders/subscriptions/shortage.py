"""A refill that cannot ship is not charged: it is looked at every day, and left out after thirty.

No parcel goes out in part: it would cost a second delivery that nobody was told of. Who does not want to wait
for one item skips that one, and the rest is quoted and sent. The cadence stays: the next day is the anchor's.
"""

import logging
from collections import Counter
from datetime import datetime, timedelta

from django.conf import settings

from catalog import inventory
from orders.emails import refills as letters
from orders.models import BillingCycle, Refill
from orders.subscriptions import cycles, membership, planning
from shop.mail import outbox
from shop.transitions import advance

logger = logging.getLogger(__name__)

RECHECK_AFTER = timedelta(days=1)
# Days on which its owner is told, counted from 1; on the last one it is left out.
TOLD_ON = (1, 15, 30)


def wait(refill: Refill, shortage: inventory.OutOfStock, *, at: datetime) -> None:
    """Let a claimed, locked refill wait for stock until tomorrow; on the last day leave out what is short."""
    since = refill.short_since or at
    day = (at - since).days + 1
    logger.info("refill %s waits for stock on day %s: %s", refill, day, shortage.detail)
    stage = max(number for number in TOLD_ON if number <= day)
    letter = letters.refill_out_of_stock(refill, day=stage, since=since.date())
    outbox.enqueue(letter, to=refill.customer.email, at=at)
    if stage == TOLD_ON[-1]:
        _leave_out(refill, at=at)
        return
    advance(
        refill,
        field="status",
        table=Refill.STATUS_STEPS,
        target=Refill.Status.BACKORDERED,
        next_attempt_at=at + RECHECK_AFTER,
        short_since=since,
    )


def is_over_late(refill: Refill, *, at: datetime) -> bool:
    """Return whether all that a claimed refill waited for is there, but so long after the day that its owner
    was told, or asked for, that they are told anew first.
    """
    if refill.short_since is None:
        return False
    promised = max(refill.short_since, refill.asked_at or refill.short_since)
    if refill.notice is not None and refill.notice.sent_at is not None:
        promised = max(promised, refill.notice.sent_at + settings.REFILL_NOTICE_FOR)
    return promised < at - planning.STALE_AFTER and _is_all_there(refill)


def _is_all_there(refill: Refill) -> bool:
    items = list(refill.items.select_related("variant__product"))
    available = inventory.available_for([item.variant for item in items])
    needed = Counter[int]()
    for item in items:
        needed[item.variant_id] += item.quantity
    return all(available[variant_id] >= units for variant_id, units in needed.items())


def _leave_out(refill: Refill, *, at: datetime) -> None:
    """End a refill: what is short is skipped, the rest is planned anew with a notice of its own."""
    short = _short_cycles(refill) if refill.order is None else []
    if not short:
        membership.skip_whole(refill, at=at)
        return
    membership.dissolve(refill)
    for cycle in short:
        cycle.refresh_from_db(fields=["refill"])
        cycles.close(cycle, BillingCycle.Status.SKIPPED, at=at)
        cycles.open_next(cycle.subscription, after=cycle, not_before=at)


def _short_cycles(refill: Refill) -> list[BillingCycle]:
    items = refill.items.filter(cycle__status=BillingCycle.Status.OPEN)
    found = list(items.select_related("variant__product", "cycle__subscription"))
    available = inventory.available_for([item.variant for item in found])
    return [item.cycle for item in found if item.cycle and available[item.variant_id] < item.quantity]
