"""What customers and staff do to a subscription. Every verb locks first, and applies until the claim.

Once a refill is claimed its contents stand: an edit is refused with `applies_from_next_refill`. Cancelling is
refused only while a charge is on its way, and after it nothing is charged.
"""

from copy import copy
from datetime import date, datetime, timedelta
from functools import partial

from django.db import transaction

from orders import addresses, carts, shipping
from orders.emails import refills as letters
from orders.models import BillingCycle, SavedCard, Subscription
from orders.subscriptions import (
    consents,
    cycles,
    diary,
    dunning,
    extras,
    holding,
    membership,
    schedule,
    sweeps,
)
from orders.subscriptions.holding import Held
from shop.characters import one_line
from shop.exceptions import Conflict, InvalidInput, NotFound
from shop.mail import outbox
from shop.transitions import advance

Status = Subscription.Status
MAX_DAYS_AHEAD = 366


class ChargeInProgress(Conflict):
    code = "charge_in_progress"
    title = "A charge is on its way"


class HaltedByDispute(Conflict):
    code = "halted_by_dispute"
    title = "These refills rest because of a dispute"


class NothingToTakeBack(Conflict):
    code = "nothing_to_unskip"
    title = "There is no skipped refill to take back"


@transaction.atomic(durable=True)
def skip(subscription: Subscription, *, at: datetime) -> Subscription:
    """Leave out the coming refill; the one after it keeps its date.

    :raises holding.AppliesFromNextRefill: if it is claimed.
    """
    held = holding.hold(subscription)
    holding.refuse_claimed(held)
    holding.take_out(held, at=at)
    cycles.close(held.cycle, BillingCycle.Status.SKIPPED, at=at)
    coming = cycles.open_next(held.subscription, after=held.cycle, not_before=at)
    return holding.tell(
        held,
        f"We leave out the next one. The one after it is due on {holding.in_words(coming.due_on)}.",
        at=at,
    )


@transaction.atomic(durable=True)
def unskip(subscription: Subscription, *, at: datetime) -> Subscription:
    """Take back the latest skip while its day has not come, and no other rhythm was chosen since.

    :raises NothingToTakeBack: if the cycle before the open one was not skipped, or cannot come back.
    """
    held = holding.hold(subscription)
    holding.refuse_claimed(held)
    before = held.subscription.cycles.filter(index__lt=held.cycle.index).order_by("-index").first()
    if before is None or before.status != BillingCycle.Status.SKIPPED or before.due_at <= at:
        raise NothingToTakeBack("The refill before the coming one was not skipped, or its day has passed.")
    if not cycles.is_in_rhythm(before, held.subscription):
        raise NothingToTakeBack("You have chosen another day since. Choose the day that you want instead.")
    holding.take_out(held, at=at)
    held.cycle.delete()
    membership.let_go(before)
    cycles.reopen(before)
    return holding.tell(held, f"The refill of {holding.in_words(before.due_on)} comes after all.", at=at)


@transaction.atomic(durable=True)
def pause(
    subscription: Subscription, *, until: date | None, at: datetime, reason: str = "Paused by the customer."
) -> Subscription:
    """Rest until a local day, or until resumed.

    :raises holding.AppliesFromNextRefill: if the coming refill is claimed.
    """
    held = holding.hold(subscription)
    holding.refuse_claimed(held)
    if until is not None:
        _check_day(until, held.subscription, at=at, field="until")
    holding.take_out(held, at=at)
    _advance(held.subscription, Status.PAUSED, status_reason=reason, paused_at=at, paused_until=until)
    rest = f"Paused until {holding.in_words(until)}." if until else "Paused until you take it up again."
    return holding.tell(held, f"{rest} Nothing is charged meanwhile.", at=at)


@transaction.atomic(durable=True)
def resume(
    subscription: Subscription, *, at: datetime, by_staff: bool = False, on_its_day: bool = False
) -> Subscription:
    """Take a paused subscription up again on its old rhythm; days that have passed are left out.

    :raises HaltedByDispute: if a dispute paused it: only staff resume it then.
    """
    held = holding.hold(subscription)
    if held.subscription.status_reason == Subscription.DISPUTE and not by_staff:
        raise HaltedByDispute("A payment is disputed with your bank. Write to us to take this up again.")
    coming = holding.wake(held, at=at)
    return holding.tell(
        held,
        f"Taken up again. The next refill is due on {holding.in_words(coming.due_on)}.",
        by=diary.By.SHOP if on_its_day else "",
        at=at,
    )


def resume_due(*, at: datetime, limit: int = 200) -> int:
    """Resume what was paused until today, by its own calendar; return how many."""
    tomorrow = at.date() + timedelta(days=1)
    resting = Subscription.objects.filter(status=Status.PAUSED, paused_until__lte=tomorrow)
    due = [
        row
        for row in resting.order_by("paused_until", "pk")[:limit]
        if row.paused_until and row.paused_until <= schedule.local_day(at, row.timezone)
    ]
    return sweeps.each(due, partial(_resume_on_its_day, at=at))


