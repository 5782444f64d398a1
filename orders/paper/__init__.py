"""Sheets of paper: invoices, credit notes and packing slips as PDF, set from records and nothing else."""

from orders.paper.invoice_sheet import invoice_pdf
from orders.paper.packing_slip import (
    SLIPS_AT_ONCE,
    TooManySlips,
    packing_slip_pdf,
    parcel_slip_pdf,
    parcel_slips_pdf,
)

__all__ = [
    "SLIPS_AT_ONCE",
    "TooManySlips",
    "invoice_pdf",
    "packing_slip_pdf",
    "parcel_slip_pdf",
    "parcel_slips_pdf",
]
