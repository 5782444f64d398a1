"""What somebody ordered as a guest becomes their account's, once they have proved that the address is theirs.

Never before: an account that is not verified sees nothing of an address that it only names.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from orders import lifecycle
from orders.models import Customer, Order
from shop.accounts import registration
from shop.accounts.models import User
from shop.mail import recipients


@dataclass(frozen=True, slots=True)
class Claimed:
    """How much came to an account by one claim."""

    orders: int
    customers: int


@transaction.atomic
def claim(user: User, *, at: datetime) -> Claimed:
    """Give a user the guest orders of the addresses that they have proved, with the refills begun by them.

    Safe to repeat: what belongs to somebody is left alone. The case of an address does not matter.
    """
    orders = customers = 0
    guests = Customer.objects.filter(user__isnull=True)
    for email in registration.verified_emails(user):
        orders += _claim_orders(user, email, at=at)
        customers += guests.filter(recipients.written_as(email)).update(user=user)
    return Claimed(orders, customers)


def _claim_orders(user: User, email: str, *, at: datetime) -> int:
    guests = Order.objects.filter(recipients.written_as(email), user__isnull=True)
    found = list(guests.select_for_update().order_by("pk"))
    Order.objects.filter(pk__in=[order.pk for order in found]).update(user=user)
    for order in found:
        lifecycle.note(order, "claimed", "Now in the account of its address.", at=at, actor=user)
    return len(found)
