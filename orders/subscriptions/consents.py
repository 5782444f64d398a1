"""What a customer agreed to when they changed a refill: the words, the price, the rhythm, from where."""

import hashlib
from datetime import datetime

from orders.models import Consent, Subscription


def record(
    subscription: Subscription, text: str, *, ip_address: str | None, at: datetime, total: int | None = None
) -> Consent:
    """Write down a change of terms, in the words that confirm it, with the terms as they are from now on.

    `total`: what was agreed to be charged, in minor units, where a sum was named.
    """
    terms = {
        "sku": subscription.variant.sku,
        "quantity": subscription.quantity,
        "unit_price": subscription.unit_price,
        "currency": subscription.currency,
        "interval": {"unit": subscription.interval_unit, "count": subscription.interval_count},
        **({"total": total} if total is not None else {}),
    }
    return Consent.objects.create(
        kind=Consent.Kind.CHANGE,
        order=subscription.started_by.order,
        customer=subscription.customer,
        subscription=subscription,
        text=text,
        text_sha256=hashlib.sha256(text.encode()).hexdigest(),
        terms=terms,
        ip_address=ip_address,
        given_at=at,
    )
