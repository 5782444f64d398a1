"""What to do next, in words: for the staff's mails and for the pages of the admin alike."""

from orders.models import Dispute, FraudWarning, Order, Payment, PaymentAttempt

_Status = Dispute.Status
_DISPUTE = {
    _Status.NEEDS_RESPONSE: (
        "Answer in Stripe's dashboard before the deadline: order, tracking and what was agreed. Without an "
        "answer the money is lost. Do not refund: the bank has the money already."
    ),
    _Status.WARNING_NEEDS_RESPONSE: (
        "The bank only asks, and no money is taken yet. Answer in Stripe's dashboard before the deadline, or "
        "refund the order, which ends the matter."
    ),
    _Status.UNDER_REVIEW: "Nothing to do: the bank has our answer and decides within about three months.",
    _Status.WARNING_UNDER_REVIEW: "Nothing to do: the bank has our answer.",
    _Status.WARNING_CLOSED: "Nothing to do: the bank asked and left it at that.",
    _Status.WON: "The money is back. Resume the customer's refills if they are welcome, and ship what waits.",
    _Status.LOST: "The money is gone for good. Cancel what has not shipped, and leave the refills paused.",
    _Status.PREVENTED: "Nothing to do: it was settled before it became a dispute.",
}
_OUTCOME = {
    PaymentAttempt.Outcome.STARTED: "On its way. If it stays like this for minutes, ask Stripe again.",
    PaymentAttempt.Outcome.UNKNOWN: (
        "Stripe did not answer: it may have happened. The shop asks until it knows, and tries nothing else."
    ),
    PaymentAttempt.Outcome.OK: "Done.",
}
_REFUSED = {
    "authentication_required": "The bank wants its customer to confirm: they have a link by mail.",
    "insufficient_funds": "The account was short. A refill is tried again by itself.",
    "resource_missing": "Stripe has no such card or customer any more: the customer adds another card.",
    "payment_method_unexpected_state": "The card was removed at Stripe: the customer adds another card.",
    "customer_gone": "The customer was deleted at Stripe: a new one is opened by itself.",
    "fraudulent": "Stripe suspects fraud. Do not ask for another try; look at the order first.",
    "never_arrived": "It never reached Stripe. It is made again by itself.",
}


def for_dispute(dispute: Dispute) -> str:
    """Return what staff do next about a dispute."""
    return (
        _DISPUTE.get(_Status(dispute.status), "")
        if dispute.status in _Status.values
        else ("Stripe uses a word that this shop does not know. Look at the dispute in Stripe's dashboard.")
    )


def for_warning(warning: FraudWarning) -> str:
    """Return what staff do next about an early fraud warning."""
    if not warning.is_actionable:
        return (
            "Too late to prevent a dispute by a refund, or it was refunded. Do not ship what is still here."
        )
    return (
        "Do not ship. If it looks like fraud, refund the order now: that saves the fee of a dispute. "
        "If you know the customer, finish the review."
    )


def for_attempt(attempt: PaymentAttempt) -> str:
    """Return in words what an attempt's outcome means for staff."""
    if attempt.outcome != PaymentAttempt.Outcome.REFUSED:
        return _OUTCOME[PaymentAttempt.Outcome(attempt.outcome)]
    for code in (attempt.decline_code, attempt.error_code):
        if code in _REFUSED:
            return _REFUSED[code]
    return "Refused. The customer pays with another card, or their bank tells them why."


def for_payment(payment: Payment) -> str:
    """Return what staff do next about a payment as it stands, the most urgent thing first."""
    open_disputes = [row for row in payment.disputes.all() if row.is_open]
    if open_disputes:
        return for_dispute(
            min(open_disputes, key=lambda row: (row.evidence_due_at is None, row.evidence_due_at))
        )
    if payment.amount_lost:
        return _DISPUTE[_Status.LOST]
    if payment.order.review_reason:
        return f"Look at the order and finish its review: {payment.order.review_reason}."
    if payment.succeeded_at is not None:
        return "Nothing: the money is here."
    last = payment.attempts.order_by("-number").first()
    if last is not None and last.outcome != PaymentAttempt.Outcome.OK:
        return for_attempt(last)
    if payment.order.status != Order.Status.PENDING:
        return "Nothing: the order ended without money."
    declined = (
        f" The last card was declined ({payment.last_decline_code})." if payment.last_decline_code else ""
    )
    return f"Wait for the customer to pay.{declined}"
