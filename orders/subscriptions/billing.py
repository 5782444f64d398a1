"""CLAIM → RESERVE → INTENT → ATTEMPT → APPLY for one refill: each step commits, each can be taken up again.

A claim is used once: `bill` turns `claimed` into `charging` under the refill's lock, and only the worker that
did so asks for money. A worker that dies leaves a row in `charging`; `reclaim` makes a new claim of it, and
`fencing` keeps whoever had the old one from asking again.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction

from catalog import inventory
from orders import attempts, lifecycle, payments, placement, redemptions, stripe_gateway
from orders.emails import refills as letters
from orders.models import BillingCycle, Order, Refill, SavedCard, Subscription
from orders.placement import Draft
from orders.stripe_gateway import Intent
from orders.subscriptions import (
    breaker,
    cards,
    cycles,
    dunning,
    fencing,
    giving_back,
    guards,
    membership,
    notices,
    planning,
    quoting,
    shortage,
)
from shop import alive
from shop.exceptions import Unavailable
from shop.mail import outbox
from shop.transitions import advance

logger = logging.getLogger(__name__)

Status = Refill.Status
# Time to hand the answer to settlement, and to write down what comes of it: nobody is at work in between.
HANDED_OVER_WITHIN = timedelta(seconds=10)
# A wake-up that no worker has followed by then is lost, or will find the work done.
WAKES_WITHIN = timedelta(seconds=30)
# So many seconds of work may be claimed at a time: the workers never run dry, and no claim grows old waiting.
CLAIMED_AHEAD_S = 20
# The stock of a refill waits this long for its money; after that it is taken again at every try.
STOCK_HELD_FOR = timedelta(hours=48)
# After these nothing is known, or nothing can be done now: the rows stay, and the claim is taken up again.
WAITS = (
    Unavailable,
    attempts.AttemptUnresolved,
    attempts.OrderEnded,
    stripe_gateway.OutcomeUnknown,
    stripe_gateway.Refused,
)

# One statement: the ids that come back are the claim. SKIP LOCKED lets two dispatchers share the work; the
# repeated conditions keep a row that changed between the two scans from being claimed. MATERIALIZED keeps the
# planner from running the limited scan once per row, which would lock and claim more than the limit.
_DUE = """
    SELECT refill.id FROM orders_refill refill
    LEFT JOIN mail_outbox notice ON notice.id = refill.notice_id
    WHERE refill.status IN ('planned', 'backordered', 'dunning') AND refill.next_attempt_at <= %(at)s
      AND refill.card_id IS NOT NULL AND (notice.sent_at <= %(told_by)s OR refill.asked_at IS NOT NULL)
      AND (refill.status <> 'planned' OR refill.next_attempt_at > %(stale)s)
      AND (refill.rests_until IS NULL OR refill.rests_until <= %(at)s)
    ORDER BY refill.next_attempt_at, refill.id LIMIT %(limit)s
    FOR UPDATE OF refill SKIP LOCKED
"""
_CLAIM = f"""
    WITH due AS MATERIALIZED ({_DUE})
    UPDATE orders_refill SET status = 'claimed', claimed_at = %(at)s, claims = claims + 1, unanswered = 0
    WHERE id IN (SELECT id FROM due)
      AND status IN ('planned', 'backordered', 'dunning') AND next_attempt_at <= %(at)s
    RETURNING id
