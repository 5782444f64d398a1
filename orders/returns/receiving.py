"""Goods that come back: announced, looked at unit by unit, paid for.

Sealed units go back into the lot that they left from, and wait there until it is released again; opened ones
are destroyed, lost ones never arrived. What is paid back is decided afterwards, by the rule of the goods.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet, Sum

from catalog import inventory
from catalog.models import Lot, Product
from orders import emails, lifecycle, refunds, shipping
from orders.models import (
    Order,
    OrderLineComponent,
    Return,
    ReturnFinding,
    ReturnLine,
    Shipment,
    ShipmentLine,
    StripeRefund,
    Withdrawal,
)
from shop.accounts.models import User
from shop.exceptions import Conflict, InvalidInput
from shop.mail import outbox
from shop.money import percent_of
from shop.transitions import advance

Status = Return.Status
Outcome = ReturnFinding.Outcome
STANDARD = "standard"


class NotReturnable(InvalidInput):
    code = "not_returnable"
    title = "That cannot come back"


class FindingRefused(InvalidInput):
    code = "finding_refused"
    title = "What was found does not add up"


class AlreadyInspected(Conflict):
    code = "already_inspected"
    title = "Somebody has looked at this return already"


class NeedsReason(InvalidInput):
    code = "reason_needed"
    title = "Say why more is paid back than the rule gives"


@dataclass(frozen=True, slots=True)
class Finding:
    """Units of one component that were found in one state; the lot is the one that is printed on them."""

    component: OrderLineComponent
    outcome: str
    quantity: int
    lot: Lot | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """Units of one component that left from one lot and may come back with a return."""

    component: OrderLineComponent
    lot: Lot | None
    sent: int
    expected: int


def returnable(order: Order) -> dict[int, int]:
    """Return how many pieces of each line have left and are not announced to come back, by line id."""
    sent = _sent_units(order)
    lines = ReturnLine.objects.filter(order_line__order=order).exclude(goods_return__status=Status.CANCELLED)
    back = dict(lines.values_list("order_line_id").annotate(Sum("quantity")).order_by())
    pieces: dict[int, int] = {}
    for part in OrderLineComponent.objects.filter(line__order=order).select_related("line"):
        whole = sent.get(part.pk, 0) // _each(part)
        pieces[part.line_id] = min(whole, pieces.get(part.line_id, whole))
    return {line_id: max(0, n - back.get(line_id, 0)) for line_id, n in pieces.items()}


@transaction.atomic(durable=True)
def open_return(
    order: Order,
    lines: Mapping[int, int],
    *,
    reason: str,
    actor: User | None,
    at: datetime,
    withdrawal: Withdrawal | None = None,
) -> Return:
    """Announce that pieces of lines ({line id: pieces}) come back, and tell the customer where to.

    :raises NotReturnable: for more than has left, or what is announced already.
    """
    order = Order.objects.select_for_update().get(pk=order.pk)
    wanted = {line_id: n for line_id, n in lines.items() if n}
    possible = returnable(order)
    if not wanted or any(n < 0 or n > possible.get(line_id, 0) for line_id, n in wanted.items()):
        raise NotReturnable(
            "Name pieces that have left and are not announced already.",
            fields={f"line_{line_id}": [f"At most {possible.get(line_id, 0)}."] for line_id in wanted},
        )
    row = Return.objects.create(
        order=order, withdrawal=withdrawal, reason=reason[:200], opened_by=actor, opened_at=at
    )
    ReturnLine.objects.bulk_create(
        ReturnLine(goods_return=row, order_line_id=line_id, quantity=n) for line_id, n in wanted.items()
    )
    said = f"Return {row.reference} opened: {reason}"
    lifecycle.note(order, "return_opened", said, at=at, actor=actor, goods_return=row.reference)
    outbox.enqueue(emails.return_expected(row), to=order.email, at=at)
    return row


def due(goods_return: Return) -> list[Due]:
    """Return what is looked at: for each component its lots that left with the order."""
    lines = {row.order_line_id: row.quantity for row in goods_return.lines.all()}
    parts = OrderLineComponent.objects.filter(line_id__in=lines).select_related("line", "variant__product")
    sent: dict[int, dict[Lot | None, int]] = defaultdict(dict)
    for row in _sent_lines(goods_return.order).filter(component__in=parts).select_related("lot"):
        lots = sent[row.component_id]
        lots[row.lot] = lots.get(row.lot, 0) + row.quantity
    return [
        Due(part, lot, units, lines[part.line_id] * _each(part))
        for part in parts.order_by("line__position", "pk")
        for lot, units in sent[part.pk].items()
    ]


@transaction.atomic(durable=True)
def inspect(goods_return: Return, findings: Iterable[Finding], *, actor: User, at: datetime) -> Return:
    """Write down how each announced unit was found, and put sealed ones back into their lots.

    :raises AlreadyInspected: if somebody was faster. :raises FindingRefused: if units are left out, or more
    come back from a lot than left from it.
    """
    goods_return = _lock(goods_return)
    if goods_return.status != Status.EXPECTED:
        raise AlreadyInspected(f"Return {goods_return.reference} is {goods_return.status}.")
    found = [finding for finding in findings if finding.quantity]
    _check_findings(goods_return, found)
    ReturnFinding.objects.bulk_create(
        ReturnFinding(
            goods_return=goods_return, component=row.component, lot=row.lot, outcome=row.outcome,
            quantity=row.quantity,
        )
        for row in found
    )  # fmt: skip
    for row in sorted(found, key=lambda row: row.component.variant_id):
        if row.outcome == Outcome.SEALED:
            inventory.restock(
                variant=row.component.variant, lot=row.lot, quantity=row.quantity, cause=goods_return.cause,
                line=str(row.component.pk), at=at, actor=actor, reason="came back sealed",
            )  # fmt: skip
    advance(
        goods_return, field="status", table=Return.STEPS, target=Status.INSPECTED, inspected_at=at,
        inspected_by=actor,
    )  # fmt: skip
    order = goods_return.order
    said = f"Return {goods_return.reference} looked at: {in_words(found)}."
    lifecycle.note(order, "return_inspected", said, at=at, actor=actor, goods_return=goods_return.reference)
    if _is_all_back(order):
        lifecycle.mark_fulfilment(order, Order.FulfilmentStatus.RETURNED)
    return goods_return


def by_rule(goods_return: Return) -> dict[int, int]:
    """Return how many pieces of each line are paid back by the rule of the goods, by line id.

    Goods under seal for hygiene: those that came back sealed. Others: those that came back. Of a bundle,
    pieces that are whole. Source: Directive 2011/83/EU, article 16 (e).
    """
    good: dict[int, int] = defaultdict(int)
    for row in goods_return.findings.select_related("component__variant__product"):
        rule = row.component.variant.product.return_rule
        opened_counts = rule != Product.ReturnRule.SEALED_HYGIENE
        if row.outcome == Outcome.SEALED or (row.outcome == Outcome.OPENED and opened_counts):
            good[row.component_id] += row.quantity
    pieces: dict[int, int] = {}
    lines = {row.order_line_id: row.quantity for row in goods_return.lines.all()}
    for part in OrderLineComponent.objects.filter(line_id__in=lines).select_related("line"):
        whole = good[part.pk] // _each(part)
        pieces[part.line_id] = min(whole, pieces.get(part.line_id, lines[part.line_id]))
    return pieces


def standard_delivery(order: Order) -> int:
    """Return what the standard way would have cost, tax included, at most what was paid: minor units.

    A withdrawal gives back no more than that. Source: Directive 2011/83/EU, article 13 (2).
    """
    paid = order.shipping_total + (0 if order.tax_included else order.shipping_tax)
    if order.shipping_method == STANDARD:
        return paid
    to = order.shipping_address
    weight = sum(line.gross_weight_g * line.quantity for line in order.lines.all())
    try:
        zone = shipping.zone_for(
            country=order.country, postal_code=to.get("postal_code", ""), region=to.get("region", "")
        )
    except shipping.NotShippedThere:
        return paid
    options = zone.options(weight_g=weight, items_total=order.items_total - order.discount_total)
    standard = shipping.pick(options, STANDARD)
    if standard is None:
        return paid
    tax = 0 if order.tax_included else percent_of(standard.amount, order.shipping_tax_rate)
    return min(paid, standard.amount + tax)


@transaction.atomic(durable=True)
def pay_back(
    goods_return: Return,
    lines: Mapping[int, int],
    *,
    with_delivery: bool,
    why: str = "",
    expected_left: int | None = None,
    actor: User,
    at: datetime,
) -> StripeRefund:
    """Write down the refund of pieces that came back, close the return and tell the customer.

    The caller sends the refund. More than the rule gives needs `why`, which is kept.
    :raises NeedsReason: without it. :raises refunds.RefundTooLarge: if it exceeds what is left.
    """
    goods_return = _lock(goods_return)
    wanted = {line_id: n for line_id, n in lines.items() if n}
    announced = {row.order_line_id: row.quantity for row in goods_return.lines.all()}
    if any(n > announced.get(line_id, 0) for line_id, n in wanted.items()):
        raise NotReturnable(
            "More is paid back than came back.", fields={"lines": ["At most what was announced."]}
        )
    rule = by_rule(goods_return)
    beyond = any(n > rule.get(line_id, 0) for line_id, n in wanted.items())
    if beyond and not why.strip():
        said = "Say why opened or lost goods are paid back."
        raise NeedsReason(said, fields={"why": [said]})
    order = goods_return.order
    refund = refunds.request_refund(
        order,
        lines=wanted,
        with_shipping=with_delivery,
        shipping_at_most=standard_delivery(order) if goods_return.withdrawal_id else None,
        expected_left=expected_left,
        reason=f"Return {goods_return.reference}. {why}".strip(),
        actor=actor,
        at=at,
    )
    _close(goods_return, decision=why, refund=refund, actor=actor, at=at)
    return refund


@transaction.atomic(durable=True)
def close_unpaid(goods_return: Return, *, why: str, actor: User, at: datetime) -> Return:
    """Close a return that was looked at without paying anything back, and tell the customer why."""
    goods_return = _lock(goods_return)
    _close(goods_return, decision=why, refund=None, actor=actor, at=at)
    return goods_return


@transaction.atomic(durable=True)
def cancel_return(goods_return: Return, *, reason: str, actor: User, at: datetime) -> Return:
    """Take an announcement back: nothing came."""
    goods_return = _lock(goods_return)
    advance(
        goods_return, field="status", table=Return.STEPS, target=Status.CANCELLED, closed_at=at,
        decision=reason[:200],
    )  # fmt: skip
    said = f"Return {goods_return.reference} cancelled: {reason}"
    lifecycle.note(goods_return.order, "return_cancelled", said, at=at, actor=actor)
    return goods_return


def in_words(findings: Iterable[Finding | ReturnFinding]) -> str:
    """Return findings as staff read them: 2 × FLK-1000 sealed (L-12), 1 × OIL-100 lost."""
    return ", ".join(
        f"{row.quantity} × {row.component.sku} {row.outcome}{f' ({row.lot.code})' if row.lot else ''}"
        for row in findings
    )


def _close(
    goods_return: Return, *, decision: str, refund: StripeRefund | None, actor: User, at: datetime
) -> None:
    advance(
        goods_return, field="status", table=Return.STEPS, target=Status.CLOSED, closed_at=at, refund=refund,
        decision=decision[:200],
    )  # fmt: skip
    order = goods_return.order
    said = f"Return {goods_return.reference} closed{': ' + decision if decision else '.'}"
    lifecycle.note(order, "return_closed", said, at=at, actor=actor, goods_return=goods_return.reference)
    outbox.enqueue(emails.return_received(goods_return), to=order.email, at=at)


def _lock(goods_return: Return) -> Return:
    """Lock a return and its order, the order first, and return it as it is now."""
    order = Order.objects.select_for_update().get(pk=goods_return.order_id)
    locked = Return.objects.select_for_update().get(pk=goods_return.pk)
    locked.order = order
    return locked


def _check_findings(goods_return: Return, found: Iterable[Finding]) -> None:
    """Each announced unit is found once, and no lot gives back more than left from it."""
    expected: dict[int, int] = {}
    room: dict[tuple[int, int | None], int] = {}
    for row in due(goods_return):
        expected[row.component.pk] = row.expected
        room[row.component.pk, row.lot.pk if row.lot else None] = row.sent
    seen = ReturnFinding.objects.filter(component__in=expected).exclude(outcome=Outcome.LOST)
    for component_id, lot_id, units in seen.values_list("component_id", "lot_id", "quantity"):
        room[component_id, lot_id] = room.get((component_id, lot_id), 0) - units
    for finding in found:
        place = (finding.component.pk, finding.lot.pk if finding.lot else None)
        expected[finding.component.pk] = expected.get(finding.component.pk, 0) - finding.quantity
        if finding.outcome != Outcome.LOST:
            room[place] = room.get(place, 0) - finding.quantity
    if any(expected.values()) or any(left < 0 for left in room.values()):
        raise FindingRefused(
            "Every announced unit is sealed, opened or lost, and comes from the lot that it left from."
        )


def _is_all_back(order: Order) -> bool:
    """Return whether everything that was to be sent has left and come back, sealed or opened."""
    if order.fulfilment_status != Order.FulfilmentStatus.FULFILLED:
        return False
    rows = ReturnFinding.objects.filter(component__line__order=order).exclude(outcome=Outcome.LOST)
    back = dict(rows.values_list("component_id").annotate(Sum("quantity")).order_by())
    parts = OrderLineComponent.objects.filter(line__order=order)
    return all(back.get(part.pk, 0) >= part.quantity - part.cancelled for part in parts)


def _sent_lines(order: Order) -> QuerySet[ShipmentLine]:
    return ShipmentLine.objects.filter(shipment__order=order, shipment__status__in=Shipment.LEFT)


def _sent_units(order: Order) -> dict[int, int]:
    """Return the units of each component that have left, replacements of lost parcels not counted twice."""
    rows = _sent_lines(order).filter(shipment__replaces=None)
    return dict(rows.values_list("component_id").annotate(Sum("quantity")).order_by())


def _each(part: OrderLineComponent) -> int:
    """Return how many units of a component one piece of its line takes."""
    return part.quantity // part.line.quantity
