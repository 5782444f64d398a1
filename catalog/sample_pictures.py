"""Pictures of the sample catalogue: drawn for this shop, one file a product, beside the fixture."""

import json
from functools import lru_cache
from pathlib import Path

from django.core.files.base import ContentFile

from catalog.models import Product, ProductImage

FOLDER = Path(__file__).parent / "fixtures" / "pictures"


@lru_cache(maxsize=1)
def captions() -> dict[str, str]:
    """Return what each picture shows, by its file's name: a product's code."""
    return json.loads((FOLDER / "captions.json").read_text(encoding="utf-8"))


def load() -> int:
    """Give products that have no picture theirs and return how many; a worker draws the files."""
    bare = Product.objects.filter(code__in=captions(), images__isnull=True)
    for product in bare:
        picture = ProductImage(product=product, alt=captions()[product.code], position=1)
        content = ContentFile((FOLDER / f"{product.code}.webp").read_bytes())
        picture.original.save(f"{product.code}.webp", content, save=False)
        picture.save()
    return len(bare)
