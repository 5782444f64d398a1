"""Whether refills are charged at all, after too many charges went wrong."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from shop.transitions import Table


class RefillBreaker(models.Model):
    """One row, kept where every worker sees it and no restart forgets it."""

    class State(models.TextChoices):
        CLOSED = "closed", "closed: refills are charged"
        OPEN = "open", "open: nothing is claimed"
        PROBING = "probing", "probing: one refill is tried"

    class Cause(models.TextChoices):
        NONE = ""
        ERRORS = "errors"
        DECLINES = "declines"

    STATE_STEPS: ClassVar[Table] = {
        State.CLOSED: {State.OPEN},
        State.OPEN: {State.PROBING, State.CLOSED},
        State.PROBING: {State.OPEN, State.CLOSED, State.PROBING},
    }

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    state = models.CharField(max_length=8, choices=State.choices, default=State.CLOSED)
    cause = models.CharField(max_length=8, choices=Cause.choices, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    # When it opened out of calm, and since when it has rested or probed.
    tripped_at = models.DateTimeField(null=True, blank=True)
    since = models.DateTimeField(null=True, blank=True)
    # What happened before does not count any more: it closed then.
    counted_from = models.DateTimeField(null=True, blank=True)
    reset_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        db_table = "orders_refill_breaker"
        verbose_name = "refill breaker"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="orders_refill_breaker_is_one_row")]

    def __str__(self) -> str:
        return f"refills: {self.get_state_display()}"
