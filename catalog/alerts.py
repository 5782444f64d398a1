"""Staff hear of stock that ran low: once a variant, and again only after it has been above its reorder point.

One mail a sweep, listing what is new. A variant that goes up and down with the carts is not mailed about
twice within `QUIET`; the list in the admin always shows what is low now.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from catalog import inventory
from catalog.models import LowStockAlert
from shop.mail import outbox

QUIET = timedelta(hours=24)


@transaction.atomic(savepoint=False)
def watch_stock(*, at: datetime) -> list[LowStockAlert]:
    """Close the alerts of variants that are above their reorder point, open those of variants that fell, and
    write one mail about the new ones; return them. Safe to repeat, and to run twice at once.
    """
    low = inventory.low_levels(at)
    is_open = LowStockAlert.objects.filter(ended_at__isnull=True)
    is_open.exclude(variant__stock__in=low).update(ended_at=at)
    told = LowStockAlert.objects.filter(began_at__gt=at - QUIET).values("variant")
    fallen = low.exclude(variant__in=is_open.values("variant")).exclude(variant__in=told)
    rows = [
        LowStockAlert(
            variant_id=level.variant_id,
            available=level.available,
            reorder_point=level.variant.reorder_point,
            began_at=at,
        )
        for level in fallen.select_related("variant").order_by("pk")
    ]
    # a twin that was quicker has the open row, and writes the mail
    LowStockAlert.objects.bulk_create(rows, ignore_conflicts=True)
    made = LowStockAlert.objects.filter(began_at=at, variant__in=[row.variant_id for row in rows])
    fresh = list(made.select_related("variant__product").order_by("variant__sku"))
    if fresh:
        outbox.alert_staff(low_stock(fresh), at=at)
    return fresh


def low_stock(alerts: Sequence[LowStockAlert]) -> outbox.Letter:
    """Return the mail about variants that ran low, given with their products."""
    first = alerts[0]
    more = len(alerts) - 1
    subject = f"Low stock: {first.variant.sku}, {first.available} left"
    return outbox.Letter(
        kind="low_stock",
        subject_key=f"variant:{first.variant.sku}",
        occasion=f"{first.began_at:%Y-%m-%dT%H:%M:%S.%f}",
        subject=f"{subject}, and {more} more" if more else subject,
        template="catalog/mail/low_stock",
        context={"alerts": alerts},
    )
