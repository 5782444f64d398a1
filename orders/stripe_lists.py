"""What the books are checked against: Stripe's charges, payouts and balance transactions, made small.

Everything is read through the gateway, page by page. Amounts in minor units, currencies in upper case.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from orders import stripe_gateway
from orders.stripe_gateway import BACKGROUND, Mood


@dataclass(frozen=True, slots=True)
class Charge:
    """Money taken, or an attempt to. A charge made without an intent has an empty `payment_intent_id`."""

    id: str
    payment_intent_id: str
    order_reference: str
    status: str
    amount_captured: int
    amount_refunded: int
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PayoutAtStripe:
    """Money sent to the bank. Only of an automatic one does Stripe say what is in it, once it is complete."""

    id: str
    status: str
    amount: int
    currency: str
    arrives_on: date
    is_automatic: bool
    is_complete: bool
    failure_code: str
    failure_message: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BalanceTransaction:
    """One movement of the balance; `payment_intent_id` and `order_reference` are those of what moved it."""

    id: str
    type: str
    category: str
    amount: int
    fee: int
    net: int
    currency: str
    exchange_rate: Decimal | None
    source_id: str
    payment_intent_id: str
    order_reference: str
    description: str
    created_at: datetime
    available_at: datetime


def charges_since(since: datetime | None) -> Iterator[Charge]:
    """Yield every charge created since a moment (None: ever), newest first."""
    for found in stripe_gateway.every("charges", stripe_gateway.created_since(since)):
        yield _charge(found.to_dict())


def payouts_since(since: datetime | None) -> Iterator[PayoutAtStripe]:
    """Yield every payout created since a moment (None: ever), newest first."""
    for found in stripe_gateway.every("payouts", stripe_gateway.created_since(since)):
        yield _payout(found.to_dict())


def retrieve_payout(payout_id: str) -> PayoutAtStripe:
    """Read one payout."""
    return _payout(stripe_gateway.read("payouts", payout_id).to_dict())


def balance_transactions_of(payout_id: str) -> Iterator[BalanceTransaction]:
    """Yield what an automatic payout is made of, the payout's own movement included.

    Source: https://docs.stripe.com/api/balance_transactions/list#balance_transaction_list-payout
    """
    params = {"payout": payout_id, "expand": ["data.source"]}
    for found in stripe_gateway.every("balance_transactions", params):
        yield _balance_transaction(found.to_dict())


def events_since(since: datetime, *, types: list[str], mood: Mood = BACKGROUND) -> Iterator[dict[str, Any]]:
    """Yield events as Stripe would post them to a webhook, newest first."""
    for found in stripe_gateway.every(
        "events", {**stripe_gateway.created_since(since), "types": types}, mood=mood
    ):
        yield found.to_dict()


def _charge(found: Mapping[str, Any]) -> Charge:
    return Charge(
        id=found["id"],
        payment_intent_id=_id_of(found.get("payment_intent")),
        order_reference=_order_of(found),
        status=found["status"],
        amount_captured=found.get("amount_captured") or 0,
        amount_refunded=found.get("amount_refunded") or 0,
        currency=found["currency"].upper(),
        created_at=_moment(found["created"]),
    )


def _payout(found: Mapping[str, Any]) -> PayoutAtStripe:
    return PayoutAtStripe(
        id=found["id"],
        status=found["status"],
        amount=found["amount"],
        currency=found["currency"].upper(),
        arrives_on=_moment(found["arrival_date"]).date(),
        is_automatic=bool(found["automatic"]),
        is_complete=found.get("reconciliation_status") == "completed",
        failure_code=found.get("failure_code") or "",
        failure_message=found.get("failure_message") or "",
        created_at=_moment(found["created"]),
    )


def _balance_transaction(found: Mapping[str, Any]) -> BalanceTransaction:
    source = found.get("source")
    about = source if isinstance(source, dict) else {}
    rate = found.get("exchange_rate")
    return BalanceTransaction(
        id=found["id"],
        type=found["type"],
        category=found.get("reporting_category") or "",
        amount=found["amount"],
        fee=found["fee"],
        net=found["net"],
        currency=found["currency"].upper(),
        exchange_rate=None if rate is None else Decimal(str(rate)),
        source_id=_id_of(source),
        payment_intent_id=_id_of(about.get("payment_intent")),
        order_reference=_order_of(about),
        description=found.get("description") or "",
        created_at=_moment(found["created"]),
        available_at=_moment(found["available_on"]),
    )


def _order_of(found: Mapping[str, Any]) -> str:
    return str((found.get("metadata") or {}).get("order_id", ""))


def _id_of(value: Any) -> str:
    if not value:
        return ""
    return value if isinstance(value, str) else str(value["id"])


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)
