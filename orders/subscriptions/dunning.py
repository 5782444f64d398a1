"""After a refused charge: retry when it may help, wait for the customer when it cannot, pause in the end.

Declines are counted from the payment's attempts, so that a webhook, an answer and a reconciler that all tell
of the same decline count it once. Source: https://docs.stripe.com/declines/codes
"""

import logging
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q

from orders import attempts, payments
from orders.emails import refills as letters
from orders.models import BillingCycle, Order, PaymentAttempt, Refill, Subscription
from orders.subscriptions import cycles, membership, parcels, sweeps
from shop.mail import outbox
from shop.transitions import advance

logger = logging.getLogger(__name__)

Status = Refill.Status
# Days after the first decline; after the last of them the subscriptions pause.
RETRY_DAYS = (1, 3, 6, 10, 14)
# A refill that waits for its owner (another card, an authentication) waits no longer than the retries do.
WAITS_FOR_OWNER = timedelta(days=15)
AUTHENTICATION = "authentication_required"
# No retry can succeed on the same card.
HARD_DECLINES = frozenset(
    {
        "expired_card",
        "incorrect_number",
        "invalid_account",
        "invalid_expiry_month",
        "invalid_expiry_year",
        "invalid_number",
        "lost_card",
        "new_account_information_available",
        "payment_method_unexpected_state",
        "payment_method_unactivated",
        "pickup_card",
        "resource_missing",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "stop_payment_order",
    }
)
_ENDED = (Order.Status.CANCELLED, Order.Status.EXPIRED)
# An attempt whose key ran out unanswered was never refused, one for a customer who was deleted at Stripe is
# made again for a new one (see payments), and one that finds the intent paid or cancelled says nothing of the
# card.
_NO_REFUSALS = (attempts.NEVER_ARRIVED, payments.CUSTOMER_GONE, "payment_intent_unexpected_state")
_COUNTED = (
    PaymentAttempt.Kind.CREATE_CUSTOMER,
    PaymentAttempt.Kind.CREATE_INTENT,
    PaymentAttempt.Kind.CONFIRM,
)


def apply_declined(refill: Refill, *, code: str, decline_code: str, at: datetime) -> None:
    """Deal with a decline that settlement observed on a locked refill, unless it is dealt with already."""
    logger.info("refill %s was declined: %s %s", refill, code, decline_code)
    count_refusals(refill, at=at)


def count_refusals(refill: Refill, *, at: datetime) -> bool:
    """Deal with refused attempts of a locked refill that were not counted yet; return whether there were any.

    A decline of another kind (the owner tries a card on the pay page) is no attempt of ours and not counted.
    """
    if refill.order is None or refill.status not in {Status.CLAIMED, Status.CHARGING}:
        return False
    refused = refill.order.payment.attempts.filter(
        outcome=PaymentAttempt.Outcome.REFUSED, kind__in=_COUNTED
    ).exclude(error_code__in=_NO_REFUSALS)
    if refused.count() <= refill.failed_attempts:
        return False
    last = refused.order_by("-number")[0]
    refill.failed_attempts = refused.count()
    refill.first_declined_at = refill.first_declined_at or at
    refill.save(update_fields=["failed_attempts", "first_declined_at"])
    _decide(refill, {last.error_code, last.decline_code}, at=at)
    return True


def stop(refill: Refill, *, reason: str, at: datetime) -> None:
    """Give a locked refill up: it has failed, its subscriptions pause, their owner is told."""
    advance(refill, field="status", table=Refill.STATUS_STEPS, target=Status.FAILED, next_attempt_at=None)
    membership.free_extras(refill)
    still_open = refill.cycles.filter(
        status=BillingCycle.Status.OPEN, subscription__status=Subscription.Status.ACTIVE
    )
    parcels.pause(still_open.select_related("subscription"), reason, at=at)
    outbox.enqueue(letters.refill_stopped(refill), to=refill.customer.email, at=at)


def stop_overdue(*, at: datetime, limit: int = 100) -> int:
    """Give up refills that have waited for their owner as long as retries would have; return how many.

    A refill whose order was cancelled meanwhile waits for nobody any more: it is left out.
    """
    waiting = Refill.objects.filter(
        Q(first_declined_at__lte=at - WAITS_FOR_OWNER) | Q(order__status__in=_ENDED),
        status__in=[Status.DUNNING, Status.ACTION_REQUIRED],
        next_attempt_at__isnull=True,
    )
    ids = list(waiting.order_by("first_declined_at").values_list("pk", flat=True)[:limit])
    return sweeps.each(ids, partial(_stop_overdue, at=at))


def card_changed(refill: Refill, *, at: datetime) -> None:
    """A locked refill that waited for its owner has another card: try at once, with the same intent."""
    if refill.status == Status.ACTION_REQUIRED:
        advance(refill, field="status", table=Refill.STATUS_STEPS, target=Status.DUNNING, next_attempt_at=at)
    elif refill.status == Status.DUNNING:
        refill.next_attempt_at = at
        refill.save(update_fields=["next_attempt_at"])


def _decide(refill: Refill, codes: set[str], *, at: datetime) -> None:
    retry_at = _next_retry(refill, at=at)
    if AUTHENTICATION in codes:
        _move(refill, Status.ACTION_REQUIRED, None)
        outbox.enqueue(letters.action_required(refill), to=refill.customer.email, at=at)
    elif codes & HARD_DECLINES:
        _move(refill, Status.DUNNING, None)
        outbox.enqueue(letters.refill_declined(refill, retry_at=None), to=refill.customer.email, at=at)
    elif retry_at is not None:
        _move(refill, Status.DUNNING, retry_at)
        outbox.enqueue(letters.refill_declined(refill, retry_at=retry_at), to=refill.customer.email, at=at)
    else:
        stop(refill, reason="The card was declined again and again.", at=at)


def _next_retry(refill: Refill, *, at: datetime) -> datetime | None:
    """Return when the next retry is due, counted from the first decline; None after the last.

    After an outage the ladder does not catch up: a day lies between two tries.
    """
    if refill.first_declined_at is None or refill.failed_attempts > len(RETRY_DAYS):
        return None
    planned = refill.first_declined_at + timedelta(days=RETRY_DAYS[refill.failed_attempts - 1])
    return max(planned, at + timedelta(days=1))


def _move(refill: Refill, target: str, next_attempt_at: datetime | None) -> None:
    advance(
        refill,
        field="status",
        table=Refill.STATUS_STEPS,
        target=target,
        next_attempt_at=next_attempt_at,
    )


@transaction.atomic(durable=True)
def _stop_overdue(refill_id: int, *, at: datetime) -> int:
    refill = cycles.lock_refill(refill_id)
    waits = refill.status in {Status.DUNNING, Status.ACTION_REQUIRED} and refill.next_attempt_at is None
    if not waits:
        return 0
    if refill.order is not None and refill.order.status in _ENDED:
        membership.skip_whole(refill, at=at)
        return 1
    stop(refill, reason="The payment could not be completed.", at=at)
    return 1
