"""Paid orders beside the stock that is set aside for them, and the stock beside its own ledger."""

from collections import Counter
from collections.abc import Iterator, Sequence

from django.db.models import F, Q, Sum

from catalog import inventory
from catalog.models import StockReservation
from orders.books.findings import GRACE, Finding, Kind, Scope
from orders.models import Order, OrderLineComponent

CHUNK = 500
PREFIX = "order:"
# A paid order keeps its goods until they have left, or its money has gone back.
OWED = (Order.PaymentStatus.PAID, Order.PaymentStatus.PARTIALLY_REFUNDED)
SET_ASIDE = (StockReservation.Status.ALLOCATED, StockReservation.Status.CONSUMED)


def goods(scope: Scope, count: Counter[str]) -> Iterator[Finding]:
    """Yield paid orders without goods, goods kept for nobody, and counts that do not add up."""
    yield from _paid_without(scope, count)
    yield from _for_nobody(scope)
    for row in inventory.differences():
        words = f"{row.sku}: {row.what} is {row.actual} and should be {row.expected}."
        yield Finding(Kind.STOCK_COUNT, f"{row.sku} {row.what}", words, here=row.actual, there=row.expected)


def _paid_without(scope: Scope, count: Counter[str]) -> Iterator[Finding]:
    orders = Order.objects.filter(status=Order.Status.PLACED, payment_status__in=OWED)
    if scope.since is not None:
        orders = orders.filter(Q(paid_at__gte=scope.since) | ~Q(fulfilment_status="fulfilled"))
    chunk: list[Order] = []
    for order in orders.only("reference").order_by("pk").iterator(chunk_size=CHUNK):
        chunk.append(order)
        if len(chunk) == CHUNK:
            yield from _missing(chunk, count)
            chunk = []
    yield from _missing(chunk, count)


def _missing(orders: Sequence[Order], count: Counter[str]) -> Iterator[Finding]:
    count["paid orders beside stock"] += len(orders)
    parts = OrderLineComponent.objects.filter(line__order__in=orders).order_by()
    needed = parts.values_list("line__order", "variant", "sku").annotate(
        units=Sum(F("quantity") - F("cancelled"))
    )
    rows = StockReservation.objects.filter(
        reference__in=[order.stock_reference for order in orders], status__in=SET_ASIDE
    ).order_by()
    kept = {
        (reference, variant_id): units
        for reference, variant_id, units in rows.values_list("reference", "variant").annotate(Sum("quantity"))
    }
    by_pk = {order.pk: order for order in orders}
    for order_pk, variant_id, sku, units in needed:
        order = by_pk[order_pk]
        have = kept.get((order.stock_reference, variant_id), 0)
        if have < units:
            words = f"Order {order.reference} needs {units} × {sku}, and {have} are set aside or gone out."
            yield Finding(
                Kind.PAID_WITHOUT_STOCK, f"{order.reference} {sku}", words, order_pk, "", have, units
            )


def _for_nobody(scope: Scope) -> Iterator[Finding]:
    """Units that are kept from sale for an order that ended, was never paid, or is not there."""
    kept = Q(status=StockReservation.Status.ALLOCATED) | Q(
        status=StockReservation.Status.HELD, expires_at__gt=scope.at
    )
    rows = StockReservation.objects.select_related("variant").filter(
        kept, reference__startswith=PREFIX, created_at__lte=scope.at - GRACE
    )
    chunk: list[StockReservation] = []
    for row in rows.order_by("pk").iterator(chunk_size=CHUNK):
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield from _orphans(chunk)
            chunk = []
    yield from _orphans(chunk)


def _orphans(rows: Sequence[StockReservation]) -> Iterator[Finding]:
    names = {row.reference.removeprefix(PREFIX) for row in rows}
    orders = {order.reference: order for order in Order.objects.filter(reference__in=names)}
    for row in rows:
        order = orders.get(row.reference.removeprefix(PREFIX))
        if order is not None and _may_keep(order, row):
            continue
        stands = f"{order.status} and {order.payment_status}" if order else "not here"
        units = row.quantity - row.consumed
        words = f"{units} × {row.variant.sku} are {row.status} for an order that is {stands}."
        yield Finding(
            Kind.STOCK_FOR_NOBODY,
            f"{row.reference} {row.variant.sku}",
            words,
            order.pk if order else None,
            here=units,
            there=0,
        )


def _may_keep(order: Order, row: StockReservation) -> bool:
    if row.status == StockReservation.Status.HELD:
        return order.status == Order.Status.PENDING
    return order.status == Order.Status.PLACED and order.is_paid
