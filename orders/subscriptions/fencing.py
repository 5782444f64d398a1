"""Who may charge a refill now: the holder of its latest claim.

Each claim of a refill has a number, and whoever takes up what seems left behind counts it up. A worker asks
once more whether its claim still holds in the transaction that writes an attempt: one that was stopped and
wakes hours later finds that it does not, and asks nobody for money.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet

from orders import attempts
from orders.models import Payment, Refill

# Longer than a worker may run (CELERY_TASK_TIME_LIMIT): then a claim is anybody's, whatever its worker does.
CLAIM_HOLDS_FOR = timedelta(minutes=6)
# After an answer that did not come, doubled each time: a silent Stripe is asked less and less often.
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=6)


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to charge one refill."""

    refill_id: int
    number: int
    unanswered: int

    def holds(self) -> bool:
        """Return whether nobody has claimed the refill since, and it still is to be charged."""
        return self._mine().exists()

    def rest(self, *, at: datetime) -> None:
        """Give the claim up for a while: Stripe's answer is not known. The next sweep after it goes on."""
        wait = min(FIRST_WAIT * 2 ** min(self.unanswered, 10), LONGEST_WAIT)
        self._mine().update(unanswered=F("unanswered") + 1, next_attempt_at=at + wait)

    def _mine(self) -> QuerySet[Refill]:
        charging = Refill.Status.CHARGING
        return Refill.objects.filter(pk=self.refill_id, status=charging, claims=self.number)


def claim_of(refill: Refill) -> Claim:
    """Return the claim under which a refill is charged now."""
    return Claim(refill.pk, refill.claims, refill.unanswered)


def in_flight(refill: Refill, *, at: datetime) -> bool:
    """Return whether a charge of a locked refill is on its way: at a worker, unanswered, or at a bank."""
    if refill.status not in {Refill.Status.CLAIMED, Refill.Status.CHARGING}:
        return False
    fresh = refill.claimed_at is not None and refill.claimed_at > at - CLAIM_HOLDS_FOR
    if fresh and refill.status == Refill.Status.CHARGING:
        return True
    payment = Payment.objects.filter(order=refill.order)
    on_its_way = Q(attempts__outcome__in=attempts.UNRESOLVED) | Q(intent_status="processing")
    return payment.filter(on_its_way).exists()
