"""Our own rows beside each other: orders and payments, refunds, refills, and work that should be done."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Case, Count, F, IntegerField, Q, Sum, Value, When
from django.db.models.functions import Coalesce

from orders import attempts, checkout
from orders.books.findings import GRACE, PATIENCE, Finding, Kind, Scope
from orders.models import Order, Payment, PaymentAttempt, StripeRefund, Subscription, WebhookEvent
from shop.mail.models import OutboxMessage

PAID = (
    Order.PaymentStatus.PAID,
    Order.PaymentStatus.PARTIALLY_REFUNDED,
    Order.PaymentStatus.REFUNDED,
)
MAIL_FAILED_WITHIN = timedelta(days=3)


def records(scope: Scope, count: Counter[str]) -> Iterator[Finding]:
    """Yield every pair of rows that contradicts itself, and everything that waits too long."""
    count["orders"] = Order.objects.count()
    for check in (_orders, _payments, _refunds, _ended, _cycles, _mails, _attempts, _events):
        yield from check(scope)


def _orders(scope: Scope) -> Iterator[Finding]:
    """A paid order has one settled payment of its total."""
    odd = Q(payment__isnull=True) | Q(payment__succeeded_at__isnull=True)
    for order in Order.objects.filter(odd, payment_status__in=PAID):
        words = f"The order is {order.payment_status}, and no payment of it is settled."
        yield Finding(
            Kind.ORDER_PAID_WITHOUT_PAYMENT, order.reference, words, order.pk, order.currency, order.total, 0
        )


def _payments(scope: Scope) -> Iterator[Finding]:
    rows = Payment.objects.select_related("order")
    for payment in rows.filter(succeeded_at__isnull=False).exclude(order__payment_status__in=PAID):
        words = f"Money was received, and the order is {payment.order.payment_status}."
        yield _of(Kind.PAYMENT_WITHOUT_PAID_ORDER, payment, words, 0, payment.amount_received)
    ended = Q(order__status__in=[Order.Status.EXPIRED, Order.Status.CANCELLED, Order.Status.PENDING])
    kept = Q(succeeded_at__isnull=False) & ~Q(amount_refunded=F("amount_received"))
    for payment in rows.filter(ended, kept, order__payment_status__in=PAID):
        if payment.refunds.filter(status=StripeRefund.Status.REQUESTED).exists():
            continue
        kept_amount = payment.amount_received - payment.amount_refunded
        words = f"Money was kept of an order that is {payment.order.status}."
        yield _of(Kind.PAYMENT_WITHOUT_PAID_ORDER, payment, words, 0, kept_amount)
    other = ~Q(amount=F("order__total")) | ~Q(currency=F("order__currency"))
    for payment in rows.filter(other):
        words = "The payment asks for another amount or currency than the order's total."
        yield _of(Kind.ORDER_AND_PAYMENT_AMOUNT, payment, words, payment.order.total, payment.amount)


def _refunds(scope: Scope) -> Iterator[Finding]:
    """What a payment says went back is what its refunds say, and the order shows it."""
    counted = Q(refunds__status__in=[StripeRefund.Status.PENDING, StripeRefund.Status.SUCCEEDED])
    by_rows = Coalesce(Sum("refunds__amount", filter=counted), 0)
    rows = Payment.objects.select_related("order").annotate(by_rows=by_rows)
    for payment in rows.exclude(amount_refunded=F("by_rows")):
        words = "What the payment says went back is not the sum of its refunds here."
        yield _of(Kind.REFUNDED_SUM, payment, words, payment.amount_refunded, payment.by_rows)
    none, part, full = (Value(n, output_field=IntegerField()) for n in (0, 1, 2))
    by_money = Case(
        When(amount_refunded=0, then=none),
        When(amount_refunded__gte=F("amount_received"), then=full),
        default=part,
    )
    by_order = Case(
        When(order__payment_status=Order.PaymentStatus.PARTIALLY_REFUNDED, then=part),
        When(order__payment_status=Order.PaymentStatus.REFUNDED, then=full),
        default=none,
    )
    shown = rows.filter(succeeded_at__isnull=False).annotate(money=by_money, shown=by_order)
    for payment in shown.exclude(money=F("shown")):
        words = f"The order is shown as {payment.order.payment_status}, which its refunds do not bear out."
        yield _of(Kind.ORDER_REFUND_STATUS, payment, words, payment.amount_refunded, payment.amount_received)


def _of(kind: Kind, payment: Payment, words: str, here: int, there: int) -> Finding:
    order = payment.order
    return Finding(kind, order.reference, words, order.pk, payment.currency, here, there)


def _ended(scope: Scope) -> Iterator[Finding]:
    """An order that nobody paid is ended by a sweep, not long after its time."""
    late = scope.at - checkout.PAYABLE_AFTER_HOLD - PATIENCE
    waiting = Order.objects.filter(
        status=Order.Status.PENDING,
        payment_status=Order.PaymentStatus.UNPAID,
        origin=Order.Origin.CHECKOUT,
        hold_expires_at__lte=late,
    )
    for order in waiting:
        words = f"Not paid since {order.placed_at:%d %b %H:%M} UTC, and not expired."
        yield Finding(Kind.ORDER_NOT_ENDED, order.reference, words, order.pk)


def _cycles(scope: Scope) -> Iterator[Finding]:
    """Every subscription that is not cancelled has exactly one open cycle."""
    rows = Subscription.objects.exclude(status=Subscription.Status.CANCELLED)
    counted = rows.annotate(open_cycles=Count("cycles", filter=Q(cycles__status="open")))
    for subscription in counted.exclude(open_cycles=1).select_related("started_by"):
        words = f"An {subscription.status} subscription has {subscription.open_cycles} open cycles, not one."
        order_id = subscription.started_by.order_id
        here = subscription.open_cycles
        yield Finding(Kind.CYCLES, subscription.reference, words, order_id, "", here, 1)


def _mails(scope: Scope) -> Iterator[Finding]:
    pending = OutboxMessage.objects.filter(status="pending", created_at__lte=scope.at - PATIENCE)
    for mail in pending.defer("text", "html"):
        words = f"The mail “{mail.subject}” waits since {mail.created_at:%d %b %H:%M} UTC."
        yield Finding(Kind.MAIL_WAITS, f"mail {mail.pk}", words)
    failed = OutboxMessage.objects.filter(status="failed")
    if scope.since is not None:
        failed = failed.filter(created_at__gte=scope.at - MAIL_FAILED_WITHIN)
    for mail in failed.defer("text", "html"):
        words = f"The mail “{mail.subject}” was given up after {mail.attempts} tries."
        yield Finding(Kind.MAIL_FAILED, f"mail {mail.pk}", words)


def _attempts(scope: Scope) -> Iterator[Finding]:
    rows = PaymentAttempt.objects.select_related("payment__order").filter(
        outcome__in=attempts.UNRESOLVED, started_at__lte=scope.at - PATIENCE
    )
    for attempt in rows:
        payment = attempt.payment
        words = f"Call {attempt.number} to Stripe ({attempt.kind}) has had no definite answer for long."
        subject = attempt.idempotency_key
        amount = payment.amount
        yield Finding(Kind.ATTEMPT_UNRESOLVED, subject, words, payment.order_id, payment.currency, amount)


def _events(scope: Scope) -> Iterator[Finding]:
    waiting = WebhookEvent.objects.filter(processed_at__isnull=True, received_at__lte=scope.at - GRACE)
    for event in waiting:
        error = f": {event.last_error}" if event.last_error else ""
        words = f"{event.type} was tried {event.attempts} times and is not worked off{error}"
        yield Finding(Kind.EVENT_UNPROCESSED, event.event_id, words)
