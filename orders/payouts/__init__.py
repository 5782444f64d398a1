"""Payouts: what reached the bank, which orders it came from, and the file that a bookkeeper imports."""

from orders.payouts.export import COLUMNS, rows
from orders.payouts.sync import PayoutDifference, differences, sync, sync_one

__all__ = ["COLUMNS", "PayoutDifference", "differences", "rows", "sync", "sync_one"]
