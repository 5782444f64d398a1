"""The staff's pages about orders."""

from orders.admin import subscriptions

__all__ = ["subscriptions"]
