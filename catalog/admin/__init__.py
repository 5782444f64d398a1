"""The catalogue's side of the admin."""

from catalog.admin import inventory, price, product

__all__ = ["inventory", "price", "product"]
