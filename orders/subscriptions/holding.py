"""A customer's subscription under its lock, with what every verb on it asks first and says last."""

from dataclasses import dataclass
from datetime import date, datetime

from orders.emails import refills as letters
from orders.models import BillingCycle, Order, Refill, Subscription
from orders.subscriptions import cycles, diary, fencing, membership, tags
from shop.exceptions import Conflict
from shop.mail import outbox
from shop.transitions import advance


class AppliesFromNextRefill(Conflict):
    code = "applies_from_next_refill"
    title = "The coming refill is on its way already"


class SubscriptionEnded(Conflict):
    code = "subscription_cancelled"
    title = "This subscription is cancelled"


@dataclass(slots=True)
class Held:
    """A locked subscription with its open cycle and, once planned, the refill that the cycle is in."""

    subscription: Subscription
    cycle: BillingCycle
    refill: Refill | None

    @property
    def open_refill(self) -> Refill | None:
        return self.refill if self.refill is not None and self.refill.status in Refill.OPEN else None


def hold(subscription: Subscription) -> Held:
    """Lock a subscription with its cycle and refill, and read them again.

    :raises SubscriptionEnded: if it is cancelled.
    :raises shop.exceptions.Stale: if it is no longer as its `seen_tag` says.
    """
    locked = cycles.lock_subscriptions(subscription.customer_id)
    mine = next((row for row in locked if row.pk == subscription.pk), None)
    if mine is None:
        raise SubscriptionEnded("It was cancelled; nothing is charged for it any more.")
    open_cycles = cycles.lock_open_cycles(subscription.customer_id)
    cycle = next(row for row in open_cycles if row.subscription_id == mine.pk)
    refill = None
    if cycle.refill_id is not None:
        refill = Refill.objects.select_for_update().get(pk=cycle.refill_id)
        cycle.refill = refill
    if subscription.seen_tag:
        tags.check(subscription.seen_tag, tags.of_subscription(mine, cycle))
    mine.acted_by = subscription.acted_by
    return Held(mine, cycle, refill)


def refuse_claimed(held: Held) -> None:
    """:raises AppliesFromNextRefill: if the coming refill is claimed."""
    refill = held.open_refill
    if refill is not None and refill.status in {Refill.Status.CLAIMED, Refill.Status.CHARGING}:
        raise AppliesFromNextRefill("The coming refill is being charged. Try again once it is paid.")


def refuse_ordered(held: Held) -> None:
    """An order stands as it was written: skip it or cancel, but it does not change."""
    refuse_claimed(held)
    refill = held.open_refill
    if refill is not None and refill.order is not None:
        raise AppliesFromNextRefill("The coming refill waits for its payment. Pay it or skip it first.")


def is_being_charged(refill: Refill, *, at: datetime) -> bool:
    """Return whether a locked refill is charged, or a worker is about to: it writes its attempt under the
    order's lock, so we see that, or it will see how this ends, or it is at it at this moment.
    """
    if refill.status in {Refill.Status.CLAIMED, Refill.Status.CHARGING} and refill.order_id is not None:
        row = Order.objects.select_for_update(skip_locked=True).filter(pk=refill.order_id)
        if row.first() is None:
            return True
    return fencing.in_flight(refill, at=at)


def take_out(held: Held, *, at: datetime) -> None:
    """Take the open cycle out of whatever refill holds it."""
    if held.open_refill is not None:
        membership.take_out(held.open_refill, held.cycle, at=at)
    elif held.refill is not None:
        membership.let_go(held.cycle)
    held.cycle.refresh_from_db(fields=["refill"])


def wake(held: Held, *, at: datetime) -> BillingCycle:
    """Let a resting subscription go on by its old rhythm; return its coming cycle. Passed days are out."""
    advance(
        held.subscription,
        field="status",
        table=Subscription.STATUS_STEPS,
        target=Subscription.Status.ACTIVE,
        status_reason="",
        paused_at=None,
        paused_until=None,
    )
    membership.let_go(held.cycle)
    coming = held.cycle
    if coming.due_at < at:
        cycles.close(coming, BillingCycle.Status.SKIPPED, at=at)
        coming = cycles.open_next(held.subscription, after=coming, not_before=at)
    return coming


def tell(held: Held, what: str, *, at: datetime, noted: str = "", by: str = "") -> Subscription:
    """Confirm a change by mail, in one sentence, keep it in the history, and return the subscription.

    `noted`: other words for the history, where the sentence holds an address. `by`: see `diary.note`.
    """
    diary.note(held.subscription, noted or what, by=by, at=at)
    letter = letters.subscription_changed(held.subscription, what=what, at=at)
    outbox.enqueue(letter, to=held.subscription.customer.email, at=at)
    return held.subscription


def in_words(day: date) -> str:
    """Return a day as "14 December 2026"."""
    return f"{day:%d %B %Y}".lstrip("0")
