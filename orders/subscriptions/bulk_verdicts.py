"""What would come of a bulk change for one subscription, in words, without changing anything."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, partial
from typing import Any

from catalog import inventory, pricing
from orders import carts
from orders.models import BillingCycle, BulkChange, BulkChangeRow, Refill, Subscription
from orders.subscriptions import changes, repricing, schedule
from orders.subscriptions.holding import in_words
from shop.exceptions import InvalidInput
from shop.money import format_money

Kind = BulkChange.Kind


@dataclass(frozen=True, slots=True)
class Verdict:
    """`is_so`: it is already as wanted. The days are those of a verb that moves one."""

    will: bool
    words: str
    is_so: bool = False
    due_on: date | None = None
    next_on: date | None = None


Judge = Callable[[BulkChangeRow], Verdict]
_ENDED = Verdict(False, "Is cancelled.")
_PAUSED = Verdict(False, "Rests already.")
_AT_WORK = Verdict(False, "Is being charged just now.")
_ORDERED = Verdict(False, "Its coming refill waits for its payment.")


def judge(kind: str, wanted: dict[str, Any], *, at: datetime, is_repeat: bool = False) -> Judge:
    """Return what judges rows of a kind. `is_repeat`: just before the verb, with the days that were shown.

    :raises InvalidInput: if what is wanted is nothing that can be had.
    """
    judges: dict[str, Callable[..., Verdict]] = {
        Kind.PAUSE: _pause,
        Kind.RESUME: _resume,
        Kind.SKIP: partial(_skip, is_repeat=is_repeat),
        Kind.SHIFT: partial(_shift, is_repeat=is_repeat),
        Kind.CANCEL: _cancel,
    }
    if kind == Kind.SWAP:
        return _swap(wanted["sku"], at=at)
    if kind == Kind.REPRICE:
        return _reprice(wanted, at=at, is_repeat=is_repeat)
    return partial(judges[kind], wanted=wanted, at=at)


def _open(row: BulkChangeRow) -> tuple[Any, BillingCycle | None, Refill | None]:
    subscription: Any = row.subscription
    cycle = next(iter(subscription.open_cycles), None)
    refill = (
        cycle.refill if cycle is not None and cycle.refill and cycle.refill.status in Refill.OPEN else None
    )
    return subscription, cycle, refill


def _stands(row: BulkChangeRow, *, may_rest: bool = False, is_edit: bool = False) -> Verdict | None:
    """Return why nothing can be done to a row now; None if something can. `is_edit`: not once ordered."""
    subscription, cycle, refill = _open(row)
    if subscription.status == Subscription.Status.CANCELLED or cycle is None:
        return _ENDED
    if refill is not None and refill.status in {Refill.Status.CLAIMED, Refill.Status.CHARGING}:
        return _AT_WORK
    if subscription.status == Subscription.Status.PAUSED and not may_rest:
        return _PAUSED
    return _ORDERED if is_edit and refill is not None and refill.order_id else None


def _pause(row: BulkChangeRow, *, wanted: dict[str, Any], at: datetime) -> Verdict:
    until = date.fromisoformat(wanted["until"]) if wanted.get("until") else None
    subscription, cycle, _ = _open(row)
    if subscription.status == Subscription.Status.PAUSED and subscription.paused_until == until:
        return Verdict(False, "Rests already, just so long.", is_so=True)
    stands = _stands(row)
    if stands is not None or cycle is None:
        return stands or _ENDED
    if until is not None and not _may_be_due(until, subscription, at=at):
        return Verdict(False, "The day has to lie ahead, within a year.")
    words = f"Rests until {in_words(until)}." if until else "Rests until it is taken up again."
    return Verdict(True, f"Due on {in_words(cycle.due_on)}. {words}")


def _resume(row: BulkChangeRow, *, wanted: dict[str, Any], at: datetime) -> Verdict:
    subscription, _, _ = _open(row)
    stands = _stands(row, may_rest=True)
    if stands is not None:
        return stands
    if subscription.status == Subscription.Status.ACTIVE:
        return Verdict(False, "Does not rest.", is_so=True)
    return Verdict(True, f"Goes on. It rested: {subscription.status_reason or 'no reason kept'}")


def _skip(row: BulkChangeRow, *, wanted: dict[str, Any], at: datetime, is_repeat: bool) -> Verdict:
    subscription, cycle, _ = _open(row)
    stands = _stands(row)
    if stands is not None or cycle is None:
        return stands or _ENDED
    if is_repeat and cycle.due_on != row.due_on:
        return _moved(subscription, row)
    words = f"The refill of {in_words(cycle.due_on)} is left out."
    return Verdict(True, words, due_on=cycle.due_on)


def _moved(subscription: Any, row: BulkChangeRow) -> Verdict:
    """Return what a date that is no longer the one shown means: ours, if that cycle was skipped."""
    skipped = subscription.cycles.filter(due_on=row.due_on, status=BillingCycle.Status.SKIPPED)
    if skipped.exists():
        return Verdict(False, "Is left out.", is_so=True)
    return Verdict(False, "Its date was changed meanwhile.")


def _shift(row: BulkChangeRow, *, wanted: dict[str, Any], at: datetime, is_repeat: bool) -> Verdict:
    subscription, cycle, _ = _open(row)
    stands = _stands(row, is_edit=True)
    if stands is not None or cycle is None:
        return stands or _ENDED
    if is_repeat and cycle.due_on == row.next_on:
        return Verdict(False, f"Is due on {in_words(cycle.due_on)}.", is_so=True)
    if is_repeat and cycle.due_on != row.due_on:
        return Verdict(False, "Its date was changed meanwhile.")
    next_on = cycle.due_on + timedelta(days=wanted["days"])
    if not _may_be_due(next_on, subscription, at=at):
        return Verdict(False, "The new day would not lie ahead, within a year.")
    words = f"{in_words(cycle.due_on)} → {in_words(next_on)}."
    return Verdict(True, words, due_on=cycle.due_on, next_on=next_on)


def _cancel(row: BulkChangeRow, *, wanted: dict[str, Any], at: datetime) -> Verdict:
    if row.subscription.status == Subscription.Status.CANCELLED:
        return Verdict(False, _ENDED.words, is_so=True)
    return _stands(row, may_rest=True) or Verdict(True, "Ends for good.")


def _swap(sku: str, *, at: datetime) -> Judge:
    """:raises orders.carts.UnknownSku: if it is not sold."""
    variant = carts.sellable(sku)
    if not variant.is_subscribable:
        raise InvalidInput(f"{sku} is not offered on refill.", fields={"sku": ["Not offered on refill."]})
    available = inventory.available_for([variant])[variant.pk]
    offer_in = cache(lambda currency: pricing.offers_for([variant], currency, at).get(variant.pk))

    def verdict(row: BulkChangeRow) -> Verdict:
        item: Subscription = row.subscription
        if item.variant_id == variant.pk and item.status != Subscription.Status.CANCELLED:
            return Verdict(False, f"Gets {sku} already.", is_so=True)
        stands = _stands(row, may_rest=True, is_edit=True)
        if stands is not None:
            return stands
        if item.variant.product.kind != variant.product.kind:
            return Verdict(False, f"{item.variant.sku} is of another kind: {sku} cannot take its place.")
        offer = offer_in(item.currency)
        if offer is None:
            return Verdict(False, f"{sku} has no price in {item.currency}.")
        if available < item.quantity:
            return Verdict(False, f"Only {available} of {sku} left.")
        amount = offer.amount if offer.refill_amount is None else offer.refill_amount
        old, new = format_money(item.unit_price, item.currency), format_money(amount, item.currency)
        return Verdict(True, f"{item.variant.sku} at {old} → {sku} at {new} a piece.")

    return verdict


def _reprice(wanted: dict[str, Any], *, at: datetime, is_repeat: bool) -> Judge:
    applies_at, price = datetime.fromisoformat(wanted["applies_at"]), wanted["unit_price"]
    if not is_repeat and not at + repricing.EARLIEST <= applies_at <= at + repricing.LATEST:
        raise InvalidInput("Choose a day 7 to 30 days ahead.", fields={"applies_on": ["7 to 30 days ahead."]})

    def verdict(row: BulkChangeRow) -> Verdict:
        item: Any = row.subscription
        if item.status == Subscription.Status.CANCELLED:
            return _ENDED
        if item.currency != wanted["currency"]:
            return Verdict(False, f"Is paid in {item.currency}.")
        if any(rise.new_price == price for rise in item.open_rises):
            return Verdict(False, "A rise to this price is announced.", is_so=True)
        if item.unit_price == price:
            return Verdict(False, "Costs that already.", is_so=True)
        old, new = format_money(item.unit_price, item.currency), format_money(price, item.currency)
        if price < item.unit_price:
            return Verdict(True, f"{old} → {new} a piece at once.")
        return Verdict(True, f"{old} → {new} a piece from {in_words(applies_at.date())} on, after a notice.")

    return verdict


def _may_be_due(day: date, subscription: Subscription, *, at: datetime) -> bool:
    today = schedule.local_day(at, subscription.timezone)
    return today < day <= today + timedelta(days=changes.MAX_DAYS_AHEAD)
