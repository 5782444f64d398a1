"""Staff's pages of orders, money, refills and regions: they list records and call verbs."""

from orders.admin import (
    books,
    carts,
    customers,
    disputes,
    orders,
    paper,
    payments,
    regions,
    returns,
    subscriptions,
)

__all__ = [
    "books",
    "carts",
    "customers",
    "disputes",
    "orders",
    "paper",
    "payments",
    "regions",
    "returns",
    "subscriptions",
]
