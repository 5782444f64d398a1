"""Many customers planned in one transaction: read together, quoted in memory, written together.

The rules are those of one customer at a time: the same locks in the same order, the same quote, one refill
and one reminder for each parcel.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from catalog.models import Variant
from orders.emails import refill_notices as letters
from orders.emails.refills import FirstOrder, Holds
from orders.models import (
    BillingCycle,
    Customer,
    OrderLine,
    Refill,
    RefillExtra,
    RefillItem,
    SavedCard,
    Subscription,
)
from orders.subscriptions import cycles, membership, notices, parcels, quoting, swaps, waiting
from orders.subscriptions.facts import Facts
from shop import copying
from shop.mail import outbox
from shop.mail.outbox import Letter


@dataclass
class Parcel:
    """A refill that is not written yet, with all that is written together with it."""

    refill: Refill
    cycles: Sequence[BillingCycle]
    items: list[RefillItem]
    letter: Letter
    extras: membership.Sorted = field(default_factory=membership.Sorted)


@transaction.atomic(durable=True)
def plan(customer_ids: Collection[int], *, at: datetime) -> int:
    """Plan the refills of customers whose reminders are due; return how many.

    Two batches at once do not double anything: each locks its customers' subscriptions and looks again; of a
    customer that somebody else is at work on, nothing is planned.
    """
    locked = cycles.lock_open(cycles.lock_idle(customer_ids))
    coming = _coming([cycle for cycle in locked if _is_unplanned(cycle)], at=at)
    if not coming:
        return 0
    orders = _know(coming)
    facts = Facts(at)
    _learn(facts, coming)
    extras = _waiting_extras(coming)
    drafts = (
        _draft(together, extras, orders, facts=facts)
        for together in parcels.group(_rest_what_is_not_sold(coming, at=at))
    )
    return _write([parcel for parcel in drafts if parcel is not None], at=at)


def _is_unplanned(cycle: BillingCycle) -> bool:
    item = cycle.subscription
    is_active = item.status == Subscription.Status.ACTIVE
    return cycle.refill_id is None and is_active and item.card_id is not None


def _coming(unplanned: Sequence[BillingCycle], *, at: datetime) -> list[BillingCycle]:
    """Return the cycles whose reminder is due, and those of the same customer and day."""
    days = {_day_of(cycle) for cycle in unplanned if waiting.is_due(cycle, at=at)}
    return [cycle for cycle in unplanned if _day_of(cycle) in days]


def _day_of(cycle: BillingCycle) -> tuple:
    return cycle.subscription.customer_id, cycle.due_on


def _know(coming: Sequence[BillingCycle]) -> dict[int, FirstOrder]:
    """Let subscriptions know their customers, cards and variants; return the orders of the lines that began
    them, as far as mails tell of them. Four queries."""
    items = [cycle.subscription for cycle in coming]
    customers = Customer.objects.in_bulk({item.customer_id for item in items})
    cards = SavedCard.objects.in_bulk({item.card_id for item in items if item.card_id})
    variants = Variant.objects.select_related("product").in_bulk({item.variant_id for item in items})
    for item in items:
        item.customer, item.variant = customers[item.customer_id], variants[item.variant_id]
        item.card = cards[item.card_id] if item.card_id else None
    lines = OrderLine.objects.filter(pk__in={item.started_by_id for item in items})
    told = lines.values_list("pk", "order_id", "order__reference", "order__is_test")
    return {row[0]: FirstOrder(pk=row[1], reference=row[2], is_test=row[3]) for row in told}


def _learn(facts: Facts, coming: Sequence[BillingCycle]) -> None:
    """Ask for all codes and all prices at once, instead of for each parcel's."""
    facts.learn_codes({cycle.subscription.started_by_id for cycle in coming})
    variants: dict[str, set[Variant]] = defaultdict(set)
    for cycle in coming:
        variants[cycle.subscription.currency].add(cycle.subscription.variant)
    for currency, wanted in variants.items():
        facts.offers(wanted, currency)


def _rest_what_is_not_sold(coming: Sequence[BillingCycle], *, at: datetime) -> list[BillingCycle]:
    """What is no longer sold rests, and its owner is offered what may take its place; return what is sold."""
    gone = [cycle for cycle in coming if not _is_sold(cycle.subscription.variant)]
    for cycle in gone:
        parcels.pause([cycle], Subscription.NOT_SOLD, at=at)
        item = cycle.subscription
        choices = [f"{variant.product.name}, {variant.name}" for variant in swaps.choices(item)[:6]]
        outbox.enqueue(letters.not_sold(item, choices, at=at), to=item.customer.email, at=at)
    if not gone:
        return list(coming)
    return _coming([cycle for cycle in coming if cycle not in gone], at=at)


def _is_sold(variant: Variant) -> bool:
    return variant.archived_at is None and variant.product.is_published


def _waiting_extras(coming: Sequence[BillingCycle]) -> Mapping[int, list[RefillExtra]]:
    """Return what waits to come along once, by subscription."""
    found: dict[int, list[RefillExtra]] = defaultdict(list)
    for extra in membership.waiting_extras({cycle.subscription_id for cycle in coming}):
        found[extra.subscription_id].append(extra)
    return found


def _draft(
    together: Sequence[BillingCycle],
    waiting_extras: Mapping[int, list[RefillExtra]],
    orders: Mapping[int, FirstOrder],
    *,
    facts: Facts,
) -> Parcel | None:
    """Return a parcel with its quote and its reminder; None if it cannot be quoted: then it rests."""
    refill, items = parcels.draft(together, facts=facts)
    refill.card = together[0].subscription.card
    along = [extra for cycle in together for extra in waiting_extras.get(cycle.subscription_id, ())]
    extras = membership.sort_extras(along, facts.offers([extra.variant for extra in along], refill.currency))
    items += [membership.item_of(refill, extra, price) for extra, price in extras.joining]
    try:
        quote = quoting.quote_items(refill, items, facts=facts)
    except quoting.REFUSALS as refusal:
        parcels.pause(together, refusal.detail, at=facts.at)
        return None
    began = min(orders[cycle.subscription.started_by_id] for cycle in together)
    letter = notices.write(refill, quote, charge_at=refill.due_at, at=facts.at, holds=Holds(items, began))
    return Parcel(refill, together, items, letter, extras)


def _write(drafts: Sequence[Parcel], *, at: datetime) -> int:
    """Write parcels and their reminders, each kind of row in one statement; return how many parcels."""
    told = [(parcel.letter, parcel.refill.customer.email) for parcel in drafts]
    for parcel, message in zip(drafts, outbox.enqueue_many(told, at=at), strict=True):
        parcel.refill.notice = message
    copying.insert([parcel.refill for parcel in drafts])
    for parcel in drafts:
        for item in parcel.items:
            item.refill_id = parcel.refill.pk
    copying.insert([item for parcel in drafts for item in parcel.items])
    cycles.join({cycle.pk: parcel.refill.pk for parcel in drafts for cycle in parcel.cycles})
    for parcel in drafts:
        membership.settle_extras(parcel.refill, parcel.extras, at=at)
    return len(drafts)
