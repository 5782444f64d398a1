"""Limits on trying out cards: on intents asked for, and on declines that were learned.

The counters of visitors are atomic and never fail open (`shop.api.limits`). The declines of one order are
rows of its timeline, and are counted there.

Source: https://docs.stripe.com/disputes/prevention/card-testing
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet

from orders import emails
from orders.models import Cart, Consent, Order, OrderEvent
from shop.api import client_network, limits
from shop.api.limits import Limit
from shop.exceptions import TooManyRequests
from shop.mail import outbox

logger = logging.getLogger(__name__)

# An order with so many times the declines that we allow is ended.
PAST_REFUSAL = 2


class TooManyDeclines(TooManyRequests):
    code = "too_many_declines"
    title = "Too many cards were declined"


@contextmanager
def at_checkout(cart_token: str, *, ip: str | None) -> Iterator[None]:
    """Count a checkout against its visitor, its cart and its e-mail address; a refused one is given back.

    Network: no transaction. :raises TooManyRequests: with `retry_after`.
    """
    _refuse_visitor_with_declines(ip)
    email = Cart.objects.filter(token=cart_token).values_list("email", flat=True).first() or ""
    counted = [
        Limit("checkout_per_ip", client_network(ip)),
        Limit("checkout_per_cart", cart_token),
        Limit("checkout_per_email", email.strip().lower()),
    ]
    with limits.spending(*(counted if email else counted[:2])):
        yield


@contextmanager
def at_payment(order: Order, *, ip: str | None, at: datetime) -> Iterator[None]:
    """Count a request to pay an order against its visitor and the order.

    Network: no transaction.
    :raises TooManyDeclines: if cards were declined for it too often.
    :raises TooManyRequests: with `retry_after` in seconds.
    """
    _refuse_order_with_declines(order, at=at)
    _refuse_visitor_with_declines(ip)
    counted = [
        Limit("payment_per_ip", client_network(ip)),
        Limit("payment_per_order", order.reference),
    ]
    with limits.spending(*counted):
        yield


def note_decline(order: Order, *, at: datetime) -> None:
    """Count a decline that settlement has written on the order's timeline; tell staff once when it is enough.

    In settlement's transaction; the visitor's counter follows after its commit.
    """
    if _declines(order, at=at).count() >= _ceiling():
        for address in settings.STAFF_ALERT_EMAILS:
            outbox.enqueue(emails.staff_review(order, "many declined cards"), to=address, at=at)
    consent = Consent.objects.filter(order=order, kind=Consent.Kind.TERMS).first()
    if consent is not None and consent.ip_address:
        limit = Limit("declines_per_ip", client_network(consent.ip_address))
        transaction.on_commit(partial(_count_visitor, limit), robust=True)


def probed_order_ids(*, at: datetime) -> list[int]:
    """Return ids of unpaid orders on which cards are tried out past our refusal: a browser that holds the
    intent's secret can go on at Stripe, until the intent is cancelled there.
    """
    waiting = Order.objects.filter(status=Order.Status.PENDING, origin=Order.Origin.CHECKOUT)
    tried = Count("events", filter=Q(events__kind="declined", events__at__gt=at - _window()))
    probed = waiting.annotate(tried=tried).filter(tried__gte=_ceiling() * PAST_REFUSAL)
    return list(probed.order_by("pk").values_list("pk", flat=True)[:100])


def _count_visitor(limit: Limit) -> None:
    try:
        limits.spend(limit)
    except TooManyRequests:
        # Learned, not asked for: the next request of this visitor is refused.
        logger.warning("%s is spent", limit.key)


def _refuse_order_with_declines(order: Order, *, at: datetime) -> None:
    ceiling, window = _ceiling(), _window()
    latest = list(_declines(order, at=at).order_by("-at").values_list("at", flat=True)[:ceiling])
    if len(latest) < ceiling:
        return
    wait = max(1, int((latest[-1] + window - at).total_seconds()) + 1)
    raise TooManyDeclines(
        "Too many cards were declined for this order. Nothing was charged. Try again later, or write to us.",
        retry_after=wait,
        order=order.reference,
    )


def _refuse_visitor_with_declines(ip: str | None) -> None:
    left_s = limits.seconds_left(Limit("declines_per_ip", client_network(ip)))
    if left_s:
        wait = max(1, int(left_s) + 1)
        raise TooManyDeclines("Too many cards were declined. Try again later.", retry_after=wait)


def _declines(order: Order, *, at: datetime) -> QuerySet[OrderEvent]:
    return OrderEvent.objects.filter(order=order, kind="declined", at__gt=at - _window())


def _ceiling() -> int:
    return Limit("declines_per_order", "").ceiling


def _window() -> timedelta:
    return timedelta(seconds=Limit("declines_per_order", "").seconds)
