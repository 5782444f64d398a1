"""What a comparison can find: kinds of differences, how bad each is, and what a person should do."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from orders.models import ReconciliationDifference

Severity = ReconciliationDifference.Severity

# A webhook, a sweep or a worker has this long before what it has not done yet counts as a difference.
GRACE = timedelta(minutes=15)
# Work that is retried with growing pauses has longer.
PATIENCE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run looks at: made since a moment (None: ever), and as of `at`."""

    since: datetime | None
    at: datetime

    def covers(self, moment: datetime | None) -> bool:
        return self.since is None or (moment is not None and moment >= self.since)


class Kind(StrEnum):
    PAID_AT_STRIPE_ONLY = "paid_at_stripe_only"
    PAID_HERE_ONLY = "paid_here_only"
    NOT_AT_STRIPE = "not_at_stripe"
    AMOUNT = "amount"
    CURRENCY = "currency"
    RECEIVED = "received"
    NAMES_ANOTHER_ORDER = "names_another_order"
    MODE = "mode"
    CANCELLED_AT_STRIPE_ONLY = "cancelled_at_stripe_only"
    SECOND_INTENT = "second_intent"
    INTENT_NOT_KNOWN_HERE = "intent_not_known_here"
    UNKNOWN_ORDER = "unknown_order"
    FOREIGN_MONEY = "foreign_money"
    REFUND_AT_STRIPE_ONLY = "refund_at_stripe_only"
    REFUND_NOT_AT_STRIPE = "refund_not_at_stripe"
    REFUND_AMOUNT = "refund_amount"
    REFUND_STATUS = "refund_status"
    REFUNDED_SUM = "refunded_sum"
    REFUND_WAITS = "refund_waits"
    DISPUTE_AT_STRIPE_ONLY = "dispute_at_stripe_only"
    DISPUTE_NOT_AT_STRIPE = "dispute_not_at_stripe"
    DISPUTE = "dispute"
    ORDER_PAID_WITHOUT_PAYMENT = "order_paid_without_payment"
    PAYMENT_WITHOUT_PAID_ORDER = "payment_without_paid_order"
    ORDER_AND_PAYMENT_AMOUNT = "order_and_payment_amount"
    ORDER_REFUND_STATUS = "order_refund_status"
    ORDER_NOT_ENDED = "order_not_ended"
    PAID_WITHOUT_STOCK = "paid_without_stock"
    STOCK_FOR_NOBODY = "stock_for_nobody"
    STOCK_COUNT = "stock_count"
    CYCLES = "cycles"
    MAIL_WAITS = "mail_waits"
    MAIL_FAILED = "mail_failed"
    ATTEMPT_UNRESOLVED = "attempt_unresolved"
    EVENT_UNPROCESSED = "event_unprocessed"
    PAYOUT_FAILED = "payout_failed"
    PAYOUT_SUM = "payout_sum"
    PAYOUT_LINE_WITHOUT_ORDER = "payout_line_without_order"
    MORE = "more"


_ASK = "Open the order and press “Ask Stripe again”."
_SECOND = "Refund the payment that is not the order's at Stripe, or cancel it if it is not paid yet."
_LOOK = (
    "Open the order and read its timeline beside Stripe's dashboard before anything is shipped or refunded."
)

