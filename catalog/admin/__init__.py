"""The catalogue's side of the admin."""

from catalog.admin import imports, inventory, mail_samples, price, product

__all__ = ["imports", "inventory", "mail_samples", "price", "product"]
