"""What pages do when Stripe is asked: refunds are sent, and what came of it is said in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from orders import payments, reconciler, stripe_gateway
from orders.models import StripeRefund
from shop.money import format_money


@contextmanager
def stripe_in_words() -> Iterator[None]:
    """Turn what Stripe may answer into refusals that staff can read."""
    try:
        yield
    except stripe_gateway.OutcomeUnknown as error:
        raise payments.PaymentUnavailable(
            "Stripe does not answer. Nothing is lost: the shop asks again by itself."
        ) from error
    except stripe_gateway.Refused as refusal:
        raise payments.PaymentRefused(f"Stripe refused: {refusal.message}") from refusal


def send_refund(refund: StripeRefund, *, at: datetime) -> str:
    """Ask Stripe for a refund, outside of the transaction that wrote it down, and say how it stands."""
    with stripe_in_words():
        reconciler.send_refund(refund.pk, at=at)
    refund.refresh_from_db()
    amount = format_money(refund.amount, refund.currency)
    if refund.status == StripeRefund.Status.FAILED:
        raise payments.PaymentRefused(f"Stripe refused to refund {amount}: {refund.failure_reason}.")
    if refund.status == StripeRefund.Status.SUCCEEDED:
        return f"{amount} went back to the customer."
    return f"The refund of {amount} is on its way; the shop asks until Stripe has answered."
