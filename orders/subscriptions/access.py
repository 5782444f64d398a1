"""Fresh links to somebody's refills, by mail: to the address that we have, never to one that is typed."""

from collections import defaultdict
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from orders import refill_links
from orders.emails import refill_access as letters
from orders.models import Customer, Refill, Subscription
from orders.refill_links import Claim
from orders.subscriptions import diary, holding
from shop.mail import outbox, recipients


def customer_of(claim: Claim) -> int | None:
    """Return whose refills a link is about."""
    found = Refill if claim.reference.startswith("R-") else Subscription
    return found.objects.filter(reference=claim.reference).values_list("customer_id", flat=True).first()


def send_to(email: str, *, at: datetime) -> None:
    """Mail fresh links to whoever has refills under this address; nothing happens for any other."""
    _send(Customer.objects.filter(recipients.written_as(email)), at=at)


def send_for(expired: str, *, at: datetime) -> None:
    """Mail a fresh link to whom an expired one was sent; nothing happens for a forged one."""
    try:
        customer_id = customer_of(refill_links.read_expired(expired))
    except refill_links.LinkInvalid:
        return
    _send(Customer.objects.filter(pk__in=[customer_id]), at=at)


@transaction.atomic(durable=True)
def send_card_link(subscription: Subscription, *, at: datetime) -> Subscription:
    """Mail its owner a link to the page that takes another card; the history says who asked for it.

    :raises holding.SubscriptionEnded: if it is cancelled.
    """
    row = holding.hold(subscription).subscription
    outbox.enqueue(letters.card_link(row, at=at), to=row.customer.email, at=at)
    diary.note(row, "A link for another card was mailed to its owner.", at=at)
    return row


def _send(customers: QuerySet[Customer], *, at: datetime) -> None:
    if not _write(customers, at=at):
        # A mail wakes a worker, which takes a moment, and longer when Redis is gone: so does no mail.
        outbox.nudge_sweep()


@transaction.atomic(durable=True)
def _write(customers: QuerySet[Customer], *, at: datetime) -> bool:
    """Write the mails to those who have refills; return whether there are any."""
    known = _by_customer(Subscription.objects.filter(customer__in=customers))
    # For an address that we do not know the same is done with somebody's row and taken back, so that the
    # answer takes as long. Read for everybody, for the same reason.
    stand_in = _by_customer(Subscription.objects.all(), most=1)
    for mine in (known or stand_in).values():
        outbox.enqueue(letters.fresh_link(mine, at=at), to=mine[0].customer.email, at=at)
    if not known:
        transaction.set_rollback(True)
    return bool(known)


def _by_customer(rows: QuerySet[Subscription], *, most: int = 100) -> dict[int, list[Subscription]]:
    """Return the newest subscriptions by their customer, with what the mail says of them."""
    found: dict[int, list[Subscription]] = defaultdict(list)
    read = rows.select_related("customer", "variant__product", "started_by__order")
    for row in read.order_by("-pk")[:most]:
        found[row.customer_id].append(row)
    return found
