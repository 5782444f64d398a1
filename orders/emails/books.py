"""What staff are told of the books."""

from orders.models import ReconciliationDifference, ReconciliationRun
from shop.mail.outbox import Letter

SHOWN = 20
WORST_FIRST = (
    ReconciliationDifference.Severity.CRITICAL,
    ReconciliationDifference.Severity.WARNING,
    ReconciliationDifference.Severity.NOTICE,
)


def staff_books(run: ReconciliationRun, *, to: str) -> Letter:
    """A comparison found differences: the worst of them, and where the rest is."""
    rows = list(run.differences.select_related("order"))
    rows.sort(key=lambda row: (WORST_FIRST.index(ReconciliationDifference.Severity(row.severity)), row.pk))
    critical = sum(row.severity == ReconciliationDifference.Severity.CRITICAL for row in rows)
    return Letter(
        kind="staff_books",
        subject_key=f"reconciliation:{run.pk}",
        occasion=to[:80],
        subject=f"The books differ: {len(rows)} differences, {critical} critical",
        template="orders/mail/staff_books",
        context={"run": run, "rows": rows[:SHOWN], "more": max(0, len(rows) - SHOWN), "count": len(rows)},
    )
