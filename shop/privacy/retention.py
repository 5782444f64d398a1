"""How long data is kept: one sweep for each kind, each with its setting."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import JSONField, Q, Value

from orders.models import CardSetup, Cart, Consent, Invoice, Order, RecallNotice, WebhookEvent, Withdrawal
from shop.mail.models import OutboxMessage
from shop.privacy import erasure

AT_ONCE = 1000


def sweep(*, at: datetime) -> dict[str, int]:
    """Let go of what is over; return how many rows of each kind. Safe to repeat."""
    return {name: forget(at) for name, forget in SWEEPS.items()}


def _before(at: datetime, name: str) -> datetime:
    kept: timedelta = settings.RETENTION[name]
    return at - kept


def _carts(at: datetime) -> int:
    old = Cart.objects.filter(order__isnull=True, updated_at__lt=_before(at, "carts"))
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    # Asked again: somebody may have come back, or ordered it.
    Cart.objects.filter(pk__in=ids, order__isnull=True, updated_at__lt=_before(at, "carts")).delete()
    return len(ids)


def _sessions(at: datetime) -> int:
    count, _ = Session.objects.filter(expire_date__lt=at).delete()
    UserSession.objects.filter(last_seen_at__lt=_before(at, "session_records")).delete()
    return count


def _webhooks(at: datetime) -> int:
    old = WebhookEvent.objects.filter(processed_at__lt=_before(at, "webhook_payloads")).exclude(payload={})
    return old.update(payload={})


def _mails(at: datetime) -> int:
    """The words go, and to whom; that a mail of this kind was sent, and when, stays."""
    over = Q(created_at__lt=_before(at, "mails"))
    # The last mail to somebody who is forgotten: until it has had time to arrive.
    over |= Q(kind__startswith="erasure_", created_at__lt=_before(at, "erasure_mails"))
    old = OutboxMessage.objects.filter(over).exclude(text="", html="", template="")
    finished = old.exclude(status=OutboxMessage.Status.PENDING)
    return finished.update(
        to=erasure.NOBODY, subject="", text="", html="", template="", context={}, last_error=""
    )


def _addresses_of_visitors(at: datetime) -> int:
    long_ago = _before(at, "ip_addresses")
    count = Consent.objects.filter(given_at__lt=long_ago, ip_address__isnull=False).update(ip_address=None)
    setups = CardSetup.objects.filter(requested_at__lt=long_ago, ip_address__isnull=False)
    return count + setups.update(ip_address=None)


def _orders(at: datetime) -> int:
    """Take the person out of orders and invoices whose time is over, by the law of where they went."""
    years: Mapping[str, int] = settings.RETENTION_YEARS
    named = Q(pk__in=[])
    for country, kept in years.items():
        if country != "*":
            named |= Q(country=country, placed_at__lt=_years_before(at, kept))
    other = Q(placed_at__lt=_years_before(at, years["*"])) & ~Q(country__in=[*years])
    old = Order.objects.filter(named | other).exclude(email=erasure.NOBODY)
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    return _blank(ids)


@transaction.atomic
def _blank(order_ids: list[int]) -> int:
    Withdrawal.objects.filter(order__in=order_ids).update(name="", email=erasure.NOBODY, statement="")
    with connection.cursor() as cursor:
        # The trigger that keeps invoices as they are lets the buyer go under this name, and nothing else.
        cursor.execute("SET LOCAL shop.forgetting = 'on'")
        blank = Value({"billing": [], "shipping": []}, JSONField())
        Invoice.objects.filter(order__in=order_ids).update(buyer=blank)
        cursor.execute("SET LOCAL shop.forgetting = 'off'")
    return erasure.blank_orders(Order.objects.filter(pk__in=order_ids))


def _years_before(at: datetime, years: int) -> datetime:
    """Return the end of the year before the years that are kept: terms begin when a year is over."""
    return datetime(at.year - years, 1, 1, tzinfo=at.tzinfo)


def _statements(at: datetime) -> int:
    """Statements of withdrawal that never found their order, long finished."""
    lost = Withdrawal.objects.filter(order__isnull=True, status=Withdrawal.Status.CLOSED)
    old = lost.filter(received_at__lt=_before(at, "mails")).exclude(email=erasure.NOBODY)
    return old.update(name="", email=erasure.NOBODY, statement="")


def _recalls(at: datetime) -> int:
    """Who was told of a recall: a proof that is kept as long as the longest of the years."""
    long_ago = _years_before(at, settings.RETENTION_YEARS["*"])
    old = RecallNotice.objects.filter(created_at__lt=long_ago).exclude(email__endswith=erasure.DOMAIN)
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    for pk in ids:
        RecallNotice.objects.filter(pk=pk).update(email=erasure.nobody(pk))
    return len(ids)


SWEEPS: Mapping[str, Callable[[datetime], int]] = {
    "carts": _carts,
    "sessions": _sessions,
    "webhook payloads": _webhooks,
    "mails": _mails,
    "addresses of visitors": _addresses_of_visitors,
    "statements without an order": _statements,
    "recalls": _recalls,
    "orders": _orders,
}