@transaction.atomic(durable=True)
def cancel(subscription: Subscription, *, reason: str, at: datetime) -> Subscription:
    """End a subscription for good: after this nothing is charged for it. Cancelling twice is cancelling once.

    :raises ChargeInProgress: while a charge is on its way; in a few minutes its outcome is known.
    """
    return end(subscription, reason=reason, at=at)


def end(subscription: Subscription, *, reason: str, at: datetime) -> Subscription:
    """Do what `cancel` does, in the caller's transaction and before it locks any order."""
    cycles.lock_subscriptions(subscription.customer_id)
    subscription.refresh_from_db()
    if subscription.status == Status.CANCELLED:
        return subscription
    held = holding.hold(subscription)
    if held.open_refill is not None and holding.is_being_charged(held.open_refill, at=at):
        raise ChargeInProgress(
            "A refill is being charged just now. Try again in a few minutes.", retry_after=60
        )
    holding.take_out(held, at=at)
    cycles.close(held.cycle, BillingCycle.Status.CANCELLED, at=at)
    extras.drop_all(held.subscription, at=at)
    # Staff read it in a table and a report, among the words of others.
    _advance(held.subscription, Status.CANCELLED, status_reason=one_line(reason)[:200], cancelled_at=at)
    diary.note(held.subscription, "Cancelled. Nothing is charged for it any more.", at=at)
    letter = letters.subscription_cancelled(held.subscription, at=at)
    outbox.enqueue(letter, to=held.subscription.customer.email, at=at)
    return held.subscription


@transaction.atomic(durable=True)
def change_quantity(
    subscription: Subscription, *, quantity: int, at: datetime, ip_address: str | None = None
) -> Subscription:
    """Change how many come. An announced refill is quoted again; if it rose, it waits for a new notice.

    :raises holding.AppliesFromNextRefill: if the coming refill is claimed or its order is fixed.
    """
    if not 1 <= quantity <= carts.MAX_QUANTITY:
        raise InvalidInput(
            f"A refill holds 1 to {carts.MAX_QUANTITY} pieces.",
            fields={"quantity": [f"A whole number from 1 to {carts.MAX_QUANTITY}."]},
        )
    held = holding.hold(subscription)
    holding.refuse_ordered(held)
    held.subscription.quantity = quantity
    held.subscription.save(update_fields=["quantity"])
    if held.open_refill is not None:
        held.open_refill.items.filter(cycle=held.cycle).update(quantity=quantity)
        membership.requote(held.open_refill, at=at)
    what = f"From the next refill on you get {quantity}."
    consents.record(held.subscription, what, ip_address=ip_address, at=at)
    return holding.tell(held, what, at=at)


@transaction.atomic(durable=True)
def reschedule(
    subscription: Subscription,
    *,
    unit: str | None = None,
    count: int | None = None,
    next_on: date | None = None,
    at: datetime,
    ip_address: str | None = None,
) -> Subscription:
    """Change the interval, the next local day, or both; the rhythm goes on from there.

    With an interval alone, the next day is one new interval after the last one that was due.
    :raises holding.AppliesFromNextRefill: if the coming refill is claimed or its order is fixed.
    """
    held = holding.hold(subscription)
    holding.refuse_ordered(held)
    row, last = held.subscription, _last_due(held)
    if unit is not None and count is not None:
        _check_interval(unit, count)
        row.interval_unit, row.interval_count = unit, count
    if next_on is not None:
        _check_day(next_on, row, at=at, field="next_on")
        row.anchor_on, row.anchor_index = next_on, held.cycle.index
    else:
        row.anchor_on, row.anchor_index = _new_anchor(row, last, at=at), held.cycle.index - 1
    row.save(update_fields=["interval_unit", "interval_count", "anchor_on", "anchor_index"])
    holding.take_out(held, at=at)
    cycles.move(held.cycle, row)
    what = f"The next refill is due on {holding.in_words(held.cycle.due_on)}."
    if unit is not None:
        consents.record(row, f"{what} Interval: {row.interval_count} × {unit}.", ip_address=ip_address, at=at)
    return holding.tell(held, what, at=at)


def lengthen(subscription: Subscription, *, at: datetime, ip_address: str | None = None) -> Subscription:
    """There is plenty left: from now on it comes about half as seldom again, counted from the last day.

    :raises InvalidInput: if it comes as seldom as can be. :raises AppliesFromNextRefill: once claimed.
    """
    unit, count = schedule.longer(subscription.interval_unit, subscription.interval_count)
    return reschedule(subscription, unit=unit, count=count, at=at, ip_address=ip_address)


def longer_from(subscription: Subscription, cycle: BillingCycle, *, at: datetime) -> tuple[str, int, date]:
    """Return what `lengthen` would make of it: the interval, and the next day. Writes nothing."""
    unit, count = schedule.longer(subscription.interval_unit, subscription.interval_count)
    last = _last_due(Held(subscription, cycle, None))
    then = copy(subscription)
    then.interval_unit, then.interval_count = unit, count
    return unit, count, schedule.due_on(_new_anchor(then, last, at=at), unit, count, 1)


