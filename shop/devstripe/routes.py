"""The timetable: every address of Stripe's that is served, and the verb behind it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from . import (
    balance,
    charges,
    customers,
    disputes,
    endpoints,
    intents,
    payment_methods,
    payouts,
    refunds,
    sessions,
    setup_intents,
)

Verb = Callable[..., Any]

ROUTES: dict[str, Verb] = {
    "POST /v1/payment_intents": intents.create,
    "GET /v1/payment_intents": intents.listed,
    "GET /v1/payment_intents/{intent}": intents.retrieve,
    "POST /v1/payment_intents/{intent}": intents.update,
    "POST /v1/payment_intents/{intent}/confirm": intents.confirm,
    "POST /v1/payment_intents/{intent}/cancel": intents.cancel,
    "POST /v1/payment_intents/{intent}/capture": intents.capture,
    "POST /v1/setup_intents": setup_intents.create,
    "GET /v1/setup_intents": setup_intents.listed,
    "GET /v1/setup_intents/{intent}": setup_intents.retrieve,
    "POST /v1/setup_intents/{intent}": setup_intents.update,
    "POST /v1/setup_intents/{intent}/confirm": setup_intents.confirm,
    "POST /v1/setup_intents/{intent}/cancel": setup_intents.cancel,
    "POST /v1/refunds": refunds.create,
    "GET /v1/refunds": refunds.listed,
    "GET /v1/refunds/{refund}": refunds.retrieve,
    "POST /v1/refunds/{refund}": refunds.update,
    "POST /v1/refunds/{refund}/cancel": refunds.cancel,
    "POST /v1/customers": customers.create,
    "GET /v1/customers": customers.listed,
    "GET /v1/customers/{customer}": customers.retrieve,
    "POST /v1/customers/{customer}": customers.update,
    "DELETE /v1/customers/{customer}": customers.delete,
    "GET /v1/customers/{customer}/payment_methods": payment_methods.of_customer,
    "GET /v1/customers/{customer}/payment_methods/{payment_method}": payment_methods.of_customer_one,
    "POST /v1/customer_sessions": customers.create_session,
    "POST /v1/payment_methods": payment_methods.create,
    "GET /v1/payment_methods": payment_methods.listed,
    "GET /v1/payment_methods/{payment_method}": payment_methods.retrieve,
    "POST /v1/payment_methods/{payment_method}": payment_methods.update,
    "POST /v1/payment_methods/{payment_method}/attach": payment_methods.attach,
    "POST /v1/payment_methods/{payment_method}/detach": payment_methods.detach,
    "GET /v1/charges": charges.listed,
    "GET /v1/charges/{charge}": charges.retrieve,
    "POST /v1/charges/{charge}": charges.update,
    "GET /v1/balance": balance.retrieve_total,
    "GET /v1/balance_transactions": balance.listed,
    "GET /v1/balance_transactions/{id}": balance.retrieve,
    "GET /v1/disputes": disputes.listed,
    "GET /v1/disputes/{dispute}": disputes.retrieve,
    "POST /v1/disputes/{dispute}": disputes.update,
    "POST /v1/disputes/{dispute}/close": disputes.close,
    "GET /v1/radar/early_fraud_warnings": disputes.listed_warnings,
    "GET /v1/radar/early_fraud_warnings/{early_fraud_warning}": disputes.retrieve_warning,
    "GET /v1/events": endpoints.listed_events,
    "GET /v1/events/{id}": endpoints.retrieve_event,
    "POST /v1/webhook_endpoints": endpoints.create,
    "GET /v1/webhook_endpoints": endpoints.listed,
    "GET /v1/webhook_endpoints/{webhook_endpoint}": endpoints.retrieve,
    "POST /v1/webhook_endpoints/{webhook_endpoint}": endpoints.update,
    "DELETE /v1/webhook_endpoints/{webhook_endpoint}": endpoints.delete,
    "POST /v1/checkout/sessions": sessions.create,
    "GET /v1/checkout/sessions": sessions.listed,
    "GET /v1/checkout/sessions/{session}": sessions.retrieve,
    "GET /v1/checkout/sessions/{session}/line_items": sessions.line_items,
    "POST /v1/checkout/sessions/{session}/expire": sessions.expire,
    "GET /v1/payouts": payouts.listed,
    "GET /v1/payouts/{payout}": payouts.retrieve,
    "GET /v1/account": balance.account,
}
PUBLISHABLE = frozenset(
    {
        "GET /v1/payment_intents/{intent}",
        "POST /v1/payment_intents/{intent}/confirm",
        "GET /v1/setup_intents/{intent}",
        "POST /v1/setup_intents/{intent}/confirm",
        "POST /v1/payment_methods",
    }
)


def _pattern(operation: str) -> re.Pattern[str]:
    return re.compile("^" + re.sub(r"\{[^}]+\}", "([^/]+)", operation) + "$")


_TABLE = [(operation.count("{"), _pattern(operation), operation) for operation in ROUTES]
_TABLE.sort(key=lambda row: row[0])


def find(method: str, path: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the operation's name and the ids in its path, or None when Stripe has no such address here."""
    for _, pattern, operation in _TABLE:
        match = pattern.match(f"{method} {path}")
        if match:
            return operation, match.groups()
    return None
