"""Celery's doors to the orders: ids in, one verb, safe to run twice. Every one is a wake-up over rows."""

import logging
from typing import Any

from celery import Task, shared_task

from orders import books, payouts, reconciler, settlement, stripe_gateway
from orders.returns import withdrawals
from orders.subscriptions import billing, bulk, changes, dunning, foresight, giving_back, planning, repricing
from shop import wake as waking
from shop.clock import reading

logger = logging.getLogger(__name__)

# Subscriptions that one task changes: seconds of work, so that nobody waits behind it.
BULK_AT_ONCE = 100


def wake(task: Task, *args: Any) -> None:
    """Send a wake-up; when the broker is gone the sweep finds the row."""
    waking.wake(task, *args)


@shared_task(name="orders.process_webhook_event")
def process_webhook_event(event_pk: int) -> None:
    """Work off one stored event of Stripe."""
    reconciler.process_event(event_pk, at=reading.now())


@shared_task(name="orders.sweep_webhook_events")
def sweep_webhook_events() -> None:
    """Work off events whose wake-up was lost or whose turn has come again."""
    for event_pk in reconciler.due_event_ids(at=reading.now()):
        reconciler.process_event(event_pk, at=reading.now())


@shared_task(name="orders.reconcile")
def reconcile() -> None:
    """Ask Stripe about what is silent, send refunds, settle what is free, end what nobody paid."""
    at = reading.now()
    reconciler.send_refunds(at=at)
    reconciler.check_silent_payments(at=at)
    reconciler.check_pending_refunds(at=at)
    reconciler.find_refunds(at=at)
    reconciler.settle_free_orders(at=at)
    reconciler.expire_orders(at=at)
    reconciler.end_probed_orders(at=at)
    reconciler.end_refill_orders(at=at)


@shared_task(name="orders.check_disputes")
def check_disputes() -> None:
    """Ask Stripe about disputes and early fraud warnings."""
    reconciler.check_disputes(at=reading.now())


@shared_task(name="orders.plan_refills")
def plan_refills() -> None:
    """Join cycles that come due into refills, with a quote and a reminder; end and resume what is due to."""
    if _clock_is_wrong():
        return
    at = reading.now()
    changes.resume_due(at=at)
    dunning.stop_overdue(at=at)
    planning.plan(at=at)


@shared_task(name="orders.look_ahead")
def look_ahead() -> None:
    """Tell of rising prices, ending cards and the terms; let prices rise whose notice was sent in time."""
    if _clock_is_wrong():
        return
    at = reading.now()
    repricing.tell(at=at)
    repricing.apply_due(at=at)
    foresight.tell_expiring_cards(at=at)
    foresight.remind_of_terms(at=at)


@shared_task(name="orders.work_off_bulk_changes")
def work_off_bulk_changes() -> None:
    """Change the next of the subscriptions that staff said yes to; with more of them, wake another worker."""
    if _clock_is_wrong():
        return
    bulk.forget_drafts(at=reading.now())
    if bulk.work_off(at=reading.now(), limit=BULK_AT_ONCE) == BULK_AT_ONCE:
        wake(work_off_bulk_changes)


@shared_task(name="orders.dispatch_due_refills")
def dispatch_due_refills() -> None:
    """Claim refills that are due and hand each to a worker; also those whose worker died."""
    if _clock_is_wrong():
        return
    at = reading.now()
    for refill_id in [*billing.claim(at=at, limit=billing.room()), *billing.reclaim(at=at)]:
        wake(bill_refill, refill_id)


@shared_task(name="orders.bill_refill")
def bill_refill(refill_id: int) -> None:
    """Reserve, charge and settle one refill."""
    if _clock_is_wrong():
        return
    at = reading.now()
    with giving_back.if_it_stumbles(refill_id, at=at):
        intent = billing.bill(refill_id, at=at)
        if intent is not None:
            settlement.observe(intent, at=at)


def _clock_is_wrong() -> bool:
    """A worker with a wrong clock would charge too early: it leaves refills to others, and says so."""
    if not reading.is_wrong():
        return False
    logger.error("this machine's clock differs from the database's: it leaves refills alone")
    return True


@shared_task(name="orders.audit_books", time_limit=3600)
def audit_books() -> None:
    """Compare the books once a night; a wake-up after that, or while a worker is at it, does nothing."""
    try:
        books.nightly(at=reading.now())
    except (stripe_gateway.OutcomeUnknown, stripe_gateway.Refused) as error:
        logger.warning("the books wait for the next wake-up: %s", error)


@shared_task(name="orders.sync_payouts", time_limit=1800)
def sync_payouts() -> None:
    """Copy the latest payouts from Stripe."""
    try:
        payouts.sync(at=reading.now())
    except (stripe_gateway.OutcomeUnknown, stripe_gateway.Refused) as error:
        logger.warning("payouts wait for the next wake-up: %s", error)


@shared_task(name="orders.match_withdrawals")
def match_withdrawals() -> None:
    """Find the orders that statements of withdrawal mean."""
    withdrawals.match_waiting(at=reading.now())


@shared_task(name="orders.send_refund")
def send_refund(refund_id: int) -> None:
    """Send one refund at once; when this is lost, the reconciler sends it."""
    reconciler.send_refund(refund_id, at=reading.now())
