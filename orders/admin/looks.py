"""How statuses and addresses look, on every page alike."""

from collections.abc import Mapping

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from orders import addresses
from orders.models import Order, StripeRefund
from orders.models.cart import interval_in_words
from shop.money import format_money

STATUS = {"pending": "info", "placed": "success", "cancelled": "danger", "expired": "warning"}
PAYMENT = {
    "unpaid": "info",
    "processing": "info",
    "paid": "success",
    "partially_refunded": "warning",
    "refunded": "warning",
}
FULFILMENT = {"unfulfilled": "info", "partially": "warning", "fulfilled": "success", "returned": "danger"}
PARCEL = {
    "packed": "info",
    "unpacked": "warning",
    "dispatched": "success",
    "delivered": "success",
    "lost": "danger",
    "returned": "danger",
}
REFUND = {
    "requested": "info",
    "pending": "info",
    "succeeded": "success",
    "failed": "danger",
    "canceled": "warning",
}
DISPUTE = {
    "needs_response": "danger",
    "warning_needs_response": "danger",
    "under_review": "warning",
    "warning_under_review": "warning",
    "warning_closed": "success",
    "won": "success",
    "prevented": "success",
    "lost": "danger",
}
SUBSCRIPTION = {"active": "success", "paused": "warning", "cancelled": "danger"}
OUTCOME = {"started": "info", "unknown": "warning", "ok": "success", "refused": "danger"}


def words(value: str) -> str:
    """Return a stored choice as words: partially_refunded is "partially refunded"."""
    return value.replace("_", " ")


def flags(order: Order) -> list[tuple[str, str]]:
    """Return what staff must notice about an order, as (text, kind) for badges."""
    shown = []
    if order.review_reason:
        shown.append(("review", "danger"))
    if order.is_disputed:
        shown.append(("disputed", "danger"))
    if order.is_test:
        shown.append(("test", "warning"))
    if order.origin == Order.Origin.REFILL:
        shown.append(("refill", "info"))
    return shown


def address(value: Mapping[str, str]) -> SafeString | str:
    """Return a postal address line by line."""
    found = addresses.lines(value)
    if value.get("phone"):
        found.append(value["phone"])
    return format_html_join("", "{}<br>", ((line,) for line in found)) if found else "–"


def interval(count: int | None, unit: str | None) -> str:
    """Return a refill's interval in words: every 4 weeks."""
    return interval_in_words(count, unit) or "once"


def units(quantity: int, what: str) -> str:
    """Return units of something, never broken between number and name: 2 × FLK-ORI-1000."""
    return f"{quantity}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{what}"


def refund_amount(refund: StripeRefund | None) -> str:
    """Return what a refund pays back and how it stands: £12.50, succeeded."""
    return f"{format_money(refund.amount, refund.currency)}, {refund.status}" if refund is not None else "–"


def weight(grams: int) -> str:
    """Return a weight as it is read on the scales: 1.2 kg."""
    return f"{grams / 1000:.2f}\N{NO-BREAK SPACE}kg"
