"""What staff are told of the books."""

from copy import copy

from django.db.models import Prefetch, prefetch_related_objects

from orders.models import ReconciliationDifference, ReconciliationRun
from shop.admin import counted
from shop.mail.outbox import Letter

SHOWN = 20
WORST_FIRST = (
    ReconciliationDifference.Severity.CRITICAL,
    ReconciliationDifference.Severity.WARNING,
    ReconciliationDifference.Severity.NOTICE,
)


def staff_books(run: ReconciliationRun, *, to: str) -> Letter:
    """A comparison found differences: the worst of them, and where the rest is."""
    read = copy(run)
    prefetch_related_objects(
        [read], Prefetch("differences", ReconciliationDifference.objects.select_related("order"))
    )
    rows = list(read.differences.all())
    rows.sort(key=lambda row: (WORST_FIRST.index(ReconciliationDifference.Severity(row.severity)), row.pk))
    critical = sum(row.severity == ReconciliationDifference.Severity.CRITICAL for row in rows)
    return Letter(
        kind="staff_books",
        subject_key=f"reconciliation:{run.pk}",
        occasion=to[:80],
        subject=f"The books differ: {counted(len(rows), 'difference')}, {critical} critical",
        template="orders/mail/staff_books",
        context={"run": run, "rows": rows[:SHOWN], "more": max(0, len(rows) - SHOWN), "count": len(rows)},
    )
