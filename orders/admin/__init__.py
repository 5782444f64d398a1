"""Staff's pages of orders, money, refills and regions: they list records and call verbs."""

from orders.admin import (
    books,
    bulk_changes,
    carts,
    customers,
    discounts,
    disputes,
    mail_samples,
    orders,
    paper,
    payments,
    recalls,
    regions,
    returns,
    shipments,
    subscriptions,
)

__all__ = [
    "books",
    "bulk_changes",
    "carts",
    "customers",
    "discounts",
    "disputes",
    "mail_samples",
    "orders",
    "paper",
    "payments",
    "recalls",
    "regions",
    "returns",
    "shipments",
    "subscriptions",
]
