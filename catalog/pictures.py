"""Pictures of products, as annotations: they cost a list no query."""

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef

from catalog.models import Product, ProductImage
from shop.images import showing


def riding_along(product: str = "pk") -> ArraySubquery:
    """Return all pictures of a product that are ready; `product` is the outer query's path to it."""
    return showing.riding_along(ProductImage.objects.filter(product=OuterRef(product)))


def first_of(product: Product) -> ProductImage | None:
    """Return the picture that stands for a product, if one is ready."""
    return ProductImage.objects.filter(product=product, state=ProductImage.State.READY).first()
