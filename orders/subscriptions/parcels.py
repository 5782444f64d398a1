"""Which cycles travel together, and the refill that they become: one parcel, one charge."""

import json
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.db.models import QuerySet

from orders.models import BillingCycle, Refill, RefillItem, Subscription
from orders.subscriptions import diary, membership, quoting
from orders.subscriptions.facts import Facts
from shop.transitions import advance

logger = logging.getLogger(__name__)


def unplanned() -> QuerySet[BillingCycle]:
    """Return the cycles that wait to be planned: open, of an active subscription with a card."""
    return BillingCycle.objects.filter(
        status=BillingCycle.Status.OPEN,
        refill__isnull=True,
        subscription__status=Subscription.Status.ACTIVE,
        subscription__card__isnull=False,
    )


def group(waiting: Iterable[BillingCycle]) -> list[list[BillingCycle]]:
    """Sort cycles into parcels: of one customer and local day, to one address, from one card."""
    parcels: dict[tuple, list[BillingCycle]] = defaultdict(list)
    for cycle in waiting:
        parcels[_parcel_of(cycle)].append(cycle)
    return list(parcels.values())


def together_with(cycle: BillingCycle) -> list[BillingCycle]:
    """Return the unplanned cycles that share a parcel with an unplanned one, itself included."""
    rows = unplanned().filter(subscription__customer_id=cycle.subscription.customer_id, due_on=cycle.due_on)
    found = rows.select_related("subscription__customer", "subscription__variant__product").order_by("pk")
    return [row for row in found if _parcel_of(row) == _parcel_of(cycle)]


def draft(together: Sequence[BillingCycle], *, facts: Facts) -> tuple[Refill, list[RefillItem]]:
    """Return a refill of cycles that share a parcel, and its items, unsaved and unquoted."""
    first = together[0].subscription
    refill = Refill(
        customer=first.customer,
        card_id=first.card_id,
        currency=first.currency,
        shipping_address=first.shipping_address,
        shipping_method=first.shipping_method,
        due_at=together[0].due_at,
        next_attempt_at=together[0].due_at,
        created_at=facts.at,
    )
    offers = facts.offers([cycle.subscription.variant for cycle in together], refill.currency)
    items = [
        RefillItem(
            refill=refill,
            cycle=cycle,
            subscription=cycle.subscription,
            variant=cycle.subscription.variant,
            quantity=cycle.subscription.quantity,
            unit_price=quoting.price_of(cycle.subscription, offers.get(cycle.subscription.variant_id)),
        )
        for cycle in together
    ]
    return refill, items


def preview(cycle: BillingCycle, *, facts: Facts) -> tuple[Refill, list[RefillItem]]:
    """Return the refill that an unplanned cycle would be in now, unsaved and unquoted, with all its items: of
    the cycles that share its parcel, and what waits to come along once.
    """
    together = together_with(cycle)
    refill, items = draft(together, facts=facts)
    waiting = membership.waiting_extras({row.subscription_id for row in together})
    offers = facts.offers([extra.variant for extra in waiting], refill.currency)
    joining = membership.sort_extras(waiting, offers).joining
    return refill, [*items, *(membership.item_of(refill, extra, price) for extra, price in joining)]


def begin(together: Sequence[BillingCycle], *, at: datetime) -> Refill:
    """Write a refill of locked cycles, with its items and what waits to come along once; not quoted yet."""
    refill, items = draft(together, facts=Facts(at))
    refill.save()
    RefillItem.objects.bulk_create(items)
    for cycle in together:
        cycle.refill = refill
        cycle.save(update_fields=["refill"])
    membership.join_extras(refill, at=at)
    return refill


def pause(together: Collection[BillingCycle], reason: str, *, at: datetime) -> None:
    """What cannot be quoted is not charged: its subscriptions rest until somebody has changed something."""
    for cycle in together:
        logger.warning("%s is paused: %s", cycle.subscription, reason)
        advance(
            cycle.subscription,
            field="status",
            table=Subscription.STATUS_STEPS,
            target=Subscription.Status.PAUSED,
            status_reason=reason[:200],
            paused_at=at,
        )
        diary.note(cycle.subscription, f"Rests: {reason}", by=diary.By.SHOP, at=at)


def _parcel_of(cycle: BillingCycle) -> tuple:
    """What must be equal for two cycles to share a parcel and a charge."""
    item = cycle.subscription
    address = json.dumps(item.shipping_address, sort_keys=True)
    where = (item.shipping_method, address)
    return (item.customer_id, cycle.due_on, item.timezone, item.card_id, item.currency, *where)
