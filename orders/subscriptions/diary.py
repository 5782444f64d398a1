"""The history of a subscription: a line for each change, in the transaction of the change."""

from datetime import datetime

from orders.models import Subscription, SubscriptionEvent

By = SubscriptionEvent.By


def note(subscription: Subscription, message: str, *, at: datetime, by: str = "") -> None:
    """Write down what happened, without any address. By the member of staff who acts, else by its owner;
    `by` says it where neither did it.
    """
    hand = by or (By.STAFF if subscription.acted_by else By.OWNER)
    SubscriptionEvent.objects.create(
        subscription=subscription,
        message=message[:300],
        by=hand,
        actor=subscription.acted_by if hand == By.STAFF else None,
        at=at,
    )
