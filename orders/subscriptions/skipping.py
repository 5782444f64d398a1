"""A whole parcel at once, however many subscriptions travel in it."""

from datetime import datetime

from django.db import transaction

from orders.emails import refills as letters
from orders.models import BillingCycle, Refill
from orders.subscriptions import changes, cycles, diary, holding, membership
from shop.mail import outbox

Status = Refill.Status
# Nothing more is charged for these, whoever asks how often.
OVER = (Status.SKIPPED, Status.FAILED)
# Too late: its charge is on its way, or made.
GONE = (Status.CLAIMED, Status.CHARGING, Status.PAID)


@transaction.atomic(durable=True)
def skip(refill: Refill, *, at: datetime) -> Refill:
    """Leave out a parcel with all it holds; what follows keeps its dates. Skipping twice is skipping once.

    One-off items wait for the next parcel.
    :raises holding.AppliesFromNextRefill: once it is claimed, or paid.
    """
    locked = cycles.lock_refill(refill.pk)
    if locked.status in OVER:
        return locked
    if locked.status in GONE:
        raise holding.AppliesFromNextRefill("This parcel is on its way. You can skip the one after it.")
    membership.skip_whole(locked, at=at)
    # The items stay as the record of what it held, and their cycles may be planned again.
    locked.items.filter(cycle__isnull=False).update(cycle=None)
    _tell(locked, at=at)
    return locked


def take_back(refill: Refill, *, at: datetime) -> int:
    """Let what was skipped with a parcel come after all, each subscription by itself; return how many.

    What cannot be taken back any more (its day has passed, it is cancelled or claimed) is left as it is.
    """
    skipped = refill.cycles.filter(status=BillingCycle.Status.SKIPPED).select_related("subscription")
    taken = 0
    for cycle in skipped.order_by("pk"):
        try:
            changes.unskip(cycle.subscription, at=at)
        except (changes.NothingToTakeBack, holding.AppliesFromNextRefill, holding.SubscriptionEnded):
            continue
        taken += 1
    return taken


def can_be_taken_back(refill: Refill, *, at: datetime) -> bool:
    """Return whether a parcel was skipped by its owner, and its day has not come."""
    return refill.cycles.filter(status=BillingCycle.Status.SKIPPED, due_at__gt=at).exists()


def _tell(refill: Refill, *, at: datetime) -> None:
    """Confirm by one mail, however many subscriptions were in it."""
    closed = refill.cycles.select_related("subscription__variant__product").order_by("pk")
    together = [cycle.subscription for cycle in closed]
    for row in together:
        diary.note(row, "The next parcel is left out, with everything in it.", at=at)
    coming = BillingCycle.objects.filter(subscription__in=together, status=BillingCycle.Status.OPEN)
    day = min(coming.values_list("due_on", flat=True))
    left_out = "; ".join(
        f"{row.quantity} × {row.variant.product.name}, {row.variant.name}" for row in together
    )
    what = f"We leave out the next parcel ({left_out}). The one after it is due on {holding.in_words(day)}."
    outbox.enqueue(
        letters.subscription_changed(together[0], what=what, at=at), to=refill.customer.email, at=at
    )
