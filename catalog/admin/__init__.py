"""The catalogue's side of the admin."""

from catalog.admin import back_in_stock, inventory, price, product

__all__ = ["back_in_stock", "inventory", "price", "product"]
