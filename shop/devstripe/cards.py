"""Stripe's published test cards and what each of them does. Source: https://docs.stripe.com/testing

No other number is taken: this process must never hold a real card.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

DECLINED = "Your card was declined."


@dataclass(frozen=True)
class Decline:
    """Why a charge is refused: Stripe's error code, decline code and message."""

    code: str
    decline_code: str | None
    message: str = DECLINED


@dataclass(frozen=True)
class Card:
    """A test card.

    `authenticate` says when 3-D Secure is asked for: "never", "if_requested", "on_session"
    (also off session, unless the card was set up), "unless_set_up", "on_session_only" (the card counts as
    set up), or "always".
    """

    number: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    decline: Decline | None = None
    attachable: bool = True
    authenticate: str = "never"
    dispute: str | None = None
    warning: bool = False
    refund: str = "succeeded"
    cvc_check: str = "pass"
    risk: str = "normal"

    @property
    def last4(self) -> str:
        """The last four digits."""
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        """The same for every payment method made from this number."""
        return hashlib.sha256(self.number.encode()).hexdigest()[:16]


GENERIC = Decline("card_declined", "generic_decline")
INSUFFICIENT = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LOST = Decline("card_declined", "lost_card")
STOLEN = Decline("card_declined", "stolen_card")
EXPIRED = Decline("expired_card", None, "Your card has expired.")
WRONG_CVC = Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
PROCESSING = Decline(
    "processing_error", None, "An error occurred while processing your card. Try again in a little bit."
)
VELOCITY = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
)
FRAUDULENT = Decline("card_declined", "fraudulent")
AUTHENTICATION = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
NOT_PUBLISHED = Decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test card. For a "
    "list of valid test "
    "cards, visit: https://docs.stripe.com/testing.",
)
WRONG_NUMBER = Decline("incorrect_number", None, "Your card number is incorrect.")

_PLAIN = [
    Card("4242424242424242"),
    Card("4000056655665556", funding="debit"),
    Card("5555555555554444", "mastercard"),
    Card("2223003122003222", "mastercard"),
    Card("5200828282828210", "mastercard", "debit"),
    Card("5105105105105100", "mastercard", "prepaid"),
    Card("378282246310005", "amex"),
    Card("371449635398431", "amex"),
    Card("6011111111111117", "discover"),
    Card("3056930009020004", "diners"),
    Card("3566002020360505", "jcb", country="JP"),
    Card("6200000000000005", "unionpay", country="CN"),
    Card("4000008260000000", country="GB"),
    Card("4000058260000005", country="GB", funding="debit"),
    Card("5555558265554449", "mastercard", country="GB"),
    Card("4000000400000008", country="AT"),
    Card("4000000560000004", country="BE"),
    Card("4000002500000003", country="FR"),
    Card("4000002760000016", country="DE"),
    Card("4000003720000005", country="IE"),
    Card("4000003800000008", country="IT"),
    Card("4000005280000002", country="NL"),
    Card("4000006160000005", country="PL"),
    Card("4000007240000007", country="ES"),
    Card("4000000000000077"),
]
_DECLINING = [
    Card("4000000000000002", decline=GENERIC, attachable=False),
    Card("4000000000009995", decline=INSUFFICIENT, attachable=False),
    Card("4000000000009987", decline=LOST, attachable=False),
    Card("4000000000009979", decline=STOLEN, attachable=False),
    Card("4000000000000069", decline=EXPIRED, attachable=False),
    Card("4000000000000127", decline=WRONG_CVC, attachable=False, cvc_check="fail"),
    Card("4000000000000119", decline=PROCESSING, attachable=False),
    Card("4000000000006975", decline=VELOCITY, attachable=False),
    Card("4100000000000019", decline=FRAUDULENT, risk="highest"),
    Card("4000000000000341", decline=GENERIC),
]
_AUTHENTICATED = [
    Card("4000000000003220", authenticate="on_session"),
    Card("4000002500003155", authenticate="unless_set_up", country="FR"),
    Card("4000002760003184", authenticate="always", country="DE"),
    Card("4000003800000446", authenticate="on_session_only", country="IT"),
    Card("4000008260003178", authenticate="on_session", decline=INSUFFICIENT, country="GB"),
    Card("4000008400001629", authenticate="on_session", decline=GENERIC),
    Card("4000000000003055", authenticate="if_requested"),
    Card("4000000000003097", authenticate="if_requested"),
]
_TROUBLE = [
    Card("4000000000000259", dispute="fraudulent"),
    Card("4000000000002685", dispute="product_not_received"),
    Card("4000000000005423", warning=True),
    Card("4000000000005126", refund="failed"),
    Card("4000000000007726", refund="pending"),
    Card("4000000000009235", risk="elevated"),
    Card("4000000000004954", risk="highest"),
    Card("4000000000000101", cvc_check="fail"),
]
CARDS = {card.number: card for card in (*_PLAIN, *_DECLINING, *_AUTHENTICATED, *_TROUBLE)}

