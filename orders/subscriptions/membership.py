"""What a refill holds. Only these verbs change it, under its lock, and every change quotes again."""

from datetime import datetime

from orders.models import BillingCycle, Refill
from orders.subscriptions import cycles, notices, quoting
from shop.transitions import advance

Status = Refill.Status
# In these a refill's contents may change: nobody has begun to charge it.
EDITABLE = (Status.PLANNED, Status.BACKORDERED)


def skip_refill(refill: Refill) -> None:
    """End a locked refill that will not be charged. Its order, if it has one, is ended by a sweep."""
    advance(refill, field="status", table=Refill.STATUS_STEPS, target=Status.SKIPPED, next_attempt_at=None)


def skip_whole(refill: Refill, *, at: datetime) -> None:
    """End a locked refill with all it holds: its open cycles are left out, and the next ones open."""
    for cycle in refill.cycles.filter(status=BillingCycle.Status.OPEN).select_related("subscription"):
        cycles.close(cycle, BillingCycle.Status.SKIPPED, at=at)
        cycles.open_next(cycle.subscription, after=cycle, not_before=at)
    skip_refill(refill)


def take_out(refill: Refill, cycle: BillingCycle, *, at: datetime) -> None:
    """Take an open cycle out of a locked refill. What is left is quoted again; an empty refill ends.

    Where that is not possible any more (the refill is at work, its order is fixed, the rest cannot be
    quoted), the whole refill ends and PLAN takes up the rest, with a notice of its own.
    """
    if refill.order is not None or refill.status not in EDITABLE:
        dissolve(refill)
        return
    release(cycle)
    if not refill.items.exists():
        skip_refill(refill)
        return
    try:
        requote(refill, at=at)
    except quoting.REFUSALS:
        dissolve(refill)


def dissolve(refill: Refill) -> None:
    """End a locked refill that is not charged: PLAN takes its open cycles up again, with a new notice."""
    for cycle in refill.cycles.filter(status=BillingCycle.Status.OPEN):
        let_go(cycle)
    skip_refill(refill)


def requote(refill: Refill, *, at: datetime) -> None:
    """Quote a locked refill again. If it rose, its owner is told and the charge waits for that notice."""
    quote = quoting.quote(refill, at=at)
    if refill.quoted_total is not None and quote.total <= refill.quoted_total:
        notices.lower(refill, quote, at=at)
        return
    notices.tell(refill, quote, charge_at=refill.next_attempt_at or at, at=at)


def release(cycle: BillingCycle) -> None:
    """Take a cycle and its item out of a refill that is not ordered yet, so that it may be planned again."""
    if cycle.refill is not None:
        cycle.refill.items.filter(cycle=cycle).delete()
    _detach(cycle)


def let_go(cycle: BillingCycle) -> None:
    """Take a cycle out of a refill that is over, whose items stay as the record of what it held."""
    if cycle.refill is not None:
        cycle.refill.items.filter(cycle=cycle).update(cycle=None)
    _detach(cycle)


def _detach(cycle: BillingCycle) -> None:
    cycle.refill = None
    cycle.save(update_fields=["refill"])
