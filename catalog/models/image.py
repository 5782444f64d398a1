"""Pictures of products."""

from django.db import models

from catalog.models.product import Product
from shop.images.models import Picture


class ProductImage(Picture):
    """One picture of a product; the first by position stands in lists."""

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="images")

    class Meta(Picture.Meta):
        db_table = "catalog_product_image"
        verbose_name = "product picture"
        indexes = [models.Index(fields=["product", "position"], name="catalog_product_image_order")]
