"""Send now: the customer has seen the total and wants the coming parcel today instead of on its day."""

from datetime import datetime, timedelta

from django.db import transaction

from orders.models import Refill, Subscription
from orders.subscriptions import consents, holding, parcels, quoting
from orders.subscriptions.facts import Facts
from orders.subscriptions.holding import Held
from orders.totals import Quote
from shop.exceptions import Conflict
from shop.money import format_money

# A second click this soon after the first means the same parcel, even if that is paid by now.
ONE_CLICK = timedelta(minutes=10)


class TotalChanged(Conflict):
    code = "price_changed"
    title = "The total has changed"


class NotNow(Conflict):
    code = "not_sendable"
    title = "This refill cannot be sent now"


def preview(subscription: Subscription, *, at: datetime) -> Quote:
    """Return what the coming parcel costs if it is sent now. Writes nothing.

    :raises NotNow: if it is paused, cancelled, without a card, or waits for a payment.
    :raises quoting.NotChargeable: or shipping.NotShippedThere, if it cannot be sent as it is.
    """
    cycle = subscription.cycles.filter(status="open").select_related("refill").first()
    if cycle is None:
        raise holding.SubscriptionEnded("It was cancelled; nothing is charged for it any more.")
    held = Held(subscription, cycle, cycle.refill)
    _refuse(held)
    if held.open_refill is not None:
        return quoting.quote(held.open_refill, at=at)
    facts = Facts(at)
    refill, items = parcels.preview(cycle, facts=facts)
    return quoting.quote_items(refill, items, facts=facts)


@transaction.atomic(durable=True)
def send_now(
    subscription: Subscription, *, expected_total: int, at: datetime, ip_address: str | None = None
) -> Subscription:
    """Make the coming parcel due at once, at no more than the total that its owner has seen.

    `expected_total` in minor units. No notice is waited for, and the guard of half an interval steps aside:
    they asked for it. Asking twice is asking once.
    :raises TotalChanged: with the new total. :raises NotNow: if it is paused, without a card, or waits.
    """
    held = holding.hold(subscription)
    if _is_asked(held, at=at):
        return held.subscription
    _refuse(held)
    refill = held.open_refill or parcels.begin(parcels.together_with(held.cycle), at=at)
    quote = quoting.quote(refill, at=at)
    if quote.total != expected_total:
        raise TotalChanged(
            f"It is now {format_money(quote.total, refill.currency)}. Show it and ask again.",
            total={"amount": quote.total, "currency": refill.currency},
        )
    refill.quoted_total, refill.quoted_at, refill.asked_at, refill.next_attempt_at = quote.total, at, at, at
    refill.save(update_fields=["quoted_total", "quoted_at", "asked_at", "next_attempt_at"])
    total = format_money(quote.total, refill.currency)
    what = f"You asked for your next refill now: we charge {total} to your {refill.card} and pack it."
    consents.record(held.subscription, what, ip_address=ip_address, at=at, total=quote.total)
    return holding.tell(held, what, at=at)


def _is_asked(held: Held, *, at: datetime) -> bool:
    """Return whether the parcel was asked for already, and is on its way or was paid just now."""
    if held.open_refill is not None:
        return held.open_refill.asked_at is not None
    paid = Refill.objects.filter(cycles__subscription=held.subscription, status=Refill.Status.PAID)
    return paid.filter(asked_at__gt=at - ONE_CLICK).exists()


def _refuse(held: Held) -> None:
    if held.subscription.status != Subscription.Status.ACTIVE:
        raise NotNow("It is paused. Take it up again first.")
    if held.subscription.card_id is None:
        raise NotNow("There is no card to charge. Choose one first.", code="card_missing")
    holding.refuse_ordered(held)
