"""What the copy checker says of a product: its page is advertising, so no claim gets onto it."""

from collections.abc import Mapping

from catalog.models import Product
from shop.claims import checker
from shop.claims.checker import Finding

FIELDS = ("name", "summary", "description", "storage")


def texts_of(product: Product) -> dict[str, str]:
    """Return the words of a product by field; directions by method."""
    steps = {f"directions_{method}": "\n\n".join(lines) for method, lines in product.directions.items()}
    return {name: getattr(product, name) for name in FIELDS} | steps


def findings(texts: Mapping[str, str]) -> list[tuple[str, Finding]]:
    """Return what the rules find, each with its field."""
    return [(name, found) for name, text in texts.items() for found in checker.check_text(text)]


def blocks(texts: Mapping[str, str]) -> list[tuple[str, Finding]]:
    """Return the findings that keep a product off the shelf."""
    return [(name, found) for name, found in findings(texts) if found.severity == "block"]
