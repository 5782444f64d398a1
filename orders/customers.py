"""Customers at Stripe: what we do when one is not there any more."""

from django.db import transaction

from orders.models import Customer


@transaction.atomic
def forget(stripe_customer_id: str) -> Customer | None:
    """A customer was deleted at Stripe: ours forgets the id, so that the next payment opens a new one there.

    The old id is kept as history. Returns None if no customer of ours has it (any more).
    """
    customer = Customer.objects.select_for_update().filter(stripe_customer_id=stripe_customer_id).first()
    if customer is None:
        return None
    customer.former_stripe_ids = [*customer.former_stripe_ids, stripe_customer_id]
    customer.stripe_customer_id = None
    customer.save(update_fields=["former_stripe_ids", "stripe_customer_id"])
    return customer
