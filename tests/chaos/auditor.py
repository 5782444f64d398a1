"""The auditor: balances Stripe's ledger against our tables, and lists every difference. Fixes nothing."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.chaos.ledgers import Books, Charge, Ledger, OrderHere

PAYABLE = {"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"}


def differences(ledger: Ledger, books: Books) -> list[str]:
    """Return one sentence for each thing that does not balance."""
    return [
        *_sums(ledger, books),
        *_charges(ledger, books),
        *_orders(ledger, books),
        *_refunds(ledger, books),
        *_intents(ledger, books),
        *(f"{count} {what}" for what, count in books.loose_ends if count),
        *([f"stock: {books.stock}"] if books.stock else []),
    ]


def _sums(ledger: Ledger, books: Books) -> Iterator[str]:
    """Captured less refunded, per currency, to the minor unit; and each of the two by itself."""
    there, here = defaultdict(Counter), defaultdict(Counter)
    for charge in ledger.charges:
        there[charge.currency]["captured"] += charge.captured
    for refund in ledger.refunds:
        there[refund.currency]["refunded"] += refund.amount
    for order in books.orders:
        here[order.currency]["captured"] += order.received
        here[order.currency]["refunded"] += order.refunded
    for currency in sorted({*there, *here}):
        for what in ("captured", "refunded"):
            if there[currency][what] != here[currency][what]:
                yield f"{currency} {what}: {there[currency][what]} at Stripe, {here[currency][what]} here"


def _charges(ledger: Ledger, books: Books) -> Iterator[str]:
    """Each successful charge has exactly one paid order, and no order two charges."""
    by_reference = {order.reference: order for order in books.orders}
    for reference, charges in _by_order(ledger).items():
        order = by_reference.get(reference)
        ids = ", ".join(charge.id for charge in charges)
        if order is None:
            yield f"charge {ids} names order {reference or '(none)'}, which is not here"
        elif len(charges) > 1:
            yield f"order {reference} was charged {len(charges)} times: {ids}"
        elif not order.is_paid:
            yield f"order {reference} is {order.payment_status}, but charge {ids} succeeded"


def _orders(ledger: Ledger, books: Books) -> Iterator[str]:
    charges = _by_order(ledger)
    for order in books.orders:
        if order.review:
            yield f"order {order.reference} waits for a review: {order.review}"
        if not order.is_paid:
            if order.received:
                yield f"order {order.reference} received {order.received} but is {order.payment_status}"
            continue
        yield from _paid_order(order, charges.get(order.reference, []))


def _paid_order(order: OrderHere, charges: list[Charge]) -> Iterator[str]:
    name = f"order {order.reference}"
    if not charges:
        yield f"{name} is {order.payment_status}, but Stripe has no charge for it"
    elif (charges[0].intent, charges[0].captured) != (order.intent, order.received):
        yield f"{name} says {order.received} by {order.intent}, Stripe {charges[0].captured} by {charges[0].intent}"
    if order.received != order.total:
        yield f"{name} costs {order.total} and received {order.received}"
    if order.status != "placed" and order.refunded != order.received:
        yield f"{name} is {order.status}, and {order.received - order.refunded} of its money was kept"
    expected = "paid" if not order.refunded else "partially_refunded"
    expected = "refunded" if order.refunded >= order.received else expected
    if order.payment_status != expected:
        yield f"{name} is {order.payment_status} with {order.refunded} of {order.received} refunded"
    if order.mails != 1:
        yield f"{name} is paid and {order.mails} confirmations were sent"


def _refunds(ledger: Ledger, books: Books) -> Iterator[str]:
    """Each refund there is one row here, with the same amount, and the other way round."""
    here = {refund.stripe_id: refund for refund in books.refunds}
    there = {refund.id: refund for refund in ledger.refunds}
    for id in sorted({*here, *there}):
        ours, theirs = here.get(id), there.get(id)
        if ours is None:
            yield f"refund {id} is not here"
        elif theirs is None:
            yield f"a refund of {ours.amount} for order {ours.order} ({id or ours.status}) is not at Stripe"
        elif (ours.amount, ours.currency) != (theirs.amount, theirs.currency):
            yield f"refund {id}: {ours.amount} {ours.currency} here, {theirs.amount} {theirs.currency} at Stripe"
    if len(here) != len(books.refunds):
        yield "two refunds here bear the same id of Stripe's"


def _intents(ledger: Ledger, books: Books) -> Iterator[str]:
    """An order that ended cannot be paid any more, and no order has two intents that could both be paid."""
    ended = {order.reference for order in books.orders if order.status in {"cancelled", "expired"}}
    alive = Counter(intent.order for intent in ledger.intents if intent.status != "canceled")
    for intent in ledger.intents:
        if intent.status in PAYABLE and intent.order in ended:
            yield f"order {intent.order} has ended, but {intent.id} can still be paid ({intent.status})"
    for reference, count in alive.items():
        if count > 1:
            yield f"order {reference or '(none)'} has {count} intents that are not cancelled"


def _by_order(ledger: Ledger) -> dict[str, list[Charge]]:
    found: dict[str, list[Charge]] = defaultdict(list)
    for charge in ledger.charges:
        found[charge.order].append(charge)
    return found
