"""The catalogue's side of the admin."""

from catalog.admin import inventory, mail_samples, price, product

__all__ = ["inventory", "mail_samples", "price", "product"]