@transaction.atomic(durable=True)
def change_card(subscription: Subscription, *, payment_method_id: str, at: datetime) -> Subscription:
    """Charge another saved card of the same customer from now on.

    A refill that waits for its owner, with everything in it, takes the new card and is tried at once.
    :raises NotFound: if the customer has no such card. :raises AppliesFromNextRefill: if it is claimed.
    """
    held = holding.hold(subscription)
    holding.refuse_claimed(held)
    card = SavedCard.objects.filter(
        customer_id=subscription.customer_id,
        stripe_payment_method_id=payment_method_id,
        removed_at__isnull=True,
    ).first()
    if card is None:
        raise NotFound("You have no such card. Save it first.", code="card_not_found")
    _give_card(held, card, at=at)
    return holding.tell(held, f"From now on we charge your {card}.", at=at)


@transaction.atomic(durable=True)
def change_address(subscription: Subscription, *, address: dict[str, str], at: datetime) -> Subscription:
    """Send to another address from the coming refill on.

    :raises holding.AppliesFromNextRefill: if the coming refill is claimed or its order is fixed.
    :raises shipping.NotShippedThere: if we do not ship there.
    :raises Conflict: `currency_mismatch`, if another currency is paid there.
    """
    cleaned = addresses.normalise(address)
    addresses.check(cleaned, where="address")
    held = holding.hold(subscription)
    holding.refuse_ordered(held)
    zone = shipping.zone_for(
        country=cleaned["country"], postal_code=cleaned["postal_code"], region=cleaned["region"]
    )
    if zone.currency != held.subscription.currency:
        raise Conflict(f"Refills to {zone.name} are paid in {zone.currency}.", code="currency_mismatch")
    held.subscription.shipping_address = cleaned
    held.subscription.save(update_fields=["shipping_address"])
    holding.take_out(held, at=at)
    what = f"From the next refill on we send to {', '.join(addresses.lines(cleaned))}."
    return holding.tell(held, what, noted="From the next refill on it goes to another address.", at=at)


def _resume_on_its_day(row: Subscription, *, at: datetime) -> int:
    resume(row, on_its_day=True, at=at)
    return 1


def _give_card(held: Held, card: SavedCard, *, at: datetime) -> None:
    refill, together = held.open_refill, [held.subscription]
    if refill is not None and refill.order is not None:
        of_refill = refill.cycles.filter(status=BillingCycle.Status.OPEN).select_related("subscription")
        together = [cycle.subscription for cycle in of_refill]
    Subscription.objects.filter(pk__in=[row.pk for row in together]).update(card=card)
    held.subscription.card = card
    if refill is None:
        return
    if refill.order is None and refill.items.count() > 1:
        holding.take_out(held, at=at)
        return
    refill.card = card
    refill.save(update_fields=["card"])
    dunning.card_changed(refill, at=at)


def _last_due(held: Held) -> date:
    """Return the last day that was due before the open cycle, or would have been."""
    row = held.subscription
    last = row.cycles.filter(index__lt=held.cycle.index).order_by("-index").first()
    if last is not None:
        return last.due_on
    k = held.cycle.index - row.anchor_index - 1
    return schedule.due_on(row.anchor_on, row.interval_unit, row.interval_count, k)


def _new_anchor(row: Subscription, last: date, *, at: datetime) -> date:
    """Return the day that the open cycle lies one interval after: the last day that was due.

    A later day of the same rhythm, when the next one would lie in the past or too near to the last payment.
    """
    half = schedule.half_interval(row.interval_unit, row.interval_count)
    earliest = max(at, row.last_paid_at + half) if row.last_paid_at else at
    day = schedule.local_day(earliest, row.timezone) + timedelta(days=1)
    k = schedule.next_index(last, row.interval_unit, row.interval_count, after=0, not_before=day)
    return schedule.due_on(last, row.interval_unit, row.interval_count, k - 1)


def _check_interval(unit: str, count: int) -> None:
    if not carts.MIN_INTERVAL_DAYS <= schedule.interval_days(unit, count) <= carts.MAX_INTERVAL_DAYS:
        raise InvalidInput(
            "Refills come between once a week and once a year.",
            fields={"interval": ["From 7 days to 12 months."]},
        )


def _check_day(day: date, subscription: Subscription, *, at: datetime, field: str) -> None:
    today = schedule.local_day(at, subscription.timezone)
    if not today < day <= today + timedelta(days=MAX_DAYS_AHEAD):
        raise InvalidInput(
            "Choose a day from tomorrow on, within a year.", fields={field: ["From tomorrow, within a year."]}
        )


def _advance(subscription: Subscription, target: str, **fields: object) -> None:
    advance(subscription, field="status", table=Subscription.STATUS_STEPS, target=target, **fields)