KINDS: dict[Kind, tuple[Severity, str]] = {
    Kind.PAID_AT_STRIPE_ONLY: (Severity.CRITICAL, _ASK + " If it stays unpaid, read why it is under review."),
    Kind.PAID_HERE_ONLY: (Severity.CRITICAL, "Ship nothing of it. " + _LOOK),
    Kind.NOT_AT_STRIPE: (
        Severity.CRITICAL,
        "Ship nothing of it. See whether the shop's key belongs to the account that was paid.",
    ),
    Kind.AMOUNT: (Severity.CRITICAL, _LOOK),
    Kind.CURRENCY: (Severity.CRITICAL, _LOOK),
    Kind.RECEIVED: (Severity.CRITICAL, _LOOK),
    Kind.NAMES_ANOTHER_ORDER: (Severity.CRITICAL, _LOOK),
    Kind.MODE: (Severity.CRITICAL, "A test key and a live key are mixed: correct the settings first."),
    Kind.CANCELLED_AT_STRIPE_ONLY: (Severity.WARNING, "It can no longer be paid: cancel the order."),
    Kind.SECOND_INTENT: (Severity.CRITICAL, _SECOND),
    Kind.INTENT_NOT_KNOWN_HERE: (Severity.WARNING, _ASK),
    Kind.UNKNOWN_ORDER: (
        Severity.CRITICAL,
        "Was the database restored from a backup, or does another shop use this account? Else refund it.",
    ),
    Kind.FOREIGN_MONEY: (Severity.NOTICE, "Taken past the shop (dashboard, payment link): book it by hand."),
    Kind.REFUND_AT_STRIPE_ONLY: (Severity.CRITICAL, "Work off its event again, or wait for the next sweep."),
    Kind.REFUND_NOT_AT_STRIPE: (Severity.CRITICAL, "The customer has not got it: refund it at Stripe."),
    Kind.REFUND_AMOUNT: (Severity.CRITICAL, _LOOK),
    Kind.REFUND_STATUS: (Severity.WARNING, "Work off its event again; the sweep asks about pending ones."),
    Kind.REFUNDED_SUM: (Severity.CRITICAL, "Compare the order's refunds with those at Stripe, one by one."),
    Kind.REFUND_WAITS: (Severity.WARNING, "Stripe has not answered for long: see its status page and ours."),
    Kind.DISPUTE_AT_STRIPE_ONLY: (
        Severity.CRITICAL,
        "Ship nothing of it, and work off its event again: the next sweep finds it too.",
    ),
    Kind.DISPUTE_NOT_AT_STRIPE: (Severity.CRITICAL, "Does the shop's key belong to the account that sold?"),
    Kind.DISPUTE: (Severity.WARNING, "Work off its event again; the sweep asks about open ones."),
    Kind.ORDER_PAID_WITHOUT_PAYMENT: (Severity.CRITICAL, "Ship nothing of it. " + _ASK),
    Kind.PAYMENT_WITHOUT_PAID_ORDER: (Severity.CRITICAL, "Money without an order: reinstate or refund it."),
    Kind.ORDER_AND_PAYMENT_AMOUNT: (Severity.CRITICAL, _LOOK),
    Kind.ORDER_REFUND_STATUS: (Severity.WARNING, _LOOK),
    Kind.ORDER_NOT_ENDED: (Severity.WARNING, "Is the worker up? The sweep should have ended it: cancel it."),
    Kind.PAID_WITHOUT_STOCK: (Severity.CRITICAL, "Find the goods or refund: nothing is set aside for it."),
    Kind.STOCK_FOR_NOBODY: (Severity.WARNING, "These units are kept from sale: release the reservation."),
    Kind.STOCK_COUNT: (Severity.CRITICAL, "Count the shelf, then enter the count; see `check_stock`."),
    Kind.CYCLES: (Severity.CRITICAL, "It would never be charged again, or twice: ask a developer today."),
    Kind.MAIL_WAITS: (Severity.WARNING, "Is the mail server up? Open the mail and send it again."),
    Kind.MAIL_FAILED: (Severity.NOTICE, "Open the mail, read its error and send it again."),
    Kind.ATTEMPT_UNRESOLVED: (Severity.WARNING, _ASK),
    Kind.EVENT_UNPROCESSED: (Severity.WARNING, "Is the worker up? Read its last error; work it off again."),
    Kind.PAYOUT_FAILED: (Severity.CRITICAL, "See the bank details in Stripe's dashboard."),
    Kind.PAYOUT_SUM: (Severity.WARNING, "Run `manage.py sync_payouts --all`; if it stays, ask Stripe."),
    Kind.PAYOUT_LINE_WITHOUT_ORDER: (Severity.NOTICE, "Taken past the shop: book it by hand."),
    Kind.MORE: (Severity.WARNING, "Mend what is listed, then run it again."),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. `here` and `there` are minor units of `currency`, or counts when there is none."""

    kind: Kind
    subject: str
    explanation: str
    order_id: int | None = None
    currency: str = ""
    here: int | None = None
    there: int | None = None
    # Where a kind is worse or less bad than usual.
    severity: Severity | None = None

    def as_row(self, run_id: int, known_since: datetime) -> ReconciliationDifference:
        usual, advice = KINDS[self.kind]
        return ReconciliationDifference(
            run_id=run_id,
            kind=self.kind,
            severity=self.severity or usual,
            subject=self.subject[:120],
            order_id=self.order_id,
            currency=self.currency,
            here=self.here,
            there=self.there,
            explanation=self.explanation[:300],
            advice=advice[:300],
            known_since=known_since,
        )
