"""The offset that drills and demos add to real time."""

from django.db import models


class ClockOffset(models.Model):
    """One row: how far the shop's clock is ahead of real time."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    offset = models.DurationField()
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "clock_offset"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="clock_offset_is_one_row")]

    def __str__(self) -> str:
        return f"real time + {self.offset}"
