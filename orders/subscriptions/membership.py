"""What a refill holds. Only these verbs change it, under its lock, and every change quotes again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from catalog import inventory, pricing
from orders.models import BillingCycle, Refill, RefillExtra, RefillItem, Subscription
from orders.subscriptions import cycles, notices, quoting
from shop.transitions import advance

Status = Refill.Status
# In these a refill's contents may change: nobody has begun to charge it.
EDITABLE = (Status.PLANNED, Status.BACKORDERED)


@dataclass
class Sorted:
    """One-off items that wait: those that join a parcel, each with its price, and those no longer sold."""

    joining: list[tuple[RefillExtra, int]] = field(default_factory=list)
    gone: list[RefillExtra] = field(default_factory=list)


def skip_refill(refill: Refill) -> None:
    """End a locked refill that will not be charged. Its order, if it has one, is ended by a sweep."""
    advance(refill, field="status", table=Refill.STATUS_STEPS, target=Status.SKIPPED, next_attempt_at=None)
    free_extras(refill)


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
    """Quote a locked refill again. If it rose, its owner is told and the charge waits for that notice.

    So it does where the last notice has not gone out: it would tell of what is no longer in it.
    """
    quote = quoting.quote(refill, at=at)
    if refill.quoted_total is not None and quote.total <= refill.quoted_total and not notices.waits(refill):
        notices.lower(refill, quote, at=at)
        return
    notices.tell(refill, quote, charge_at=refill.next_attempt_at or at, at=at)


def join_extras(refill: Refill, *, at: datetime) -> None:
    """Put the one-off items that wait for the subscriptions of a locked refill into it.

    What is short waits for the next parcel, and does not hold this one up; what is no longer sold is gone.
    """
    found = waiting_extras(set(refill.cycles.values_list("subscription_id", flat=True)))
    if not found:
        return
    offers = pricing.offers_for([extra.variant for extra in found], refill.currency, at)
    extras = sort_extras(found, offers)
    RefillItem.objects.bulk_create(item_of(refill, extra, price) for extra, price in extras.joining)
    settle_extras(refill, extras, at=at)


def waiting_extras(subscription_ids: Collection[int]) -> list[RefillExtra]:
    """Return the one-off items of locked subscriptions that no parcel holds yet."""
    rows = RefillExtra.objects.filter(
        status=RefillExtra.Status.WAITING, refill=None, subscription__in=subscription_ids
    )
    return list(rows.select_related("variant__product").order_by("pk"))


def sort_extras(found: Sequence[RefillExtra], offers: Mapping[int, pricing.Offer]) -> Sorted:
    """Say which one-off items join a parcel now, and which are no longer sold; the others are short."""
    extras = Sorted()
    available = inventory.available_for([extra.variant for extra in found]) if found else {}
    for extra in found:
        offer = offers.get(extra.variant_id)
        if offer is None or not extra.variant.is_sold:
            extras.gone.append(extra)
        elif available[extra.variant_id] >= extra.quantity:
            extras.joining.append((extra, min(extra.unit_price, offer.amount)))
    return extras


def item_of(refill: Refill, extra: RefillExtra, unit_price: int) -> RefillItem:
    """Return what a parcel holds of a one-off item, unsaved."""
    return RefillItem(
        refill=refill, variant=extra.variant, quantity=extra.quantity, unit_price=unit_price, extra=extra
    )


def settle_extras(refill: Refill, extras: Sorted, *, at: datetime) -> None:
    """Write down what joined a saved parcel, and what is gone."""
    for extra, _ in extras.joining:
        extra.refill = refill
        extra.save(update_fields=["refill"])
    for extra in extras.gone:
        extra.status, extra.ended_at = RefillExtra.Status.REMOVED, at
        extra.save(update_fields=["status", "ended_at"])


def free_extras(refill: Refill) -> None:
    """One-off items of a refill that was not charged wait for the next one."""
    RefillExtra.objects.filter(refill=refill, status=RefillExtra.Status.WAITING).update(refill=None)


def finish_extras(refill: Refill, *, at: datetime) -> None:
    """One-off items of a refill that is paid are charged, and do not come again."""
    charged = RefillExtra.objects.filter(pk__in=refill.items.exclude(extra=None).values("extra"))
    charged.update(status=RefillExtra.Status.CHARGED, ended_at=at, refill=refill)


def holds_charged_extras(refill: Refill) -> bool:
    """Return whether a one-off item of a refill was charged with another one, whose money came late."""
    return refill.items.filter(extra__status=RefillExtra.Status.CHARGED).exists()


def remember_payment(refill: Refill, *, at: datetime) -> None:
    """Money has come for a locked refill that had ended: what it let go of is not charged again soon."""
    let_go = refill.items.filter(cycle=None, subscription__isnull=False).values("subscription")
    Subscription.objects.filter(pk__in=let_go).update(last_paid_at=at)


def release(cycle: BillingCycle) -> None:
    """Take a cycle, its item and what travels with it out of a refill that is not ordered yet, so that they
    may be planned again.
    """
    if cycle.refill is not None:
        cycle.refill.items.filter(cycle=cycle).delete()
        along = RefillExtra.objects.filter(refill=cycle.refill, subscription_id=cycle.subscription_id)
        cycle.refill.items.filter(extra__in=along).delete()
        along.update(refill=None)
    _detach(cycle)


def let_go(cycle: BillingCycle) -> None:
    """Take a cycle out of a refill that is over, whose items stay as the record of what it held."""
    if cycle.refill is not None:
        cycle.refill.items.filter(cycle=cycle).update(cycle=None)
    _detach(cycle)


def _detach(cycle: BillingCycle) -> None:
    cycle.refill = None
    cycle.save(update_fields=["refill"])
