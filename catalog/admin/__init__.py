"""The catalogue's side of the admin."""

from catalog.admin import imports, inventory, price, product

__all__ = ["imports", "inventory", "price", "product"]