"""  # noqa: S608 - our own words
# What was claimed and never begun; what is charged by nobody, unless it waits for Stripe; and whatever is too
# old. The lock is asked for last, for rows that are locked, and is let go of as the statement ends.
_RECLAIM = """
    WITH left_behind AS MATERIALIZED (
        SELECT id, status = 'claimed' OR claimed_at <= %(too_old)s AS is_free FROM orders_refill
        WHERE (status = 'claimed' AND claimed_at <= %(unheard)s)
           OR (status = 'charging' AND claimed_at <= %(handed_over)s
               AND (rests_until IS NULL OR rests_until <= %(at)s)
               AND (claimed_at <= %(too_old)s OR next_attempt_at IS NULL OR next_attempt_at <= %(at)s))
        ORDER BY claimed_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), free AS MATERIALIZED (
        SELECT id FROM left_behind
        WHERE CASE WHEN is_free THEN true ELSE pg_try_advisory_xact_lock(%(kind)s, (id %% %(keys)s)::int) END
    )
    UPDATE orders_refill SET status = 'claimed', claimed_at = %(at)s, claims = claims + 1
    WHERE id IN (SELECT id FROM free) AND status IN ('claimed', 'charging')
    RETURNING id
"""


def claim(*, at: datetime, limit: int = 50) -> list[int]:
    """Claim due refills whose notice was sent in time, and return their ids; nobody else gets the same ones.

    What is due without such a notice gets it first, and a later date.
    """
    if not guards.may_charge():
        return []
    planning.postpone_unannounced(at=at)
    limit = breaker.allow(limit, at=at)
    if not limit:
        return []
    told_by, stale = at - settings.REFILL_NOTICE_FOR, at - planning.STALE_AFTER
    return _run(_CLAIM, at=at, limit=limit, told_by=told_by, stale=stale)


def room() -> int:
    """Return how many more refills may be claimed now, at the pace that Stripe is asked at."""
    waiting = Refill.objects.filter(status=Status.CLAIMED).count()
    return max(0, int(settings.STRIPE_BACKGROUND_RATE_PER_S * CLAIMED_AHEAD_S) - waiting)


def reclaim(*, at: datetime, limit: int = 200) -> list[int]:
    """Claim again what a dead worker, a lost wake-up or a silent Stripe left behind, and return the ids."""
    if not guards.may_charge():
        return []
    return _run(
        _RECLAIM,
        at=at,
        limit=limit,
        unheard=at - WAKES_WITHIN,
        handed_over=at - HANDED_OVER_WITHIN,
        too_old=at - fencing.CLAIM_HOLDS_FOR,
        kind=alive.REFILL,
        keys=alive.KEYS,
    )


def bill(refill_id: int, *, at: datetime) -> Intent | None:
    """Bill one claimed refill and return its intent as it then stands, for settlement to observe.

    None when there is nothing to charge: the claim was used, the stock is short, the total rose, it is free
    (`settlement.settle_free` finds it), or Stripe does not answer (then it is claimed again later, and the
    same attempt goes on). Network: no transaction.
    """
    if not giving_back.may_begin(refill_id):
        return None
    with alive.at_work(alive.REFILL, refill_id):
        order = _reserve(refill_id, at=at)
        if order is None or order.is_free or order.refill.card is None:
            return None
        return _charge(order, order.refill.card, at=at)


def _charge(order: Order, card: SavedCard, *, at: datetime) -> Intent | None:
    """INTENT and ATTEMPT of a refill that this worker has begun to charge."""
    claim = fencing.claim_of(order.refill)
    try:
        intent = payments.charge_saved_card(order, card, at=at, holds=claim.holds)
    except WAITS as error:
        logger.warning("refill %s waits: %s", order.refill, error)
        claim.rest(at=at)
        return None
    except payments.PaymentRefused:
        _count_refusals(claim.refill_id, at=at)
        claim.rest(at=at)
        return None
    if intent.status == "succeeded":
        return intent
    _count_refusals(claim.refill_id, at=at)
    _ask_about_card(order, card, at=at)
    if intent.status == "canceled":
        _give_up(claim.refill_id, at=at)
    elif intent.status == "processing":
        claim.rest(at=at)
    return intent


def lock_for(order: Order) -> Refill | None:
    """Lock the subscriptions, cycles and refill of an order, before the order itself; None if it has none."""
    if order.origin != Order.Origin.REFILL:
        return None
    return cycles.lock_refill_of(order.pk)


def apply_paid(refill: Refill, *, at: datetime) -> None:
    """The money of a locked refill is here: close its cycles, open the next ones, write the receipt.

    In settlement's transaction. A refill that is paid already stays as it is: the documented duplicate.
    """
    if refill.status == Status.PAID or refill.order is None:
        return
    if refill.status not in Refill.OPEN:
        membership.remember_payment(refill, at=at)
    paid = {"paid_at": at, "next_attempt_at": None}
    advance(refill, field="status", table=Refill.STATUS_STEPS, target=Status.PAID, **paid)
    for cycle in refill.cycles.select_related("subscription"):
        _pay_cycle(cycle, at=at)
    membership.finish_extras(refill, at=at)
    outbox.enqueue(letters.refill_paid(refill), to=refill.customer.email, at=at)


def _run(statement: str, **values: datetime | int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return sorted(row[0] for row in cursor.fetchall())


def _reserve(refill_id: int, *, at: datetime) -> Order | None:
    """RESERVE in a transaction; what is in the way undoes it, and is written down in one of its own."""
    try:
        return _reserve_locked(refill_id, at=at)
    except inventory.OutOfStock as missing:
        _make_way(refill_id, partial(shortage.wait, shortage=missing, at=at))
    except (redemptions.DiscountUsedUp, redemptions.DiscountUsedBefore) as gone:
        logger.info("refill %s is quoted again: %s", refill_id, gone.detail)
        _make_way(refill_id, partial(_claim_anew, at=at))
    return None


@transaction.atomic(durable=True)
def _make_way(refill_id: int, step: Callable[[Refill], None]) -> None:
    refill = cycles.lock_refill(refill_id)
    if refill.status == Status.CLAIMED:
        step(refill)


def _claim_anew(refill: Refill, *, at: datetime) -> None:
    advance(refill, field="status", table=Refill.STATUS_STEPS, target=Status.PLANNED, next_attempt_at=at)


@transaction.atomic(durable=True)
def _reserve_locked(refill_id: int, *, at: datetime) -> Order | None:
    """Use the claim up, look at everything once more, write the order, hold its stock.

    :raises catalog.inventory.OutOfStock: naming what is short.
    :raises redemptions.DiscountUsedUp: or DiscountUsedBefore, if a discount is gone meanwhile.
    """
    refill = cycles.lock_refill(refill_id)
    if refill.status != Status.CLAIMED:
        return None
    if refill.order is not None:
        refill.order = Order.objects.select_for_update().get(pk=refill.order.pk)
        if _is_settled_otherwise(refill, refill.order, at=at):
            return None
    if dunning.count_refusals(refill, at=at):
        return None
    open_cycles = list(refill.cycles.filter(status=BillingCycle.Status.OPEN).select_related("subscription"))
    _leave_out(refill, open_cycles, at=at)
    _leave_to_rest(refill, open_cycles, at=at)
    if refill.status != Status.CLAIMED:
        return None
    order = _hold(refill.order, at=at) if refill.order else _place(refill, at=at)
    if order is None:
        return None
    begun = {"order": order, "claimed_at": at, "short_since": None}
    advance(refill, field="status", table=Refill.STATUS_STEPS, target=Status.CHARGING, **begun)
    return order


def _is_settled_otherwise(refill: Refill, order: Order, *, at: datetime) -> bool:
    """Return whether the order ended without us: cancelled by its owner, or paid late and sent back."""
    if order.status == Order.Status.PENDING:
        return False
    if order.status == Order.Status.PLACED:
        apply_paid(refill, at=at)
        return True
    membership.skip_whole(refill, at=at)
    return True


def _leave_out(refill: Refill, open_cycles: Sequence[BillingCycle], *, at: datetime) -> None:
    """End a refill that holds something paid for less than half an interval ago, or charged once already.

    That cycle moves on without a charge, and PLAN takes up the rest. Whoever asked for it now gets it.
    """
    if refill.order is not None:
        return
    if membership.holds_charged_extras(refill):
        membership.dissolve(refill)
        return
    if refill.asked_at is not None:
        return
    early = [cycle for cycle in open_cycles if cycles.paid_too_recently(cycle.subscription, at=at)]
    if not early:
        return
    membership.dissolve(refill)
    for cycle in early:
        item = cycle.subscription
        logger.warning("%s was paid at %s: cycle %s moves on", item, item.last_paid_at, cycle.index)
        cycles.close(cycle, BillingCycle.Status.SKIPPED, at=at)
        cycles.open_after_payment(item, cycle, at=item.last_paid_at or at)


def _leave_to_rest(refill: Refill, open_cycles: Sequence[BillingCycle], *, at: datetime) -> None:
    """End a refill whose subscriptions were halted while it was being charged, unless an attempt of unknown
    outcome has to be brought to its end first.
    """
    rests = any(cycle.subscription.status == Subscription.Status.PAUSED for cycle in open_cycles)
    if rests and refill.status == Status.CLAIMED and not fencing.in_flight(refill, at=at):
        membership.dissolve(refill)


def _ask_about_card(order: Order, card: SavedCard, *, at: datetime) -> None:
    try:
        cards.ask_after_refusal(order, card, at=at)
    except WAITS as error:
        logger.warning("card %s is looked at when it is charged again: %s", card.pk, error)


def _place(refill: Refill, *, at: datetime) -> Order | None:
    """Write the refill's order, at no more than was quoted; None if it has to be told anew first.

    :raises catalog.inventory.OutOfStock: or what else `placement.place_order` does.
    """
    try:
        quote = quoting.quote(refill, at=at)
    except quoting.REFUSALS as refusal:
        logger.warning("refill %s cannot be charged: %s", refill, refusal.detail)
        dunning.stop(refill, reason=refusal.detail, at=at)
        return None
    is_back = shortage.is_over_late(refill, at=at)
    if is_back or refill.quoted_total is None or quote.total > refill.quoted_total:
        since = None if is_back else refill.short_since
        advance(refill, field="status", table=Refill.STATUS_STEPS, target=Status.PLANNED, short_since=since)
        notices.tell(refill, quote, charge_at=at, at=at)
        return None
    customer = refill.customer
    draft = Draft(
        quote=quote,
        origin=Order.Origin.REFILL,
        email=customer.email,
        country=refill.shipping_address["country"],
        locale=customer.locale,
        shipping_address=refill.shipping_address,
        billing_address=refill.shipping_address,
        saves_card=False,
        user=customer.user,
        customer=customer,
    )
    return placement.place_order(draft, hold_until=at + STOCK_HELD_FOR, at=at)


def _hold(order: Order, *, at: datetime) -> Order:
    """Hold the stock of an order of an earlier try for another while; take it again if the hold was lost."""
    until = at + STOCK_HELD_FOR
    if not inventory.renew_hold(order.stock_reference, until=until):
        demand = placement.demand_of(order)
        inventory.reserve(reference=order.stock_reference, quantities=demand, until=until, at=at)
    lifecycle.renew_hold(order, until=until)
    return order


def _pay_cycle(cycle: BillingCycle, *, at: datetime) -> None:
    item = cycle.subscription
    item.last_paid_at = at
    item.save(update_fields=["last_paid_at"])
    if cycle.status != BillingCycle.Status.OPEN:
        return
    cycles.close(cycle, BillingCycle.Status.PAID, at=at)
    if item.status != Subscription.Status.CANCELLED:
        cycles.open_after_payment(item, cycle, at=at)


@transaction.atomic(durable=True)
def _count_refusals(refill_id: int, *, at: datetime) -> None:
    dunning.count_refusals(cycles.lock_refill(refill_id), at=at)


@transaction.atomic(durable=True)
def _give_up(refill_id: int, *, at: datetime) -> None:
    refill = cycles.lock_refill(refill_id)
    if refill.status == Status.CHARGING:
        dunning.stop(refill, reason="The payment was cancelled at Stripe.", at=at)
