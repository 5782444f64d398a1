"""The catalogue's side of the admin."""

from catalog.admin import back_in_stock, imports, inventory, mail_samples, price, product, synonyms

__all__ = ["back_in_stock", "imports", "inventory", "mail_samples", "price", "product", "synonyms"]
