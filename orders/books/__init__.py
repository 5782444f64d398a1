"""The books: Stripe, payments, orders and stock compared. Every difference is listed, nothing is mended."""

from orders.books import findings
from orders.books.findings import Finding, Kind
from orders.books.run import STEPS, Busy, audit, nightly, open_run

__all__ = ["STEPS", "Busy", "Finding", "Kind", "audit", "findings", "nightly", "open_run"]
