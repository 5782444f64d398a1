"""Statements of withdrawal. Every one is kept, timed and acknowledged to the address given, whatever it
names; which order it means is found afterwards, by number and e-mail address or by staff.

Source: Directive 2011/83/EU as amended by (EU) 2023/2673, article 11a; UK Consumer Contracts Regulations.
"""

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction

from catalog import inventory
from orders import emails, lifecycle
from orders.models import Order, Shipment, StripeRefund, Subscription, Withdrawal
from orders.returns import cancellation
from orders.subscriptions import changes
from shop.accounts.models import User
from shop.exceptions import Conflict, NotFound, ShopError
from shop.mail import outbox, recipients
from shop.transitions import advance

logger = logging.getLogger(__name__)

Status = Withdrawal.Status
DAYS = timedelta(days=14)
USUAL_WORDS = "I withdraw from my contract for this order."
# A statement that names nothing of ours is looked at again for so long: an order may come late.
LOOKED_FOR = timedelta(days=30)
# Letters that our references lack, because people read them as these digits.
_MISREAD = str.maketrans("OIL", "011")
_SATURDAY = 5


class AlreadyMatched(Conflict):
    code = "already_matched"
    title = "This statement belongs to an order already"


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody declared, as they typed it."""

    name: str
    email: str
    order_given: str
    text: str
    locale: str = "en-gb"
    form_key: str = ""


def declare_held(order: Order, statement: Statement, *, at: datetime) -> Withdrawal:
    """Take the statement of somebody who holds the order: it is matched to that one and, while nothing of it
    is packed, the order is cancelled. What cannot be done yet is tried again by the sweep, or done by staff.
    """
    withdrawal = receive(statement, source=Withdrawal.Source.API, at=at)
    try:
        withdrawal = match(withdrawal, order, actor=None, at=at)
        cancel_order(withdrawal, actor=None, at=at)
    except ShopError as error:
        logger.info("withdrawal %s waits: %s", withdrawal.reference, error.problem_code)
    withdrawal.refresh_from_db()
    return withdrawal


@transaction.atomic(durable=True)
def receive(statement: Statement, *, source: str, at: datetime) -> Withdrawal:
    """Keep a statement and acknowledge it by mail, with its text and time. A form sent twice is one."""
    facts = {
        "source": source,
        "name": statement.name,
        "email": statement.email,
        "order_given": statement.order_given,
        "statement": statement.text,
        "locale": statement.locale,
        "received_at": at,
    }
    if statement.form_key:
        row, created = Withdrawal.objects.get_or_create(form_key=statement.form_key, defaults=facts)
    else:
        row, created = Withdrawal.objects.create(**facts), True
    if created:
        outbox.enqueue(emails.withdrawal_receipt(row), to=row.email, at=at)
    return row


@transaction.atomic(durable=True)
def match(withdrawal: Withdrawal, order: Order, *, actor: User | None, at: datetime) -> Withdrawal:
    """Say which order a statement means: refills that belong to it end, what has not left is held, staff
    are told.

    :raises AlreadyMatched: if it belongs to an order already, or is closed.
    :raises subscriptions.changes.ChargeInProgress: while a refill is being charged; the sweep tries again.
    """
    why = f"Withdrawal {withdrawal.reference}."
    for row in _subscriptions_of(order):
        changes.end(row, reason=why, at=at)
    order = Order.objects.select_for_update().get(pk=order.pk)
    withdrawal = Withdrawal.objects.select_for_update().get(pk=withdrawal.pk)
    if withdrawal.status != Status.RECEIVED:
        raise AlreadyMatched(f"{withdrawal.reference} is {withdrawal.status}.")
    advance(
        withdrawal, field="status", table=Withdrawal.STEPS, target=Status.MATCHED, order=order, matched_at=at,
        matched_by=actor,
    )  # fmt: skip
    said = f"Withdrawal {withdrawal.reference} declared by {withdrawal.email}."
    lifecycle.note(order, "withdrawal", said, at=at, actor=actor, withdrawal=withdrawal.reference)
    if order.fulfilment_status in {Order.FulfilmentStatus.UNFULFILLED, Order.FulfilmentStatus.PARTIALLY}:
        lifecycle.hold_parcel(order, _hold_of(withdrawal), at=at)
    outbox.alert_staff(emails.staff_review(order, _hold_of(withdrawal)), at=at)
    return withdrawal


def match_by_reference(withdrawal: Withdrawal, reference: str, *, actor: User, at: datetime) -> Withdrawal:
    """Match a statement by hand. :raises NotFound: if there is no such order."""
    order = Order.objects.filter(reference=_as_ours(reference)).first()
    if order is None:
        raise NotFound(f"There is no order {reference}.")
    return match(withdrawal, order, actor=actor, at=at)


def match_waiting(*, at: datetime, limit: int = 200) -> int:
    """Match statements whose order can be found by now; return how many were."""
    waiting = Withdrawal.objects.filter(status=Status.RECEIVED, received_at__gte=at - LOOKED_FOR)
    matched = 0
    for row in waiting.order_by("-received_at")[:limit]:
        order = _named(row)
        if order is None:
            continue
        try:
            match(row, order, actor=None, at=at)
        except ShopError as error:
            logger.info("withdrawal %s waits: %s", row.reference, error.problem_code)
            continue
        matched += 1
    return matched


def cancel_order(withdrawal: Withdrawal, *, actor: User | None, at: datetime) -> StripeRefund | None:
    """Cancel the order of a matched statement, of which nothing is packed, and close the statement.

    :raises cancellation.NotCancellable: saying why; then its goods have to come back first.
    """
    order = withdrawal.order
    if order is None:
        raise NotFound("Say first which order it means.")
    reason = f"Withdrawal {withdrawal.reference}."
    refund = cancellation.cancel_paid(order, reason=reason, actor=actor, at=at)
    order.refresh_from_db(fields=["review_reason"])
    if order.review_reason == _hold_of(withdrawal):
        lifecycle.finish_review(order, finding="Withdrawn from and cancelled.", actor=actor, at=at)
    close(withdrawal, outcome="Cancelled before anything left.", actor=actor, at=at)
    return refund


@transaction.atomic(durable=True)
def close(withdrawal: Withdrawal, *, outcome: str, actor: User | None, at: datetime) -> None:
    """Say what came of a statement."""
    if withdrawal.order_id is not None:
        Order.objects.select_for_update().get(pk=withdrawal.order_id)
    row = Withdrawal.objects.select_for_update().get(pk=withdrawal.pk)
    advance(
        row, field="status", table=Withdrawal.STEPS, target=Status.CLOSED, closed_at=at, outcome=outcome[:200]
    )
    if row.order is not None:
        said = f"Withdrawal {row.reference} closed: {outcome}"
        lifecycle.note(row.order, "withdrawal_closed", said, at=at, actor=actor, withdrawal=row.reference)


def refunds_to_send(withdrawal: Withdrawal) -> list[int]:
    """Return ids of refunds of its order that Stripe has not been asked for."""
    waiting = StripeRefund.objects.filter(
        payment__order=withdrawal.order_id, status=StripeRefund.Status.REQUESTED
    )
    return list(waiting.values_list("pk", flat=True))


def last_day(order: Order) -> date | None:
    """Return the last day on which a withdrawal from an order is in time; None while it has not left whole.

    14 days after the last parcel arrived; where nobody said that it did, after its longest way. A last day
    at a weekend moves to the Monday. Source: Regulation (EEC) 1182/71, article 3.
    """
    sent = [row for row in order.shipments.all() if row.status in Shipment.LEFT]
    if not sent or order.fulfilment_status not in {
        Order.FulfilmentStatus.FULFILLED,
        Order.FulfilmentStatus.RETURNED,
    }:
        return None
    day = max(_arrival(row, order) for row in sent) + DAYS
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return day


def is_in_time(withdrawal: Withdrawal) -> bool | None:
    """Return whether a statement came in time; None while its order is not known."""
    if withdrawal.order is None:
        return None
    last = last_day(withdrawal.order)
    return last is None or inventory.shop_date(withdrawal.received_at) <= last


def _arrival(shipment: Shipment, order: Order) -> date:
    if shipment.status == Shipment.Status.DELIVERED and shipment.closed_at is not None:
        return inventory.shop_date(shipment.closed_at)
    left_at = shipment.dispatched_at or shipment.packed_at
    return inventory.shop_date(left_at) + timedelta(days=order.transit_days_max)


def _hold_of(withdrawal: Withdrawal) -> str:
    """Return why a statement holds a parcel, as the order's review says it."""
    return f"withdrawal {withdrawal.reference}"


def _named(withdrawal: Withdrawal) -> Order | None:
    """Return the order that a statement names, if the e-mail address is its own."""
    rows = Order.objects.filter(reference=_as_ours(withdrawal.order_given))
    return rows.filter(recipients.written_as(withdrawal.email)).first()


def _as_ours(reference: str) -> str:
    """Return an order number as we write it, however it was typed: "#k7-mpw2o…" is K7MPW20…"""
    return "".join(c for c in reference.upper() if c.isalnum()).translate(_MISREAD)[:12]


def _subscriptions_of(order: Order) -> list[Subscription]:
    """Return the subscriptions that an order began, or that its parcel was a refill of."""
    in_parcel = Subscription.objects.filter(cycles__refill__order=order)
    rows = cancellation.begun_by(order) | in_parcel.exclude(status=Subscription.Status.CANCELLED)
    return list(rows.distinct().order_by("pk"))
