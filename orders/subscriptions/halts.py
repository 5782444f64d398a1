"""When a payment of theirs is disputed, a customer's refills rest until staff take them up again."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from orders.emails import refills as letters
from orders.models import BillingCycle, Order, Refill, Subscription
from orders.subscriptions import diary, holding, membership
from shop.mail import outbox
from shop.transitions import advance

Status = Subscription.Status


def lock_for(order: Order) -> list[Subscription]:
    """Lock every subscription of an order's customer, then open cycles and refills: before the order itself.

    Returns the subscriptions that are not cancelled. An order of an account touches all of the account's.
    """
    theirs = _customers_of(order)
    rows = Subscription.objects.filter(customer_id__in=theirs).exclude(status=Status.CANCELLED)
    locked = list(rows.select_for_update(of=("self",)).order_by("pk"))
    open_cycles = BillingCycle.objects.filter(
        subscription__customer_id__in=theirs, status=BillingCycle.Status.OPEN
    )
    list(open_cycles.select_for_update(of=("self",)).order_by("pk"))
    list(_open_refills(theirs).select_for_update(of=("self",)).order_by("pk"))
    return locked


def halt(locked: Collection[Subscription], *, at: datetime) -> int:
    """Pause locked subscriptions because of a dispute; return how many were halted just now.

    What was planned is dissolved. A charge that is on its way is brought to its end and not repeated: see
    `billing`. One that rested already loses its date: only staff resume it.
    """
    halted = [row for row in locked if row.status_reason != Subscription.DISPUTE]
    for refill in _open_refills({row.customer_id for row in halted}).order_by("pk"):
        if not holding.is_being_charged(refill, at=at):
            membership.dissolve(refill)
    for row in halted:
        if row.status == Status.PAUSED:
            row.status_reason, row.paused_until = Subscription.DISPUTE, None
            row.save(update_fields=["status_reason", "paused_until"])
            continue
        advance(
            row,
            field="status",
            table=Subscription.STATUS_STEPS,
            target=Status.PAUSED,
            status_reason=Subscription.DISPUTE,
            paused_at=at,
            paused_until=None,
        )
        diary.note(row, "Rests: a payment is disputed with the bank.", by=diary.By.SHOP, at=at)
        outbox.enqueue(letters.refills_halted(row, at=at), to=row.customer.email, at=at)
    return len(halted)


def _customers_of(order: Order) -> set[int]:
    """An unverified address joins nobody: a guest's order touches its own customer alone."""
    theirs = {order.customer_id} if order.customer_id else set()
    if order.user is not None:
        theirs |= set(order.user.customers.values_list("pk", flat=True))
    return {pk for pk in theirs if pk is not None}


def _open_refills(customer_ids: Collection[int]) -> QuerySet[Refill]:
    return Refill.objects.filter(customer_id__in=customer_ids, status__in=Refill.OPEN)
