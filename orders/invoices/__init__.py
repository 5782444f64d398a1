"""Issuing invoices and credit notes, in the transaction of the fact that they document.

Verbs lock the number series last of all rows (see the locking order in the README): between taking a number
and the commit nothing else is waited for, and a rollback gives the number back.
"""

from orders.invoices.issuing import (
    NoSeller,
    cancel_credit_note,
    issue_credit_note,
    issue_invoice,
    issue_missing,
    missing_ids,
)

__all__ = [
    "NoSeller",
    "cancel_credit_note",
    "issue_credit_note",
    "issue_invoice",
    "issue_missing",
    "missing_ids",
]
