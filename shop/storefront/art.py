"""Which drawing stands for a product until it has photographs."""

from catalog.models import Product

# Where the drawing of its kind would show another thing; all others take that of their kind.
OWN_DRAWINGS = {
    "folding-foot-basin-8l": "basin",
    "foot-soak-starter": "foot-soak-starter",
    "household-refill": "household-refill",
    "magnesium-oil-refill-bottle": "oil-refill",
    "magnesium-oil-roll-on": "roll-on",
    "single-soak-sachets-unscented": "sachets",
}


def drawing_of(product: Product) -> str:
    """Return the path of a product's drawing among the static files."""
    return f"shop/art/{OWN_DRAWINGS.get(product.slug, product.kind)}.svg"
