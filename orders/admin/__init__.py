"""Staff's pages of orders, money, refills and regions: they list records and call verbs."""

from orders.admin import carts, customers, orders, payments, regions, subscriptions

__all__ = ["carts", "customers", "orders", "payments", "regions", "subscriptions"]
