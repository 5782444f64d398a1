"""Short names of what a subscription or a refill looks like, so that a caller can say what it has seen."""

import hashlib
import json

from orders.models import BillingCycle, Refill, RefillExtra, Subscription
from shop.exceptions import Stale


def of_subscription(row: Subscription, cycle: BillingCycle | None) -> str:
    """Return the tag of a subscription with its open cycle: another one after every change that counts.

    One query, for what comes along once; none if that is prefetched as `waiting_extras`.
    """
    coming = (cycle.index, cycle.due_on, cycle.refill_id) if cycle else None
    rhythm = (row.interval_unit, row.interval_count, row.paused_until)
    goods = (row.variant_id, row.quantity, row.unit_price)
    return _digest(row.status, rhythm, goods, row.card_id, row.shipping_address, coming, _along(row))


def of_refill(row: Refill) -> str:
    """Return the tag of a refill with its items. One query, none if the items are prefetched."""
    items = sorted((item.variant_id, item.quantity, item.unit_price) for item in row.items.all())
    return _digest(row.status, row.next_attempt_at, row.quoted_total, row.card_id, row.order_id, items)


def check(seen: str, now: str) -> None:
    """Refuse a caller who has seen another state. `seen`: tags with commas between, empty for any.

    :raises shop.exceptions.Stale: if none of them is the one that is there now.
    """
    if seen and now not in seen.split(","):
        raise Stale("Somebody has changed it meanwhile. Look at it again, then repeat what you want.")


def _along(row: Subscription) -> list[tuple[int, int]]:
    """Return what waits to come along once, so that "add" sent twice adds once."""
    waiting = getattr(row, "waiting_extras", None)
    if waiting is None:
        waiting = row.extras.filter(status=RefillExtra.Status.WAITING)
    return sorted((extra.variant_id, extra.quantity) for extra in waiting)


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()[:32]