# Published names: tok_NAME as a card token, pm_card_NAME as a ready payment method.
NAMES = {
    "visa": "4242424242424242",
    "visa_debit": "4000056655665556",
    "mastercard": "5555555555554444",
    "mastercard_debit": "5200828282828210",
    "mastercard_prepaid": "5105105105105100",
    "amex": "378282246310005",
    "discover": "6011111111111117",
    "diners": "3056930009020004",
    "jcb": "3566002020360505",
    "unionpay": "6200000000000005",
    "gb": "4000008260000000",
    "at": "4000000400000008",
    "be": "4000000560000004",
    "fr": "4000002500000003",
    "de": "4000002760000016",
    "ie": "4000003720000005",
    "it": "4000003800000008",
    "nl": "4000005280000002",
    "pl": "4000006160000005",
    "es": "4000007240000007",
    "bypassPending": "4000000000000077",
    "chargeDeclined": "4000000000000002",
    "chargeDeclinedInsufficientFunds": "4000000000009995",
    "chargeDeclinedLostCard": "4000000000009987",
    "chargeDeclinedStolenCard": "4000000000009979",
    "chargeDeclinedExpiredCard": "4000000000000069",
    "chargeDeclinedIncorrectCvc": "4000000000000127",
    "chargeDeclinedProcessingError": "4000000000000119",
    "chargeDeclinedVelocityLimitExceeded": "4000000000006975",
    "chargeDeclinedFraudulent": "4100000000000019",
    "radarBlock": "4100000000000019",
    "riskLevelElevated": "4000000000009235",
    "riskLevelHighest": "4000000000004954",
    "cvcCheckFail": "4000000000000101",
    "chargeCustomerFail": "4000000000000341",
    "threeDSecure2Required": "4000000000003220",
    "threeDSecureRequired": "4000000000003220",
    "threeDSecureRequiredChargeDeclined": "4000008400001629",
    "threeDSecureOptional": "4000000000003055",
    "authenticationRequired": "4000002760003184",
    "authenticationRequiredOnSetup": "4000002500003155",
    "authenticationRequiredSetupForOffSession": "4000003800000446",
    "authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
    "createDispute": "4000000000000259",
    "createDisputeProductNotReceived": "4000000000002685",
    "createIssuerFraudRecord": "4000000000005423",
    "refundFail": "4000000000005126",
    "pendingRefund": "4000000000007726",
}


def by_name(name: str, prefix: str) -> Card | None:
    """Return the card of a published name such as tok_visa or pm_card_visa_chargeDeclined, or None."""
    if not name.startswith(prefix):
        return None
    short = name[len(prefix) :]
    number = NAMES.get(short) or NAMES.get(short.removeprefix("visa_"))
    return CARDS[number] if number else None


def is_number(digits: str) -> bool:
    """Whether the digits could be a card number: 13 to 19 of them, with the right check digit."""
    if not digits.isdigit() or not 13 <= len(digits) <= 19:
        return False
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
